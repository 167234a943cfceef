"""/metrics: the totals of the log and what holds at this moment, read when asked, so that a restart forgets nothing;
beside them what the process measures of itself.

No label ever holds a run's id; their values come from definitions and from the words of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from hms_orch_cli import __version__
from hms_orch_cli.application.instruments import Instruments
from hms_orch_cli.application.office import Gauges, Office
from hms_orch_cli.views.histogram import Histogram
from hms_orch_cli.views.states import STATES
from hms_orch_cli.views.totals import DURATION_BOUNDS_MS

FAILURES = ("failed", "stuck", "abandoned")
"""The ends that count as a failure of the definition."""

UNFINISHED = tuple(state for state in STATES[: STATES.index("STUCK") + 1])

COUNTERS = {
    "saga_started": ("started", ("saga",), "Runs started."),
    "saga_step_attempts": ("attempts", ("saga", "op", "outcome"), "Attempts of calls and undos, by what they came to."),
    "saga_compensation_failures": ("compensation_failures", ("saga",), "Attempts of an undo that failed."),
    "saga_filter_errors": ("filter_errors", ("saga",), "Filters that could not be evaluated; no run was started."),
    "saga_skipped": ("skipped", ("saga",), "Events that fitted and started no run."),
    "saga_match_errors": (
        "match_errors",
        ("saga",),
        "Events that a waiting step could not be matched with.",
    ),
    "saga_redriven": ("redriven", ("saga",), "Ended runs that a person let go on, or start anew."),
    "saga_hitl_queued": ("hitl_queued", ("saga", "kind"), "Items that a person was asked to decide."),
}
"""metric without _total -> (name in the totals, labels, help)"""


def exposition(office: Office, accept: str) -> tuple[bytes, str]:
    """The metrics in the format that `accept` asks for, and its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Office(office))
    ProcessCollector(registry=registry)
    encoder, media_type = choose_encoder(accept)
    return encoder(registry), media_type


class _Office(Collector):
    def __init__(self, office: Office) -> None:
        self._office = office

    def collect(self) -> Iterator[Metric]:
        """All families."""
        totals = self._office.totals()
        sagas = sorted(totals.counts.get("started", {}))
        yield _histogram(
            "saga_duration_ms",
            "Milliseconds from the start of a run to its end, undo included.",
            ("saga", "outcome"),
            totals.durations,
        )
        yield _histogram(
            "saga_lock_wait_ms",
            "Milliseconds from when a run asked for its lock to when it held it.",
            ("saga",),
            totals.lock_waits,
        )
        yield _failures(totals.counts.get("ended", {}), sagas)
        for name, (counted, labels, text) in COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=labels)
            for label, count in sorted(totals.counts.get(counted, {}).items()):
                counter.add_metric(label.split("|"), count)
            yield counter
        yield from self._now()

    def _now(self) -> Iterator[Metric]:
        gauges = self._office.gauges()
        moving = GaugeMetricFamily("saga_in_flight", "Runs that have not ended, by state.", labels=("saga", "state"))
        for saga in sorted(
            {saga for saga, _ in gauges.in_flight} | set(self._office.totals().counts.get("started", {}))
        ):
            for state in UNFINISHED:
                moving.add_metric((saga, state), gauges.in_flight.get((saga, state), 0))
        yield moving
        yield GaugeMetricFamily(
            "saga_oldest_unfinished_seconds",
            "Age of the oldest run that has not ended.",
            gauges.oldest_unfinished_ms / 1000,
        )
        yield GaugeMetricFamily("saga_calls_in_flight", "Requests to participants under way.", gauges.calls_in_flight)
        yield from self._questions(gauges)
        yield GaugeMetricFamily("saga_calls_waiting", "Calls that wait for a place among them.", gauges.calls_waiting)
        yield GaugeMetricFamily("saga_calls_limit", "Places for calls.", gauges.calls_limit)
        yield GaugeMetricFamily(
            "saga_event_backlog", "Events in the log that have not met the definitions yet.", gauges.backlog
        )
        yield CounterMetricFamily("saga_log_events", "Events in the log.", gauges.last_seq)
        paused = GaugeMetricFamily("saga_definition_paused", "1 for a definition whose events wait.", labels=("saga",))
        for saga in gauges.paused:
            paused.add_metric((saga,), 1)
        yield paused
        yield GaugeMetricFamily(
            "saga_ready", "1 if the orchestrator is ready for work.", float(not self._office.objection())
        )
        yield CounterMetricFamily(
            "saga_events_refused", "Events answered 429, as too much was on its way.", self._office.refused
        )
        yield from _of_this_process(self._office.instruments)

    def _questions(self, gauges: Gauges) -> Iterator[Metric]:
        """What people are asked, and what runs wait for one another."""
        counts = self._office.totals().counts
        settled = counts.get("hitl_settled", {})
        open_ = GaugeMetricFamily("saga_hitl_open", "Open items of the HITL queue.", labels=("saga", "kind"))
        for label, queued in sorted(counts.get("hitl_queued", {}).items()):
            open_.add_metric(label.split("|"), queued - settled.get(label, 0))
        yield open_
        yield GaugeMetricFamily(
            "saga_hitl_oldest_seconds", "Age of the oldest open item.", gauges.oldest_item_ms / 1000
        )
        yield GaugeMetricFamily("saga_lock_line", "Runs that stand in line for a lock.", gauges.lock_waits)
        yield GaugeMetricFamily(
            "saga_lock_line_oldest_seconds", "Age of the oldest run in such a line.", gauges.oldest_in_line_ms / 1000
        )


