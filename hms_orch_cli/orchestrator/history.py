"""Runs read back from the log."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from hms_orch_cli.errors import NotFound
from hms_orch_cli.orchestrator.definitions import Definitions
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.ports.store import Event, LogReader
from hms_orch_cli.saga.encoding import from_data
from hms_orch_cli.saga.event_types import RUN_FACTS
from hms_orch_cli.saga.events import RunFact
from hms_orch_cli.saga.machine import begin, fold
from hms_orch_cli.saga.moment import from_rfc3339
from hms_orch_cli.saga.state import Run


def fact_of(event: Event) -> RunFact:
    """The fact that an event of a run's stream records."""
    return from_data(event.type, orjson.loads(event.data or "{}"), from_rfc3339(event.time))


def facts_of(events: Iterable[Event]) -> list[RunFact]:
    """The facts of a run's stream, in order."""
    return [fact_of(event) for event in events if event.type in RUN_FACTS]


def read_run(store: LogReader, definitions: Definitions, saga_id: str, to_seq: int | None = None) -> Run:
    """A run as the log tells it, up to and including position `to_seq` if given. Raises NotFound."""
    events = [e for e in store.read(f"run/{saga_id}") if to_seq is None or e.seq <= to_seq]
    if not events:
        raise NotFound(f"there is no run {saga_id}", "hms-orch status lists the runs")
    first = orjson.loads(events[0].data or "{}")
    saga = definitions.saga(first["saga"], first["revision"])
    return fold(begin(saga, saga_id), facts_of(events))


def load_run(store: LogReader, definitions: Definitions, saga_id: str) -> LiveRun:
    """A run ready to go on, with the event that triggered it."""
    run = read_run(store, definitions, saga_id)
    compiled = definitions.compiled(run.saga.id, run.saga.revision)
    return LiveRun(run, compiled, trigger_of(store, run))


def trigger_of(store: LogReader, run: Run) -> Event:
    """The event that started a run. Raises NotFound for a log that has lost it."""
    found = store.read_all(run.event.seq - 1, 1) if run.event is not None else []
    if not found:
        raise NotFound(
            f"the event that started run {run.id} is not in the log", "check the log with: hms-orch replay --verify"
        )
    return found[0]
