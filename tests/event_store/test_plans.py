"""What SQLite walks for a question: never the log for a handful of events, never every run for a handful of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hms_orch_cli.event_store import sqlite_schema as schema
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.ports.store import Derived

from .making import one, row

Ask = Callable[[SqliteStore], object]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store with some of everything."""
    with SqliteStore(tmp_path / "events.db") as made:
        made.append([one(f"{kind}/{n}", 0) for n in range(20) for kind in ("event", "run")])
        rows = [row(f"{n:02}")._replace(ended_at=n if n < 15 else None, parked=n % 2) for n in range(20)]
        made.append([], Derived(rows))
        yield made


def plan(store: SqliteStore, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> str:
    """The query plan of the one statement that `ask` runs."""
    asked: list[tuple[str, tuple[Any, ...]]] = []
    rows = store._rows

    def watched(sql: str, bindings: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        asked.append((sql, bindings))
        return rows(sql, bindings)

    monkeypatch.setattr(store, "_rows", watched)
    ask(store)
    ((sql, bindings),) = asked
    return "; ".join(detail for *_, detail in rows(f"EXPLAIN QUERY PLAN {sql}", bindings))


SORTED = "; USE TEMP B-TREE FOR ORDER BY"
"""Of what was found, and only that."""

PLANS: dict[str, tuple[Ask, str]] = {
    "a stream": (
        lambda s: s.read("run/1", after=3),
        "SEARCH events USING INDEX events_by_stream (stream=? AND version>?)",
    ),
    "the log": (
        lambda s: s.read_all(3, 10),
        "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)",
    ),
    "how many arrivals": (
        lambda s: s.arrivals(3, 10),
        "CO-ROUTINE (subquery-1); SEARCH events USING INDEX events_arrivals (seq>?); SCAN (subquery-1)",
    ),
    "arrivals": (
        lambda s: s.read_all(3, 10, arrivals=True),
        "SEARCH events USING INDEX events_arrivals (seq>?)",
    ),
    "a type": (
        lambda s: s.read_type("policy.changed", 3, 9, 10),
        "SEARCH events USING INDEX events_by_type (type=? AND rowid>? AND rowid<?)",
    ),
    "a type of runs": (
        lambda s: s.read_type("saga.failed", 3, 9, 10),
        "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
    ),
    "the last of runs": (
        lambda s: s.last_of_runs(),
        "SCAN events",
    ),
    "of a saga": (
        lambda s: s.run_rows(saga="saga.a", before="17"),
        "SEARCH runs USING INDEX runs_by_saga (saga=? AND saga_id<?)",
    ),
    "in a state": (
        lambda s: s.run_rows(states=["STUCK"]),
        "SEARCH runs USING INDEX runs_by_state (state=?)",
    ),
    "of an event": (
        lambda s: s.run_rows(event_seq=1),
        "SEARCH runs USING INDEX runs_by_event (event_seq=?)",
    ),
    "unfinished": (
        lambda s: s.run_rows(unfinished=True, before="17"),
        "SEARCH runs USING INDEX runs_unfinished (saga_id<?)",
    ),
    "moving": (
        lambda s: s.run_rows(unfinished=True, parked=False),
        "SCAN runs USING INDEX runs_moving",
    ),
    "moving, a page": (
        lambda s: s.run_rows(unfinished=True, parked=False, before="17"),
        "SEARCH runs USING INDEX runs_moving (saga_id<?)",
    ),
    "parked and due": (
        lambda s: s.run_rows(unfinished=True, parked=True, due_to=5, before="17"),
        "SEARCH runs USING INDEX runs_parked (due_at<?)" + SORTED,
    ),
    "parked": (
        lambda s: s.run_rows(unfinished=True, parked=True, before="17"),
        "SEARCH runs USING INDEX runs_unfinished (saga_id<?)",
    ),
    "next due": (
        lambda s: s.next_due(5),
        "SEARCH runs USING INDEX runs_parked (due_at>?)",
    ),
    "oldest": (
        lambda s: s.oldest_run(),
        "SCAN runs USING INDEX runs_unfinished",
    ),
    "oldest with an item": (
        lambda s: s.oldest_run("items"),
        "SCAN runs USING INDEX runs_with_items",
    ),
    "unfinished by state": (
        lambda s: s.count_by_state(),
        "SCAN runs USING COVERING INDEX runs_in_flight",
    ),
    "unfinished by revision": (
        lambda s: s.count_by_revision(),
        "CO-ROUTINE (subquery-1); SCAN runs USING COVERING INDEX runs_in_flight; "
        "SCAN (subquery-1); USE TEMP B-TREE FOR GROUP BY",
    ),
    "items": (
        lambda s: s.run_rows(having="items"),
        "SCAN runs USING INDEX runs_with_items",
    ),
    "items of a saga, a page": (
        lambda s: s.run_rows(having="items", saga="saga.a", before="17"),
        "SEARCH runs USING INDEX runs_with_items (saga_id<?)",
    ),
    "locks": (
        lambda s: s.run_rows(having="lock", unfinished=True, saga="saga.a"),
        "SCAN runs USING INDEX runs_with_lock",
    ),
    "awaits": (
        lambda s: s.run_rows(having="awaits", unfinished=True, saga="saga.a"),
        "SCAN runs USING INDEX runs_awaiting",
    ),
}


@pytest.mark.parametrize("question", PLANS)
def test_only_what_is_asked_for_is_walked(store: SqliteStore, question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, expected = PLANS[question]
    assert plan(store, ask, monkeypatch) == expected


def test_the_version_of_a_stream_is_looked_up(store: SqliteStore) -> None:
    ((*_, detail),) = store._rows(f"EXPLAIN QUERY PLAN {schema.STREAM_VERSION}", ("run/1",))
    assert detail == "SEARCH events USING COVERING INDEX events_by_stream (stream=?)"
