"""Traces: hands each span of a run to OpenTelemetry when it ends, which sends them to `[traces] url` in batches.

It hears of facts once they are durable, and keeps the open spans of the runs that it has heard of lately; what it does
not have, after a restart say, it folds from the log again. Nothing waits for it: what cannot be sent is dropped, and
said once in a while.
"""

from __future__ import annotations

import logging
import re
import threading
from asyncio import to_thread
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import orjson
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from hms_orch_cli import __version__
from hms_orch_cli.saga.encoding import from_data
from hms_orch_cli.saga.event_types import RUN_FACTS
from hms_orch_cli.saga.identity import span_id, trace_id
from hms_orch_cli.saga.moment import from_rfc3339
from hms_orch_cli.saga.state import Status as Standing
from hms_orch_cli.views.trace import Kind, Span, Trace

if TYPE_CHECKING:
    from hms_orch_cli.ports.store import Event, LogReader
    from hms_orch_cli.saga.events import RunFact
    from hms_orch_cli.saga.state import Run

PATH: Final = "/v1/traces"
STOP_S: Final = 3.0
"""Seconds that the last batch gets at a stop."""

MOST_TRACES: Final = 10_000
"""Runs whose open spans are kept; those beyond are folded from the log when they move."""

SAID_EVERY_S: Final = 60.0
"""Seconds between two lines about spans that could not be sent."""

_KINDS: Final[dict[Kind, SpanKind]] = {
    "run": SpanKind.CONSUMER,
    "call": SpanKind.CLIENT,
    "announcement": SpanKind.PRODUCER,
    "wait": SpanKind.INTERNAL,
}

_CAUSES: Final = (
    re.compile(r"\[Errno -?\d+\] ([^\"')]{1,200})"),
    re.compile(r"Transient error (.{1,200}?) encountered"),
    re.compile(r"code: (\d.{0,200})"),
)
"""What the exporter says of an attempt that failed, the innermost first."""

_log = logging.getLogger(__name__)


class Traces:
    """Sends the traces of runs to an OTLP/HTTP receiver at `url`, until `stop`. What OpenTelemetry's own variables say
    (OTEL_EXPORTER_OTLP_HEADERS, OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_…) holds as well."""

    def __init__(self, url: str, reader: LogReader) -> None:
        self._reader = reader
        self._traces: dict[str, Trace] = {}
        self._ids = _Ids()
        self._exporter = _Exporter(url if url.endswith(PATH) else url.rstrip("/") + PATH)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=_resource(), shutdown_on_exit=False, id_generator=self._ids
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("hms_orch_cli", __version__)

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """See `ports.Observer`."""
        if run.status is Standing.SKIPPED:
            return
        try:
            self._fold(run, facts)
        except Exception:  # noqa: BLE001  # whatever it is: no run is held up for its trace
            _log.exception("the trace of run %s is not whole", run.id)
            self._traces.pop(run.id, None)

    async def stop(self) -> None:
        """Sends what is left, for a few seconds at most."""
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        await to_thread(ending.join, STOP_S)
        if ending.is_alive():
            self._exporter.shutdown()  # ends the pause before another attempt

    def _fold(self, run: Run, facts: Sequence[RunFact]) -> None:
        before = run.version - len(facts)
        trace = self._traces.pop(run.id, None)
        if trace is None or trace.version != before:
            trace = self._recalled(run, before)
        for fact in facts:
            for span in trace.add(fact):
                self._send(run, span)
        if not run.status.ended:
            self._traces[run.id] = trace  # behind the others: it has moved last
            if len(self._traces) > MOST_TRACES:
                del self._traces[next(iter(self._traces))]

    def _recalled(self, run: Run, version: int) -> Trace:
        """The trace of a run up to a place in its stream, as the log has it."""
        trace = Trace(run.saga, run.id)
        events = self._reader.read(f"run/{run.id}") if version else ()
        for event in events:
            if event.version <= version and event.type in RUN_FACTS:
                trace.add(from_data(event.type, orjson.loads(event.data or "{}"), from_rfc3339(event.time)))
        return trace

    def _send(self, run: Run, span: Span) -> None:
        self._ids.trace, self._ids.span = int(trace_id(run.id), 16), int(span.id, 16)
        sent = self._tracer.start_span(
            span.name,
            context=_context(self._ids.trace, span.parent),
            kind=_KINDS[span.kind],
            attributes=span.about,
            links=list(self._causes(run)) if span.parent is None else (),
            start_time=_nanoseconds(span.began),
        )
        for moment in span.moments:
            sent.add_event(moment.name, moment.about, _nanoseconds(moment.at))
        if span.failed:
            sent.set_status(Status(StatusCode.ERROR, span.reason))
        sent.end(_nanoseconds(span.ended))

    def _causes(self, run: Run) -> Iterator[Link]:
        """What led to the run: the run that published its event, or the trace that the event came with."""
        found = self._reader.read_all(run.event.seq - 1, 1) if run.event is not None else []
        for event in found:
            if event.stream.startswith("run/"):
                cause = trace_id(event.stream.removeprefix("run/"))
                yield Link(_span_context(int(cause, 16), int(span_id("run"), 16)))
            elif (came_with := _came_with(event)) is not None:
                yield Link(came_with)


