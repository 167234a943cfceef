"""/metrics: the totals of the log and what holds at this moment, read when asked, so that a restart forgets nothing;
beside them what the process measures of itself.

No label ever holds a run's id; their values come from definitions and from the words of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate, product
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
from hms_orch_cli.saga.attention import DECISIONS
from hms_orch_cli.views.histogram import Histogram
from hms_orch_cli.views.states import STATES
from hms_orch_cli.views.totals import DURATION_BOUNDS_MS, Totals

FAILURES = ("failed", "stuck", "abandoned")
"""The ends that count as a failure of the definition."""

UNFINISHED = tuple(state for state in STATES[: STATES.index("STUCK") + 1])

COUNTERS = {
    "saga_started": ("started", "Runs started."),
    "saga_compensation_failures": ("compensation_failures", "Attempts of an undo that failed."),
    "saga_filter_errors": ("filter_errors", "Filters that could not be evaluated; no run was started."),
    "saga_skipped": ("skipped", "Events that fitted and started no run."),
    "saga_match_errors": ("match_errors", "Events that a waiting step could not be matched with."),
    "saga_redriven": ("redriven", "Ended runs that a person let go on, or start anew."),
}
"""metric without _total -> (name in the totals, help); by saga"""


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
        totals, gauges = self._office.totals(), self._office.gauges()
        sagas = sorted({*gauges.deployed, *totals.counts.get("started", {}), *(saga for saga, _ in gauges.in_flight)})
        yield from _of_the_log(totals, sagas)
        yield from _of_people(totals.counts, sagas, gauges)
        yield from _of_this_moment(gauges, sagas)
        yield GaugeMetricFamily(
            "saga_ready", "1 if the orchestrator is ready for work.", float(not self._office.objection())
        )
        yield CounterMetricFamily(
            "saga_events_refused", "Events answered 429, as too much was on its way.", self._office.refused
        )
        yield from _of_this_process(self._office.instruments)


def _of_the_log(totals: Totals, sagas: list[str]) -> Iterator[Metric]:
    """With a zero for every definition: an alarm on a rise needs something to rise from."""
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
    ended = totals.counts.get("ended", {})
    failures = CounterMetricFamily("saga_fail", "Runs that did not complete.", labels=("saga", "outcome"))
    for saga, outcome in product(sagas, FAILURES):
        failures.add_metric((saga, outcome), ended.get(f"{saga}|{outcome}", 0))
    yield failures
    for name, (counted, text) in COUNTERS.items():
        counts = totals.counts.get(counted, {})
        counter = CounterMetricFamily(name, text, labels=("saga",))
        for saga in sorted({*sagas, *counts}):
            counter.add_metric((saga,), counts.get(saga, 0))
        yield counter
    attempts = CounterMetricFamily(
        "saga_step_attempts", "Attempts of calls and undos, by what they came to.", labels=("saga", "op", "outcome")
    )
    for label, count in sorted(totals.counts.get("attempts", {}).items()):
        attempts.add_metric(label.split("|"), count)
    yield attempts


def _of_people(counts: Mapping[str, Mapping[str, int]], sagas: list[str], gauges: Gauges) -> Iterator[Metric]:
    """What they are asked."""
    queued, settled = counts.get("hitl_queued", {}), counts.get("hitl_settled", {})
    asked = CounterMetricFamily("saga_hitl_queued", "Items that a person was asked to decide.", labels=("saga", "kind"))
    open_ = GaugeMetricFamily("saga_hitl_open", "Those that are open.", labels=("saga", "kind"))
    for label in sorted({*queued, *(f"{saga}|{kind}" for saga, kind in product(sagas, DECISIONS))}):
        asked.add_metric(label.split("|"), queued.get(label, 0))
        open_.add_metric(label.split("|"), queued.get(label, 0) - settled.get(label, 0))
    yield asked
    yield open_
    yield GaugeMetricFamily("saga_hitl_oldest_seconds", "Age of the oldest open item.", gauges.oldest_item_ms / 1000)


def _of_this_moment(gauges: Gauges, sagas: list[str]) -> Iterator[Metric]:
    moving = GaugeMetricFamily("saga_in_flight", "Runs that have not ended, by state.", labels=("saga", "state"))
    for saga, state in product(sagas, UNFINISHED):
        moving.add_metric((saga, state), gauges.in_flight.get((saga, state), 0))
    yield moving
    paused = GaugeMetricFamily(
        "saga_definition_paused", "1 for a definition that is paused: its events wait.", labels=("saga",)
    )
    for saga in gauges.deployed:
        paused.add_metric((saga,), float(saga in gauges.paused))
    yield paused
    for name, text, value in (
        ("saga_oldest_unfinished_seconds", "Age of the oldest run that has not ended.", gauges.oldest_unfinished_ms),
        ("saga_lock_line_oldest_seconds", "Age of the oldest run in line for a lock.", gauges.oldest_in_line_ms),
    ):
        yield GaugeMetricFamily(name, text, value / 1000)
    for name, text, value in (
        ("saga_lock_line", "Runs that stand in line for a lock.", gauges.lock_waits),
        ("saga_calls_in_flight", "Requests to participants under way.", gauges.calls_in_flight),
        ("saga_calls_waiting", "Calls that wait for a place among those.", gauges.calls_waiting),
        ("saga_calls_limit", "Places for them.", gauges.calls_limit),
        ("saga_event_backlog", "Events in the log that have not met the definitions yet.", gauges.backlog),
    ):
        yield GaugeMetricFamily(name, text, value)
    yield CounterMetricFamily("saga_log_events", "Events in the log.", gauges.last_seq)


def _histogram(name: str, text: str, labels: tuple[str, ...], counted: Mapping[str, list[int]]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for label, counts in sorted(counted.items()):
        below = accumulate(counts[:-1])
        bounds = (*(f"{bound}.0" for bound in DURATION_BOUNDS_MS), "+Inf")
        family.add_metric(label.split("|"), list(zip(bounds, map(float, below), strict=True)), counts[-1])
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
    yield GaugeMetricFamily(
        "saga_tokens_stale",
        "1 while the tokens of before hold, as the file cannot be read.",
        float(instruments.tokens_stale()),
    )
    yield InfoMetricFamily("saga_build", "The version that runs.", {"version": __version__})


def _measured(family: HistogramMetricFamily, measured: Mapping[Any, Histogram]) -> Metric:
    """The family, of what is told by the values of its labels."""
    for labels, histogram in sorted(measured.items()):
        below = accumulate(histogram.buckets)
        buckets = [(str(bound), float(count)) for bound, count in zip((*histogram.bounds, "+Inf"), below, strict=True)]
        family.add_metric(labels, buckets, histogram.sum)
    return family
