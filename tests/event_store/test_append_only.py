"""A foreign connection, with SQLite's own defaults, cannot change the log: every try is refused as append-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hms_orch_cli.event_store.chain import verify
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader

from .making import one

ROW = "(seq, stream, version, id, source, type, time, hash) VALUES ({}, '{}', {}, 'i', 's', 't', 'n', x'00')"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of two streams with two events each."""
    with SqliteStore(tmp_path / "events.db") as store:
        store.append([one("run/a", 0), one("run/b", 0), one("run/a", 1), one("run/b", 1)])
    return tmp_path / "events.db"


@pytest.fixture
def foreign(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that knows nothing of hms-orch: recursive_triggers is off."""
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events SET data = 'x' WHERE seq = 1",
        "UPDATE OR REPLACE events SET seq = 9 WHERE seq = 4",
        "DELETE FROM events WHERE seq = 4",
        "DELETE FROM events",
        "INSERT INTO events " + ROW.format(4, "run/c", 1),
        "INSERT OR REPLACE INTO events " + ROW.format(4, "run/c", 1),
        "INSERT OR REPLACE INTO events " + ROW.format(5, "run/a", 2),
        "INSERT OR REPLACE INTO events " + ROW.format(4, "run/b", 2),
        "REPLACE INTO events " + ROW.format(1, "run/a", 1),
        "INSERT INTO events " + ROW.format(4, "run/b", 2) + " ON CONFLICT DO UPDATE SET data = 'x'",
        "INSERT INTO events " + ROW.format(6, "run/c", 1),
        "INSERT INTO events " + ROW.format(0, "run/c", 1),
        "INSERT INTO events " + ROW.format("NULL", "run/c", 1),
        "INSERT INTO events " + ROW.format(5, "run/a", 4),
        "INSERT INTO events " + ROW.format(5, "run/a", 0),
        "INSERT INTO events " + ROW.format(5, "run/c", 2),
    ],
)
def test_it_is_refused_in_these_words(path: Path, foreign: sqlite3.Connection, sql: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        foreign.execute(sql)
    foreign.close()
    with SqliteReader(path) as reader:
        assert verify(reader.scan()).seq == 4


def test_the_next_row_of_the_log_is_the_only_one_taken_and_the_chain_tells_it_was_foreign(
    path: Path, foreign: sqlite3.Connection
) -> None:
    foreign.execute("INSERT INTO events " + ROW.format(5, "run/a", 3))
    foreign.close()
    with SqliteReader(path) as reader, pytest.raises(Exception, match="position 5"):
        verify(reader.scan())


def test_insert_or_ignore_ignores_what_is_there(path: Path, foreign: sqlite3.Connection) -> None:
    """A trigger's ABORT outranks OR IGNORE, so even this is refused aloud."""
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        foreign.execute("INSERT OR IGNORE INTO events " + ROW.format(4, "run/b", 2))