class _Exporter(SpanExporter):
    """OpenTelemetry's exporter, with one line now and then about what it could not send, instead of several at each
    attempt."""

    def __init__(self, url: str) -> None:
        self._exporter = OTLPSpanExporter(url)
        self._host = urlsplit(url).hostname
        logging.getLogger(OTLPSpanExporter.__module__).addFilter(_last_words)
        self._dropped = 0
        self._said_at = -SAID_EVERY_S
        self._over = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See `SpanExporter.export`; on the thread of the batches."""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._dropped += len(spans)
            if monotonic() - self._said_at >= SAID_EVERY_S:
                _log.warning(
                    "%d spans could not be sent to %s and are dropped: %s", self._dropped, self._host, _last_words.last
                )
                self._said_at, self._dropped = monotonic(), 0
        return result

    def shutdown(self) -> None:
        """See `SpanExporter.shutdown`; a second time changes nothing."""
        if not self._over:
            self._over = True
            self._exporter.shutdown()  # type: ignore[no-untyped-call]


class _LastWords(logging.Filter):
    """Keeps what was said last of an attempt that failed, and lets nothing through."""

    last = "no answer in time"

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter.filter`."""
        said = record.getMessage()
        found = next(filter(None, (cause.search(said) for cause in _CAUSES)), None)
        if found is not None:
            self.last = found[1]
        return False


_last_words: Final = _LastWords()


class _Ids(IdGenerator):
    """Gives the ids of the span that is sent next: they are known beforehand, not drawn."""

    trace = 0
    span = 0

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        return self.span


def _resource() -> Resource:
    """What sends: this program, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say otherwise."""
    ours = Resource({"service.name": "hms-orch", "service.version": __version__})
    return Resource.create().merge(ours).merge(OTELResourceDetector().detect())


def _context(trace: int, parent: str | None) -> Context:
    """The context below a span, or below none: never what happens to be current."""
    return set_span_in_context(NonRecordingSpan(_span_context(trace, int(parent or "0", 16))), Context())


def _span_context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _came_with(event: Event) -> SpanContext | None:
    """The context in the extension `traceparent` of an event (the CloudEvents extension for distributed tracing)."""
    told = orjson.loads(event.extensions or "{}").get("traceparent")
    if not isinstance(told, str):
        return None
    found = get_current_span(TraceContextTextMapPropagator().extract({"traceparent": told}, Context()))
    context = found.get_span_context()
    return context if context.is_valid else None


def _nanoseconds(ms: int) -> int:
    return ms * 1_000_000
