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

from collections.abc import Sequence
from functools import cache
from typing import Final

from hms_orch_cli.ports import Event, RunRow

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
        steps TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS runs_by_saga ON runs (saga, saga_id)",
    "CREATE INDEX IF NOT EXISTS runs_by_state ON runs (state, saga_id)",
    "CREATE INDEX IF NOT EXISTS runs_by_event ON runs (event_seq)",
    "CREATE INDEX IF NOT EXISTS runs_unfinished ON runs (saga_id, saga, state) WHERE ended_at IS NULL",
    "CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
)
"""The derived tables. They hold nothing that the log does not: whoever drops them gets them back."""

DERIVED_NAMES: Final = ("runs", "runs_by_saga", "runs_by_state", "runs_by_event", "runs_unfinished", "marks")

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
    (  # 1 -> 2: what arrived from outside is found without walking past the runs' own events; derived tables
        "CREATE INDEX events_arrivals ON events (seq) WHERE stream NOT GLOB 'run/*'",
        *DERIVED,
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
DERIVED_COUNT: Final = f"SELECT count(*) FROM sqlite_schema WHERE name IN {DERIVED_NAMES}"  # noqa: S608
LAST_SEQ: Final = "SELECT ifnull(max(seq), 0) FROM events"

MARK: Final = "SELECT value FROM marks WHERE name = ?"
SET_MARK: Final = "INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)"
RUN: Final = f"SELECT {RUN_COLUMNS} FROM runs WHERE saga_id = ?"  # noqa: S608
COUNT_BY_STATE: Final = (
    "SELECT saga, state, count(*) FROM runs INDEXED BY runs_unfinished WHERE ended_at IS NULL GROUP BY saga, state"
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


def select_runs(conditions: Sequence[str], *, unfinished: bool = False) -> str:
    """The run list, newest first, with a LIMIT to bind last. The unfinished ones cost nothing for those that ended."""
    table, terms = "runs", list(conditions)
    if unfinished:
        table, terms = "runs INDEXED BY runs_unfinished", ["ended_at IS NULL", *conditions]
    where = f"WHERE {' AND '.join(terms)} " if terms else ""
    return f"SELECT {RUN_COLUMNS} FROM {table} {where}ORDER BY saga_id DESC LIMIT ?"  # noqa: S608
