"""One run, locks and questions to people, as of the last event. The run list itself is `run_list.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import orjson

from hms_orch_cli.application.run_list import PAGE, Reader, fresh_rows, run_json, tail
from hms_orch_cli.errors import NotFound
from hms_orch_cli.orchestrator.cloud_event import attributes_of
from hms_orch_cli.orchestrator.definitions import Definitions
from hms_orch_cli.orchestrator.history import fact_of, read_run
from hms_orch_cli.orchestrator.projection import DEFINITIONS, DISPATCHED, QUESTIONS, row_of
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.store import Event, LogReader, RunRow
from hms_orch_cli.saga.attention import DECISIONS
from hms_orch_cli.saga.moment import from_rfc3339, rfc3339
from hms_orch_cli.saga.state import Run, Status
from hms_orch_cli.views.questions import ENDS, STREAM, Questions


class RunView(NamedTuple):
    """One run, with the events of its stream."""

    run: Run
    row: RunRow
    events: list[Event]


def one_run(reader: LogReader, saga_id: str, to_seq: int | None = None) -> RunView:
    """A run with its events; as it was at position `to_seq` if given. Raises NotFound."""
    run = read_run(reader, Definitions(reader, _no_expressions), saga_id, to_seq)
    if run.event is None or run.status is Status.SKIPPED:
        raise NotFound(f"there is no run {saga_id}", "hms-orch status lists the runs")
    events = [event for event in reader.read(f"run/{saga_id}") if to_seq is None or event.seq <= to_seq]
    return RunView(run, row_of(run), events)


def state_json(run: Run) -> dict[str, Any]:
    """The same of a run in memory."""
    return run_json(row_of(run))


def timeline_json(view: RunView) -> dict[str, Any]:
    """A run with what happened to it, event by event; `redriveOf` and `replacedBy` are runs, None where there is
    none."""
    timeline = [
        {"seq": event.seq, "time": event.time, "type": event.type, "data": orjson.loads(event.data or "null")}
        for event in view.events
    ]
    linked = {"redriveOf": timeline[0]["data"].get("redriveOf"), "replacedBy": view.run.replaced_by}
    return {**run_json(view.row), **linked, "timeline": timeline}


def event_json(event: Event) -> dict[str, Any]:
    """An event as CloudEvents JSON, with its position (which no extension of that name can take the place of)."""
    document = {"seq": 0, "specversion": "1.0"} | attributes_of(event) | {"seq": event.seq}
    if event.data is not None:
        document["data"] = orjson.loads(event.data)
    return document


def definitions_that_hold(reader: Reader) -> dict[str, str]:
    """id -> revision, as of the last event."""
    definitions, after = Definitions(reader, _no_expressions), 0
    if (written := reader.mark(DEFINITIONS)) is not None:
        definitions.restore(orjson.loads(written))
        after = int(reader.mark(DISPATCHED) or 0)
    while events := reader.read_all(after, PAGE, arrivals=True):
        for event in events:
            definitions.apply(event)
        after = events[-1].seq
    return definitions.current


def claimed(reader: Reader) -> list[RunRow]:
    """The runs that hold a lock or stand in line for one: by key, the holder first, then by the triggering event."""
    rows = _having(reader, "lock", lambda row: row.lock_key is not None)
    return sorted(rows, key=lambda row: (row.lock_key or "", not row.fence, row.event_seq, row.saga_id))


def locks_json(reader: Reader) -> list[dict[str, Any]]:
    """Locks as `lock list -o json` shows them: the holder, and who stands in line."""
    locks: dict[str, dict[str, Any]] = {}
    for row in claimed(reader):
        key = row.lock_key or ""
        lock = locks.setdefault(key, {"key": orjson.loads(key), "holder": None, "queue": []})
        about = {"sagaId": row.saga_id, "saga": row.saga, "state": row.state, "startedAt": rfc3339(row.started_at)}
        if row.fence:
            lock["holder"] = {**about, "fence": row.fence}
        else:
            lock["queue"].append(about)
    return list(locks.values())


def claimed_since(reader: Reader, saga_id: str) -> int:
    """When a run got its lock, or came into line for it (milliseconds since 1970); 0 if it has asked for none."""
    for event in reversed(reader.read(f"run/{saga_id}")):
        if event.type in ("saga.lock.acquired", "saga.lock.queued"):
            return from_rfc3339(event.time)
    return 0


def items_json(reader: Reader) -> list[dict[str, Any]]:
    """The open items as `hitl list -o json` shows them, the oldest first."""
    items: list[dict[str, Any]] = []
    for row in _having(reader, "items", lambda row: row.items is not None):
        items += orjson.loads(row.items or "[]")
    items += [
        {
            "id": question.id,
            "kind": question.kind,
            "sagaId": None,
            "saga": question.saga,
            "step": None,
            "reason": question.reason,
            "since": question.since,
            "expiresAt": None,
            "decisions": list(DECISIONS[question.kind]),
        }
        for question in questions_of(reader).open.values()
    ]
    return sorted(items, key=lambda item: (item["since"], item["id"]))


def questions_of(reader: Reader) -> Questions:
    """What is asked about definitions, as of the last event."""
    written = reader.mark(QUESTIONS)
    questions = Questions() if written is None else Questions.from_json(orjson.loads(written))
    for event in tail(reader):
        if event.stream.startswith(STREAM):
            questions.add_event(event.type, event.time, orjson.loads(event.data or "{}"))
        elif event.type in ENDS and event.stream.startswith("run/"):
            questions.add(orjson.loads(event.data or "{}")["saga"], fact_of(event))
    return questions


def _having(reader: Reader, what: Literal["items", "lock"], fits: Callable[[RunRow], bool]) -> Iterator[RunRow]:
    """A page at a time: there may be a hundred thousand."""
    fresh = fresh_rows(reader)
    yield from filter(fits, fresh.values())
    before: str | None = None
    while page := reader.run_rows(unfinished=True, having=what, before=before, limit=PAGE):
        yield from (row for row in page if row.saga_id not in fresh)
        before = page[-1].saga_id


def _no_expressions() -> Expressions:
    raise AssertionError("a view evaluates nothing")
