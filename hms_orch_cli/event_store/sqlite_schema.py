"""The SQLite file: its tables, its named SQL, and how an older file becomes a new one.

`events` is the log. Three walls keep it append-only and in order: triggers refuse UPDATE, DELETE and every INSERT that
is not the next position of the log and the next version of its stream; since that also refuses a row whose key is
there, INSERT OR REPLACE (which walks past DELETE triggers) and upserts are refused with it. The unique index on
(stream, version) is the concurrency control and, with one stream for each event from outside, the dedupe. Behind both
stands the hash chain, because the owner of a file can drop any trigger.

`runs` and `marks` are derived: thrown away and folded anew at will. The mark `folded_to` is the position they are
folded to.

A new file is one that migrates from version 0. Each step is a list of statements, all run in one transaction together
with the version they lead to, so a file is always wholly one version, whenever the process dies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from hms_orch_cli.event_store.batch import HAVING
from hms_orch_cli.ports.store import Event, Having, RunRow

APPLICATION_ID: Final = 0x686D736F
"""`hmso` in the file's header."""

EVENT_COLUMNS: Final = ", ".join(Event._fields)
RUN_COLUMNS: Final = ", ".join(RunRow._fields)

DERIVED: Final = (
    """CREATE TABLE IF NOT EXISTS runs (
        saga_id TEXT PRIMARY KEY,
        saga TEXT NOT NULL,
        revision TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        due_at INTEGER,
        event_seq INTEGER NOT NULL,
        event_id TEXT NOT NULL,
        event_source TEXT NOT NULL,
        event_type TEXT NOT NULL,
        steps TEXT NOT NULL,
        parked INTEGER NOT NULL,
        lock_key TEXT,
        fence INTEGER,
        awaits TEXT,
        items TEXT
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS runs_by_saga ON runs (saga, saga_id)",
    "CREATE INDEX IF NOT EXISTS runs_by_state ON runs (state, saga_id)",
    "CREATE INDEX IF NOT EXISTS runs_by_event ON runs (event_seq)",
    "CREATE INDEX IF NOT EXISTS runs_unfinished ON runs (saga_id) WHERE ended_at IS NULL",
    # With ended_at, which the condition tells already: SQLite looks into each row for it otherwise, ten times as long.
    "CREATE INDEX IF NOT EXISTS runs_in_flight ON runs (saga, state, revision, ended_at) WHERE ended_at IS NULL",
    "CREATE INDEX IF NOT EXISTS runs_moving ON runs (saga_id) WHERE ended_at IS NULL AND parked = 0",
    """CREATE INDEX IF NOT EXISTS runs_parked ON runs (due_at, saga_id)
        WHERE ended_at IS NULL AND parked = 1 AND due_at IS NOT NULL""",
    "CREATE INDEX IF NOT EXISTS runs_with_items ON runs (saga_id) WHERE items IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS runs_with_lock ON runs (saga_id) WHERE ended_at IS NULL AND lock_key IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS runs_awaiting ON runs (saga_id) WHERE ended_at IS NULL AND awaits IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
)
"""The derived tables. They hold nothing that the log does not: whoever drops them gets them back. Every write of a row
pays for each index that it is in; a run that goes straight through is in the partial ones for a moment or never."""

DERIVED_NAMES: Final = (
    *("runs", "runs_by_saga", "runs_by_state", "runs_by_event", "runs_unfinished", "runs_in_flight", "runs_moving"),
    *("runs_parked", "runs_with_items", "runs_with_lock", "runs_awaiting", "marks"),
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (  # 0 -> 1: the log
        f"PRAGMA application_id = {APPLICATION_ID}",
        """CREATE TABLE events (
            seq INTEGER PRIMARY KEY,
            stream TEXT NOT NULL,
            version INTEGER NOT NULL,
            id TEXT NOT NULL,
            source TEXT NOT NULL,
            type TEXT NOT NULL,
            time TEXT NOT NULL,
            data TEXT,
            subject TEXT,
            datacontenttype TEXT,
            dataschema TEXT,
            extensions TEXT,
            hash BLOB NOT NULL
        ) STRICT""",
        "CREATE UNIQUE INDEX events_by_stream ON events (stream, version)",
        """CREATE TRIGGER events_no_update BEFORE UPDATE ON events
        BEGIN SELECT RAISE(ABORT, 'the log is append-only: events are never changed'); END""",
        """CREATE TRIGGER events_no_delete BEFORE DELETE ON events
        BEGIN SELECT RAISE(ABORT, 'the log is append-only: events are never removed'); END""",
        """CREATE TRIGGER events_next_only BEFORE INSERT ON events
        WHEN new.seq IS NOT ifnull((SELECT max(seq) FROM events), 0) + 1
          OR new.version IS NOT ifnull((SELECT max(version) FROM events WHERE stream = new.stream), 0) + 1
        BEGIN SELECT RAISE(ABORT, 'the log is append-only: not its next position or version'); END""",
    ),
    (  # 1 -> 2: what arrived from outside is found without walking past the runs' own events
        "CREATE INDEX events_arrivals ON events (seq) WHERE stream NOT GLOB 'run/*'",
    ),
    (  # 2 -> 3: and by its type; the derived tables anew. They are folded again at the next start, but for how far
        # the log has met which definitions: no fold tells that, and old events are not to be dispatched once more.
        "CREATE INDEX events_by_type ON events (type) WHERE stream NOT GLOB 'run/*'",
        "DROP TABLE IF EXISTS runs",
        *DERIVED,
        "DELETE FROM marks WHERE name NOT IN ('dispatched', 'definitions')",
    ),
)
SCHEMA_VERSION: Final = len(MIGRATIONS)

HEAD: Final = "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"
STREAM_VERSION: Final = "SELECT ifnull(max(version), 0) FROM events WHERE stream = ?"
READ: Final = f"SELECT {EVENT_COLUMNS} FROM events WHERE stream = ? AND version > ? ORDER BY version"  # noqa: S608
READ_ALL: Final = f"SELECT {EVENT_COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
READ_CONTENTS: Final = "SELECT seq, stream, type, time, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
READ_ARRIVALS: Final = (
    f"SELECT {EVENT_COLUMNS} FROM events INDEXED BY events_arrivals "  # noqa: S608
    "WHERE stream NOT GLOB 'run/*' AND seq > ? ORDER BY seq LIMIT ?"
)
COUNT_ARRIVALS: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM events INDEXED BY events_arrivals "
    "WHERE stream NOT GLOB 'run/*' AND seq > ? LIMIT ?)"
)
READ_ARRIVALS_OF_TYPE: Final = (
    f"SELECT {EVENT_COLUMNS} FROM events INDEXED BY events_by_type "  # noqa: S608
    "WHERE stream NOT GLOB 'run/*' AND type = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
)
READ_TYPE: Final = (
    f"SELECT {EVENT_COLUMNS} FROM events "  # noqa: S608
    "WHERE type = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
)
DERIVED_COUNT: Final = f"SELECT count(*) FROM sqlite_schema WHERE name IN {DERIVED_NAMES}"  # noqa: S608
LAST_SEQ: Final = "SELECT ifnull(max(seq), 0) FROM events"
LAST_OF_RUNS: Final = "SELECT seq FROM events NOT INDEXED WHERE stream GLOB 'run/*' ORDER BY seq DESC LIMIT 1"

MARK: Final = "SELECT value FROM marks WHERE name = ?"
SET_MARK: Final = "INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)"
RUN: Final = f"SELECT {RUN_COLUMNS} FROM runs WHERE saga_id = ?"  # noqa: S608
COUNT_BY_STATE: Final = (
    "SELECT saga, state, count(*) FROM runs INDEXED BY runs_in_flight WHERE ended_at IS NULL GROUP BY saga, state"
)
COUNT_BY_REVISION: Final = (
    "SELECT saga, revision, sum(runs) FROM (SELECT saga, revision, count(*) AS runs FROM runs INDEXED BY "
    "runs_in_flight WHERE ended_at IS NULL GROUP BY saga, state, revision) GROUP BY saga, revision"
)
NEXT_DUE: Final = (
    "SELECT min(due_at) FROM runs INDEXED BY runs_parked WHERE ended_at IS NULL AND parked = 1 AND due_at > ?"
)
FORGET_DERIVED: Final = "DELETE FROM runs; DELETE FROM marks"

ROWS_AT_ONCE: Final = 64
"""Rows in one INSERT. One statement for each number of rows up to this is kept prepared: a statement lets go of the
GIL once, however many rows it has, and coming back waits for the event loop's thread."""


@cache
def insert_events(rows: int) -> str:
    """One INSERT of so many events."""
    return _insert(f"INSERT INTO events ({EVENT_COLUMNS})", len(Event._fields), rows)


@cache
def put_runs(rows: int) -> str:
    """One INSERT OR REPLACE of so many runs."""
    return _insert(f"INSERT OR REPLACE INTO runs ({RUN_COLUMNS})", len(RunRow._fields), rows)


def _insert(into: str, columns: int, rows: int) -> str:
    one = f"({', '.join('?' * columns)})"
    return f"{into} VALUES {', '.join([one] * rows)}"


MENTIONS: Final = (
    "instr(lower(concat_ws(char(10), saga_id, saga, event_id, event_source, event_type, reason)), lower(?))"
)
"""As `ports.RunRow.mentions`: SQLite's own lower() knows A to Z alone."""


class RunFilter(NamedTuple):
    """The filters of `ports.DerivedTables.run_rows` that have partial indexes; the others have values to bind."""

    unfinished: bool = False
    having: Having | None = None
    parked: bool | None = None
    is_due: bool = False

    def terms(self) -> Iterator[str]:
        """Conditions without values: SQLite has to see from the text that a partial index serves."""
        if self.unfinished:
            yield "ended_at IS NULL"
        if self.having is not None:
            yield f"{HAVING[self.having]} IS NOT NULL"
        if self.parked is not None:
            yield f"parked = {int(self.parked)}"

    def partial_index(self) -> str | None:
        """The smallest partial index with all rows that pass. SQLite keeps no statistics here: left alone, it takes
        an index with all the rows of a saga before one with a handful."""
        if self.having == "items":
            return "runs_with_items"
        if not self.unfinished:
            return None
        if self.having is not None:
            return "runs_with_lock" if self.having == "lock" else "runs_awaiting"
        if self.parked is None:
            return "runs_unfinished"
        if self.parked:
            return "runs_parked" if self.is_due else "runs_unfinished"
        return "runs_moving"


def select_runs(conditions: Sequence[str], by: RunFilter, *, oldest_first: bool = False) -> str:
    """The run list, newest first or the other way round, with a LIMIT to bind last."""
    index = by.partial_index()
    table = "runs" if index is None else f"runs INDEXED BY {index}"
    terms = [*by.terms(), *conditions]
    where = f"WHERE {' AND '.join(terms)} " if terms else ""
    return f"SELECT {RUN_COLUMNS} FROM {table} {where}ORDER BY saga_id{'' if oldest_first else ' DESC'} LIMIT ?"  # noqa: S608
