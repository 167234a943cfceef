"""Reads a store file beside whoever writes it: read-only, never checkpoints, short transactions."""

from __future__ import annotations

from _thread import allocate_lock  # threading itself costs a command a millisecond of start-up
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import apsw

from hms_orch_cli.errors import StoreError, StoreMissing, StoreTooNew
from hms_orch_cli.event_store import sqlite_errors as errors
from hms_orch_cli.event_store import sqlite_schema as schema
from hms_orch_cli.event_store.batch import FOLDED_TO, OF_RUNS
from hms_orch_cli.event_store.chain import START, Anchor
from hms_orch_cli.ports.store import Content, Event, Having, RunRow

BUSY_MS: Final = 10_000
"""How long to wait for another process's lock."""

BEGINNING: Final = -(1 << 63)
"""Below every position a row can have, those that only somebody who tampers writes included."""

PAGE: Final = 10_000
"""Rows that `scan` reads in one transaction."""

_SMALLEST: Final = 512
"""Bytes of the smallest page, so of the smallest database that is not empty."""

_event: Final = partial(tuple.__new__, Event)
_run: Final = partial(tuple.__new__, RunRow)


class SqliteReader:
    """The reading verbs of EventStore, and DerivedTables, over a read-only connection.

    Safe to use from several threads: one statement at a time. Raises StoreMissing, NotAStore, StoreTooNew, StoreError.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = allocate_lock()
        self._db = self._connect()

    def _connect(self) -> apsw.Connection:
        if size_of(self.path) == 0:
            raise missing(self.path)
        refuse_scrap(self.path)
        try:
            db = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
            try:
                db.set_busy_timeout(BUSY_MS)
                db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                db.execute("PRAGMA trusted_schema = OFF")
                self._check(db)
            except BaseException:
                db.close()
                raise
        except apsw.Error as error:
            raise errors.opening(error, self.path) from error
        return db

    def _check(self, db: apsw.Connection) -> None:
        version = version_of(db, self.path)
        if version == 0:
            raise missing(self.path)
        if version < schema.SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was written by an older version (schema {version}, here {schema.SCHEMA_VERSION})",
                "run `hms-orch up` once: it brings the file up to date",
            )

    def _rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._db.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise errors.reading(error, self.path) from error
        except UnicodeDecodeError as error:
            raise StoreError(
                f"{self.path} holds bytes that are not text", "`hms-orch replay --verify` names the position"
            ) from error

    def read(self, stream: str, after: int = 0) -> list[Event]:
        """See `ports.EventStore.read`."""
        return list(map(_event, self._rows(schema.READ, (stream, after))))

    def read_all(self, after: int, limit: int, *, arrivals: bool = False) -> list[Event]:
        """See `ports.EventStore.read_all`."""
        return list(map(_event, self._rows(schema.READ_ARRIVALS if arrivals else schema.READ_ALL, (after, limit))))

    def read_type(self, kind: str, after: int, to: int, limit: int) -> list[Event]:
        """See `ports.LogReader.read_type`."""
        sql = schema.READ_TYPE if kind.startswith(OF_RUNS) else schema.READ_ARRIVALS_OF_TYPE
        return list(map(_event, self._rows(sql, (kind, after, to, limit))))

    def scan(self, after: int = 0) -> Iterator[Event]:
        """Every event above `after`, in order, read while it is asked for, a page in a transaction; from 0 on also
        rows at positions below 1, which nobody but somebody who tampers has written. Raises UnicodeDecodeError at a
        row that holds no text; `chain.verify` knows."""
        after = after or BEGINNING
        return map(_event, self._pages(schema.READ_ALL, after))

    def contents(self, after: int = 0) -> Iterator[Content]:
        """As `scan`, but of each event only what folds read."""
        return self._pages(schema.READ_CONTENTS, after)

    def _pages(self, sql: str, after: int) -> Iterator[Any]:
        """The rows of `sql`, which begin with their seq, on a connection of its own."""
        db = self._connect()
        try:
            while True:
                page = 0
                for row in db.execute(sql, (after, PAGE)):
                    page += 1
                    after = row[0]
                    yield row
                if page < PAGE:
                    return
        except apsw.Error as error:
            raise errors.reading(error, self.path) from error
        finally:
            db.close()

    def last_seq(self) -> int:
        """See `ports.EventStore.last_seq`."""
        seq: int = self._rows(schema.LAST_SEQ)[0][0]
        return seq

    def arrivals(self, after: int, limit: int) -> int:
        """See `ports.LogReader.arrivals`."""
        count: int = self._rows(schema.COUNT_ARRIVALS, (after, limit))[0][0]
        return count

    def last_of_runs(self) -> int:
        """See `ports.LogReader.last_of_runs`."""
        rows = self._rows(schema.LAST_OF_RUNS)
        return rows[0][0] if rows else 0

    def head(self) -> Anchor:
        """The last position and its hash."""
        rows = self._rows(schema.HEAD)
        return Anchor(*rows[0]) if rows else START

    def has_derived(self) -> bool:
        """Whether the derived tables are there; SqliteStore makes those that somebody dropped."""
        with self._lock:
            return has_derived(self._db)

    def folded_to(self) -> int:
        """See `ports.DerivedTables.folded_to`."""
        return int(self.mark(FOLDED_TO) or 0)

    def mark(self, name: str) -> str | None:
        """See `ports.DerivedTables.mark`."""
        rows = self._rows(schema.MARK, (name,))
        return rows[0][0] if rows else None

    def run_row(self, saga_id: str) -> RunRow | None:
        """See `ports.DerivedTables.run_row`."""
        rows = self._rows(schema.RUN, (saga_id,))
        return _run(rows[0]) if rows else None

    def run_rows(
        self,
        *,
        saga: str | None = None,
        states: Sequence[str] = (),
        event_seq: int | None = None,
        unfinished: bool = False,
        having: Having | None = None,
        parked: bool | None = None,
        due_to: int | None = None,
        text: str = "",
        before: str | None = None,
        limit: int = 100,
    ) -> list[RunRow]:
        """See `ports.DerivedTables.run_rows`."""
        conditions: list[str] = []
        bindings: list[str | int] = []
        if saga is not None:
            conditions.append("saga = ?")
            bindings.append(saga)
        if states:
            conditions.append(f"state IN ({', '.join('?' * len(states))})")
            bindings += states
        if event_seq is not None:
            conditions.append("event_seq = ?")
            bindings.append(event_seq)
        if due_to is not None:
            conditions.append("due_at <= ?")
            bindings.append(due_to)
        if before is not None:
            conditions.append("saga_id < ?")
            bindings.append(before)
        if text:
            conditions.append(schema.MENTIONS)
            bindings.append(text)
        sql = schema.select_runs(conditions, schema.RunFilter(unfinished, having, parked, due_to is not None))
        return list(map(_run, self._rows(sql, (*bindings, limit))))

    def next_due(self, after: int) -> int | None:
        """See `ports.DerivedTables.next_due`."""
        due: int | None = self._rows(schema.NEXT_DUE, (after,))[0][0]
        return due

    def oldest_run(self, having: Having | None = None) -> RunRow | None:
        """See `ports.DerivedTables.oldest_run`."""
        rows = self._rows(schema.select_runs((), schema.RunFilter(True, having), oldest_first=True), (1,))
        return _run(rows[0]) if rows else None

    def count_by_state(self) -> dict[tuple[str, str], int]:
        """See `ports.DerivedTables.count_by_state`."""
        return {(saga, state): count for saga, state, count in self._rows(schema.COUNT_BY_STATE)}

    def count_by_revision(self) -> dict[tuple[str, str], int]:
        """See `ports.DerivedTables.count_by_revision`."""
        return {(saga, revision): count for saga, revision, count in self._rows(schema.COUNT_BY_REVISION)}

    @contextmanager
    def snapshot(self) -> Iterator[SqliteReader]:
        """A reader that sees one moment of the file all along. Keep it short: the file's log of changes cannot be
        folded back while it lasts."""
        view = SqliteReader(self.path)
        try:
            view._rows("BEGIN")
            view._rows(schema.LAST_SEQ)  # a deferred transaction begins to see with its first read
            yield view
        finally:
            view.close()

    def copy_to(self, target: apsw.Connection) -> None:
        """Copies the whole file as it is now, page by page, into an empty database. Raises apsw.Error."""
        with self._lock, target.backup("main", self._db, "main") as copying:
            copying.step()

    def close(self) -> None:
        """Lets go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refuse_scrap(path: Path) -> None:
    """Raises NotAStore for a file too short to be a database: SQLite would take it for an empty one and write over
    it."""
    if 0 < size_of(path) < _SMALLEST:
        raise errors.not_a_store(path)


