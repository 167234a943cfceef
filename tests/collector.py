"""A collector of traces: takes what OpenTelemetry's exporter sends over OTLP/HTTP, and keeps it in plain words."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status


class Collected(NamedTuple):
    """One span as it came. Times are nanoseconds since 1970."""

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    began: int
    ended: int
    error: str | None
    """what the status says if it is an error, else None"""
    about: dict[str, Any]
    events: list[str]
    links: list[tuple[str, str]]
    """(trace, span)"""


class Collector:
    """Listens on a free port of the loopback, for a with statement. `status` is what it answers."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.spans: list[Collected] = []
        self.resources: list[dict[str, Any]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._came = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="collector")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def asked(self, times: int) -> None:
        """Returns once so many requests have come, whatever was answered."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.requests) >= times, 30), f"{len(self.requests)} requests"

    def named(self, name: str) -> Collected:
        """The only span of that name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """One request; the status to answer."""
        with self._came:
            self.requests.append((path, headers))
            if self.status == 200:
                self._keep(ExportTraceServiceRequest.FromString(body))
            self._came.notify_all()
        return self.status

    def _keep(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            self.resources.append(_plain(resource.resource.attributes))
            self.spans += [_collected(span) for scope in resource.scope_spans for span in scope.spans]


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(collector.take(self.path, headers, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Handler


def _collected(span: WireSpan) -> Collected:
    return Collected(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        error=span.status.message if span.status.code == Status.STATUS_CODE_ERROR else None,
        about=_plain(span.attributes),
        events=[event.name for event in span.events],
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each) for each in attributes}


def _value(attribute: KeyValue) -> Any:
    return getattr(attribute.value, attribute.value.WhichOneof("value") or "string_value")
