"""The run list as of the last event: the derived tables, with the tail of the log folded over them.

Mostly there is no tail. What folds it costs a command as much to import as all else it does, so that waits for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import orjson

from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.store import DerivedTables, Event, LogReader, RunRow
from hms_orch_cli.saga.moment import rfc3339

PAGE = 1_000


class Reader(LogReader, DerivedTables, Protocol):
    """The log and its derived tables."""


def list_runs(
    reader: Reader,
    *,
    saga: str | None = None,
    states: Sequence[str] = (),
    event_seq: int | None = None,
    text: str = "",
    before: str | None = None,
    limit: int = 100,
    tail_limit: int | None = None,
) -> list[RunRow]:
    """Runs that fit, newest first. `states` in either case; `text` as in `RunRow.mentions`; `before` is the last id of
    the page before. A tail of more than `tail_limit` events is left for the tables to take in: then the list is as it
    was a moment ago."""
    wanted = [state.upper() for state in states]
    hurried = tail_limit is not None and reader.last_seq() - reader.folded_to() > tail_limit
    fresh = {} if hurried else fresh_rows(reader)
    rows = reader.run_rows(
        saga=saga, states=wanted, event_seq=event_seq, text=text, before=before, limit=limit + len(fresh)
    )
    merged = {row.saga_id: row for row in rows if row.saga_id not in fresh}
    for row in fresh.values():
        fits = (saga is None or row.saga == saga) and (not wanted or row.state in wanted)
        fits = fits and (event_seq is None or row.event_seq == event_seq) and (not text or row.mentions(text))
        if fits and (before is None or row.saga_id < before):
            merged[row.saga_id] = row
    return sorted(merged.values(), key=lambda row: row.saga_id, reverse=True)[:limit]


def runs_of(reader: Reader, event_seq: int) -> list[RunRow]:
    """The runs that the event at this position has started."""
    return list_runs(reader, event_seq=event_seq)


def is_dispatched(reader: DerivedTables, seq: int) -> bool:
    """Whether the event at this position has met the definitions."""
    from hms_orch_cli.orchestrator.projection import DISPATCHED

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


def in_flight(reader: Reader) -> dict[str, dict[str, int]]:
    """Definition -> revision -> number of its runs that have not ended."""
    counts = reader.count_by_revision()
    for row in fresh_rows(reader).values():
        before = reader.run_row(row.saga_id)
        key = (row.saga, row.revision)
        was = before is not None and before.ended_at is None
        counts[key] = counts.get(key, 0) + (row.ended_at is None) - was
    found: dict[str, dict[str, int]] = {}
    for (saga, revision), count in counts.items():
        if count:
            found.setdefault(saga, {})[revision] = count
    return found


def tail(reader: Reader) -> Iterator[Event]:
    """The events that the tables do not know yet."""
    after = reader.folded_to()
    while events := reader.read_all(after, PAGE):
        yield from events
        after = events[-1].seq


def fresh_rows(reader: Reader) -> dict[str, RunRow]:
    """Rows of the runs that moved after the tables were written."""
    touched = {e.stream.removeprefix("run/"): None for e in tail(reader) if e.stream.startswith("run/")}
    if not touched:
        return {}
    from hms_orch_cli.orchestrator.definitions import Definitions
    from hms_orch_cli.orchestrator.history import read_run
    from hms_orch_cli.orchestrator.projection import row_of
    from hms_orch_cli.saga.state import Status

    definitions = Definitions(reader, _no_expressions)
    runs = [read_run(reader, definitions, saga_id) for saga_id in touched]
    return {run.id: row_of(run) for run in runs if run.status is not Status.SKIPPED}


def _no_expressions() -> Expressions:
    raise AssertionError("a view evaluates nothing")
