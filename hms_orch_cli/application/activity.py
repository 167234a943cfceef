"""What the charts show: activity by time, of this process and of the run list before it; and the services with their
health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from hms_orch_cli.ports.services import Service
from hms_orch_cli.ports.store import DerivedTables, RunRow
from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.views.activity import LONGEST_MS, OUTCOMES, WINDOWS, Activity, Slot
from hms_orch_cli.views.health import MINUTE_MS, MINUTES, Health, Minute

PAGE: Final = 1_000
MOST: Final = 200_000
"""Runs of before that are looked at: the newest."""

FAILURES: Final = 20
"""Steps that are named for failing most often."""


def before(tables: DerivedTables, began_at: int) -> Activity:
    """What the run list tells of the time before `began_at` (milliseconds since 1970), as far back as the longest
    window. A run that was triggered longer ago and ended within it is not in there."""
    past = Activity()
    last: str | None = None
    for _ in range(MOST // PAGE):
        rows = tables.run_rows(before=last, limit=PAGE)
        for row in rows:
            _fold(past, row, began_at)
        if len(rows) < PAGE or rows[-1].started_at < began_at - LONGEST_MS:
            break
        last = rows[-1].saga_id
    return past


def activity_json(parts: Iterable[Activity], window: str, now: int, saga: str | None) -> dict[str, Any]:
    """`{"window", "slotMs", "slots": [{"at", "started", "completed", "failed", "cancelled", "abandoned", "p50Ms",
    "p95Ms"}], "total": the same of all, "failures": [{"saga", "step", "count"}]}`; slots from the oldest to now."""
    span = WINDOWS[window]
    folds = [part.slots(window) for part in parts]
    first = now // span.slot_ms - span.slots + 1
    total, slots = Slot(), []
    failures: dict[tuple[str, str], int] = {}
    for number in range(first, first + span.slots):
        whole = Slot()
        for fold in folds:
            for name, slot in fold.get(number, {}).items():
                if saga in (None, name):
                    whole.add(slot)
                    for step, count in slot.failed_at.items():
                        failures[name, step] = failures.get((name, step), 0) + count
        total.add(whole)
        slots.append({"at": rfc3339(number * span.slot_ms), **_slot_json(whole)})
    worst = sorted(failures.items(), key=lambda each: (-each[1], each[0]))[:FAILURES]
    return {
        "window": window,
        "slotMs": span.slot_ms,
        "slots": slots,
        "total": _slot_json(total),
        "failures": [{"saga": name, "step": step, "count": count} for (name, step), count in worst],
    }


def services_json(
    book: Mapping[str, Service], sagas: Iterable[Saga], health: Mapping[str, Health], now: int
) -> list[dict[str, Any]]:
    """Every participant that is configured, called by a definition, or was called: `[{"name", "url", "state", "usedBy",
    "answered", "failed", "p50Ms", "p95Ms", "lastAnswerAt", "lastFailureAt", "lastFailure", "minutes"}]`. `url` is None
    for a plain host name, `state` up, unsteady, down, or quiet if it has not been called since this process began;
    numbers are of the last hour, `minutes` from the oldest on."""
    used: dict[str, set[str]] = {}
    for saga in sagas:
        for name in _services_of(saga):
            used.setdefault(name, set()).add(saga.id)
    return [
        {
            "name": name,
            "url": book[name].url if name in book else None,
            "usedBy": sorted(used.get(name, ())),
            **_health_json(health.get(name), now),
        }
        for name in sorted({*book, *used, *health})
    ]


def _fold(past: Activity, row: RunRow, began_at: int) -> None:
    if row.started_at < began_at:
        past.began(row.saga, row.started_at)
    outcome = row.state.lower()
    if row.ended_at is None or row.ended_at >= began_at or outcome not in OUTCOMES:
        return
    past.ended(row.saga, outcome, row.ended_at, row.ended_at - row.started_at)
    if outcome != "completed":
        for step in orjson.loads(row.steps):
            if step["state"] == "FAILED":
                past.failed(row.saga, step["name"], row.ended_at)


def _slot_json(slot: Slot) -> dict[str, Any]:
    durations = {"p50Ms": slot.durations.quantile(0.5), "p95Ms": slot.durations.quantile(0.95)}
    return {"started": slot.started, **slot.ended, **durations}


def _services_of(saga: Saga) -> Iterable[str]:
    for step in saga.steps.values():
        undo = step.compensate.call if step.compensate is not None else None
        for request in (step.call and step.call.request, undo and undo.request, step.check):
            if request is not None:
                yield request.service


def _health_json(health: Health | None, now: int) -> dict[str, Any]:
    numbers = range(now // MINUTE_MS - MINUTES + 1, now // MINUTE_MS + 1)
    known = {} if health is None else health.minutes
    minutes = [known.get(number, Minute(0, 0)) for number in numbers]
    times = (None, None) if health is None else (health.last_answer_at, health.last_failure_at)
    answer, failure = (None if at is None else rfc3339(at) for at in times)
    return {
        "state": "quiet" if health is None else health.state(now),
        "answered": sum(minute.answered for minute in minutes),
        "failed": sum(minute.failed for minute in minutes),
        "p50Ms": None if health is None else health.spread.quantile(0.5),
        "p95Ms": None if health is None else health.spread.quantile(0.95),
        "lastAnswerAt": answer,
        "lastFailureAt": failure,
        "lastFailure": None if health is None else health.last_failure or None,
        "minutes": [list(minute) for minute in minutes],
    }