def size_of(path: Path) -> int:
    """Bytes of a file, 0 for one that is not there. Raises StoreUnwritable if the system does not let us look."""
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        raise errors.unwritable(path, error.strerror or str(error)) from error


def version_of(db: apsw.Connection, path: Path) -> int:
    """The schema version of a file that is ours, 0 for one with nothing in it yet. Raises NotAStore, StoreTooNew."""
    application: int = db.pragma("application_id")
    version: int = db.pragma("user_version")
    if application != schema.APPLICATION_ID:
        if application or version or db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
            raise errors.not_a_store(path)
        return 0
    if version > schema.SCHEMA_VERSION:
        raise StoreTooNew(
            f"{path} was written by a newer version of hms-orch (schema {version}, here {schema.SCHEMA_VERSION})",
            "update hms-orch, or set [store] url to another file",
        )
    return version


def has_derived(db: apsw.Connection) -> bool:
    """Whether every derived table and index is there."""
    there: int = db.execute(schema.DERIVED_COUNT).get
    return there == len(schema.DERIVED_NAMES)


def missing(path: Path) -> StoreMissing:
    """Nothing was ever written at `path`."""
    return StoreMissing(
        f"there is no event store at {path} yet", "`hms-orch deploy` or `hms-orch up` makes it; check [store] url"
    )