def _histogram(name: str, text: str, labels: tuple[str, ...], counted: Mapping[str, list[int]]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for label, counts in sorted(counted.items()):
        below = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip(DURATION_BOUNDS_MS, counts, strict=False):
            below += count
            buckets.append((f"{bound}.0", below))
        buckets.append(("+Inf", below + counts[len(DURATION_BOUNDS_MS)]))
        family.add_metric(label.split("|"), buckets, counts[-1])
    return family


def _of_this_process(instruments: Instruments) -> Iterator[Metric]:
    """They begin anew at a start: what a disk, a network and a participant do is of today."""
    yield _measured(
        HistogramMetricFamily("saga_append_seconds", "Seconds that a commit to the event store takes."),
        {(): instruments.commits},
    )
    yield _measured(
        HistogramMetricFamily(
            "saga_call_seconds", "Seconds that a request to a participant takes.", labels=("service", "answer")
        ),
        instruments.calls,
    )
    yield GaugeMetricFamily("saga_appends_waiting", "Appends on their way into the log.", instruments.appends_waiting())
    yield GaugeMetricFamily("saga_store_bytes", "Bytes that the store takes on the disk.", instruments.store_bytes())
    yield CounterMetricFamily(
        "saga_webhook_failures", "Posts of the webhook that nobody took.", instruments.webhook_failures()
    )
    yield InfoMetricFamily("saga_build", "The version that runs.", {"version": __version__})


def _measured(family: HistogramMetricFamily, measured: Mapping[Any, Histogram]) -> Metric:
    """The family, of what is told by the values of its labels."""
    for labels, histogram in sorted(measured.items()):
        below = accumulate(histogram.buckets)
        buckets = [(str(bound), float(count)) for bound, count in zip((*histogram.bounds, "+Inf"), below, strict=True)]
        family.add_metric(labels, buckets, histogram.sum)
    return family


def _failures(ended: Mapping[str, int], sagas: list[str]) -> Metric:
    """With a zero for every definition that ever ran: an alarm on a rate needs the first failure to be a rise."""
    family = CounterMetricFamily("saga_fail", "Runs that did not complete.", labels=("saga", "outcome"))
    for saga in sagas:
        for outcome in FAILURES:
            family.add_metric((saga, outcome), ended.get(f"{saga}|{outcome}", 0))
    return family
