"""The run list and one run, as of the last event: the derived tables, with the tail of the log folded over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from hms_orch_cli.errors import NotFound
from hms_orch_cli.orchestrator.cloud_event import attributes_of
from hms_orch_cli.orchestrator.definitions import Definitions
from hms_orch_cli.orchestrator.history import read_run
from hms_orch_cli.orchestrator.projection import DISPATCHED, row_of
from hms_orch_cli.ports import DerivedTables, Event, Expressions, LogReader, RunRow
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.saga.state import Run, Status

PAGE = 1_000


class Reader(LogReader, DerivedTables, Protocol):
    """The log and its derived tables."""


class RunView(NamedTuple):
    """One run, with the events of its stream."""

    run: Run
    row: RunRow
    events: list[Event]


def list_runs(
    reader: Reader,
    *,
    saga: str | None = None,
    states: Sequence[str] = (),
    event_seq: int | None = None,
    limit: int = 100,
) -> list[RunRow]:
    """Runs that fit, newest first. `states` in either case."""
    wanted = [state.upper() for state in states]
    fresh = _fresh_rows(reader)
    rows = reader.run_rows(saga=saga, states=wanted, event_seq=event_seq, limit=limit + len(fresh))
    merged = {row.saga_id: row for row in rows if row.saga_id not in fresh}
    for row in fresh.values():
        fits = (saga is None or row.saga == saga) and (not wanted or row.state in wanted)
        if fits and (event_seq is None or row.event_seq == event_seq):
            merged[row.saga_id] = row
    return sorted(merged.values(), key=lambda row: row.saga_id, reverse=True)[:limit]


def one_run(reader: LogReader, saga_id: str, to_seq: int | None = None) -> RunView:
    """A run with its events; as it was at position `to_seq` if given. Raises NotFound."""
    run = read_run(reader, Definitions(reader, _no_expressions), saga_id, to_seq)
    if run.event is None or run.status is Status.SKIPPED:
        raise NotFound(f"there is no run {saga_id}", "hms-orch status lists the runs")
    events = [event for event in reader.read(f"run/{saga_id}") if to_seq is None or event.seq <= to_seq]
    return RunView(run, row_of(run), events)


def runs_of(reader: Reader, event_seq: int) -> list[RunRow]:
    """The runs that the event at this position has started."""
    return list_runs(reader, event_seq=event_seq)


def is_dispatched(reader: DerivedTables, seq: int) -> bool:
    """Whether the event at this position has met the definitions."""
    return int(reader.mark(DISPATCHED) or 0) >= seq


def run_json(row: RunRow) -> dict[str, Any]:
    """A row as `status -o json` and the API show it."""
    return {
        "sagaId": row.saga_id,
        "saga": row.saga,
        "revision": row.revision,
        "state": row.state,
        "reason": row.reason,
        "startedAt": rfc3339(row.started_at),
        "endedAt": None if row.ended_at is None else rfc3339(row.ended_at),
        "durationMs": None if row.ended_at is None else row.ended_at - row.started_at,
        "event": {"id": row.event_id, "source": row.event_source, "type": row.event_type},
        "steps": orjson.loads(row.steps),
    }


def timeline_json(view: RunView) -> dict[str, Any]:
    """A run with what happened to it, event by event."""
    timeline = [
        {"seq": event.seq, "time": event.time, "type": event.type, "data": orjson.loads(event.data or "null")}
        for event in view.events
    ]
    return {**run_json(view.row), "timeline": timeline}


def event_json(event: Event) -> dict[str, Any]:
    """An event as CloudEvents JSON, with its position (which no extension of that name can take the place of)."""
    document = {"seq": 0, "specversion": "1.0"} | attributes_of(event) | {"seq": event.seq}
    if event.data is not None:
        document["data"] = orjson.loads(event.data)
    return document


def _fresh_rows(reader: Reader) -> dict[str, RunRow]:
    """Rows of the runs that moved after the tables were written."""
    after = reader.folded_to()
    touched: dict[str, None] = {}
    while events := reader.read_all(after, PAGE):
        touched.update({e.stream.removeprefix("run/"): None for e in events if e.stream.startswith("run/")})
        after = events[-1].seq
    definitions = Definitions(reader, _no_expressions)
    runs = [read_run(reader, definitions, saga_id) for saga_id in touched]
    return {run.id: row_of(run) for run in runs if run.status is not Status.SKIPPED}


def _no_expressions() -> Expressions:
    raise AssertionError("a view evaluates nothing")
