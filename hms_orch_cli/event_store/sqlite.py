"""The event store in one SQLite file, durable before an append returns.

Over apsw, which carries its own SQLite: many Pythons are linked with one in the range of the WAL-reset corruption bug
(3.7.0 to 3.51.2). WAL with synchronous=FULL: a commit returns once its bytes are on the disk. The head of the log is
held in memory, so an append reads nothing; a batch is one INSERT for each 64 rows. Reads use a connection of their own
and wait for no commit. Tables and SQL: sqlite_schema.py.

Checkpoints are made here and not by SQLite on its own, because it swallows their errors: a failed fsync of the main
file must stop the store, or the next checkpoint would take the lost pages for written.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final

import apsw

from hms_orch_cli.errors import StoreError, StoreFailed
from hms_orch_cli.event_store import sqlite_errors as errors
from hms_orch_cli.event_store import sqlite_schema as schema
from hms_orch_cli.event_store.batch import FOLDED_TO, Row, appends_of, lay
from hms_orch_cli.event_store.chain import START, Anchor
from hms_orch_cli.event_store.files import make_file, make_folder, refuse_network
from hms_orch_cli.event_store.sqlite_reader import BUSY_MS, SqliteReader, has_derived, refuse_scrap, version_of
from hms_orch_cli.ports.store import Append, Derived, RunRow, Together

CHECKPOINT_PAGES: Final = 2_000
"""Pages in the WAL file (4 KiB each) from which on they are folded back into the main file."""

WAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""A WAL file that a long reader made grow is cut back to this."""

_SETTINGS: Final = f"""
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = {WAL_LIMIT_BYTES};
    PRAGMA trusted_schema = OFF;
    PRAGMA recursive_triggers = ON;
"""


class SqliteStore(SqliteReader):
    """EventStore and DerivedTables over the file at `path`, which is made (mode 0600) if it is not there.

    Take `holder.Holder` first: one process writes. Raises NotAStore, StoreTooNew, StoreUnwritable, StoreHeld,
    StoreFull. `vfs` names an apsw VFS; tests inject faults with it.
    """

    def __init__(self, path: str | Path, *, vfs: str | None = None) -> None:
        self._vfs = vfs
        self._writing = allocate_lock()
        self._failure: StoreFailed | None = None
        self._wal_pages = 0
        self._writer = self._open_writer(Path(path))
        super().__init__(path)
        self._head = super().head()

    def _open_writer(self, path: Path) -> apsw.Connection:
        make_folder(path.parent)
        refuse_network(path.parent)
        if not path.exists():
            with suppress(FileExistsError):  # another process was faster: its file is as good
                make_file(path)
        refuse_scrap(path)
        try:
            db = apsw.Connection(
                str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=self._vfs, statementcachesize=3 * schema.ROWS_AT_ONCE
            )
            try:
                self._prepare(db, path)
            except BaseException:
                db.close()
                raise
        except apsw.Error as error:
            raise errors.opening(error, path) from error
        return db

    def _prepare(self, db: apsw.Connection, path: Path) -> None:
        db.set_busy_timeout(BUSY_MS)
        version_of(db, path)  # before anything is written: the file may be someone else's
        if db.readonly("main"):
            raise errors.unwritable(path, "it is read-only")
        db.execute(_SETTINGS).fetchall()  # a statement that gives a row holds up the next until it is taken
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        db.set_wal_hook(self._note_pages)
        if version_of(db, path) < schema.SCHEMA_VERSION:
            migrate(db, path)
        if not has_derived(db):
            _make_derived(db)

    def _note_pages(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def append(self, batch: Sequence[Append | Together], derived: Derived | None = None) -> list[int | Exception]:
        """See `ports.EventStore.append`."""
        with self._writing:
            if self._failure is not None:
                raise self._failure
            laid = lay(batch, self._head)
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    self._insert(laid.rows)
                except apsw.ConstraintError:
                    self._writer.execute("ROLLBACK; BEGIN IMMEDIATE")
                    laid = lay(batch, self._stored_head(), self._versions(batch))
                    self._insert(laid.rows)
                if derived is not None:
                    self._derive(derived)
                self._writer.execute("COMMIT" if laid.rows or derived is not None else "ROLLBACK")
            except apsw.Error as error:
                raise self._undone(error) from error
            self._head = laid.head
            if self._wal_pages >= CHECKPOINT_PAGES:
                self._checkpoint()
            return laid.results

    def _insert(self, rows: list[Row]) -> None:
        for start in range(0, len(rows), schema.ROWS_AT_ONCE):
            some = rows[start : start + schema.ROWS_AT_ONCE]
            self._writer.execute(schema.insert_events(len(some)), tuple(chain.from_iterable(some)))

    def _stored_head(self) -> Anchor:
        rows: list[tuple[Any, ...]] = self._writer.execute(schema.HEAD).fetchall()
        return Anchor(*rows[0]) if rows else START

    def _versions(self, batch: Sequence[Append | Together]) -> dict[str, int]:
        versions: dict[str, int] = {}
        for stream in {member.stream for member in appends_of(batch)}:
            versions[stream] = self._writer.execute(schema.STREAM_VERSION, (stream,)).get
        return versions

    def _derive(self, derived: Derived) -> None:
        runs: Sequence[RunRow] = derived.runs
        for start in range(0, len(runs), schema.ROWS_AT_ONCE):
            some = runs[start : start + schema.ROWS_AT_ONCE]
            self._writer.execute(schema.put_runs(len(some)), tuple(chain.from_iterable(some)))
        folded_to = self._head.seq if derived.folded_to is None else derived.folded_to
        self._writer.executemany(schema.SET_MARK, (*derived.marks.items(), (FOLDED_TO, str(folded_to))))

    def _undone(self, error: apsw.Error) -> StoreError:
        """Ends the transaction that `error` broke, and says what that means."""
        meaning = errors.writing(error, self.path)
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except apsw.Error as second:
            meaning = errors.failed(self.path, f"{error}, then {second}")
        if isinstance(meaning, StoreFailed):
            self._fail(meaning)
        return meaning

    def _checkpoint(self) -> None:
        """Folds the WAL back as far as readers allow. The events are durable already; a disk that fails here, though,
        may have lost pages of the main file."""
        self._wal_pages = 0
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.BusyError, apsw.LockedError, apsw.FullError):
            return  # the WAL keeps everything and the next commit tries again
        except apsw.Error as error:
            self._fail(errors.failed(self.path, f"in a checkpoint: {error}"))

    def _fail(self, failure: StoreFailed) -> None:
        """From here on nothing is written to this file any more, not even by closing it."""
        self._failure = failure
        self._writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)

    def last_seq(self) -> int:
        """See `ports.EventStore.last_seq`."""
        return self._head.seq

    def head(self) -> Anchor:
        """The last position and its hash."""
        return self._head

    def forget_derived(self) -> None:
        """Throws the derived tables away: they are folded to 0 again."""
        with self._writing:
            if self._failure is not None:
                raise self._failure
            try:
                self._writer.execute(f"BEGIN IMMEDIATE; {schema.FORGET_DERIVED}; COMMIT")
            except apsw.Error as error:
                raise self._undone(error) from error

    def close(self) -> None:
        """Lets go of the file."""
        super().close()
        with self._writing, suppress(apsw.Error):  # its last checkpoint failed: the WAL stays and holds everything
            self._writer.close()


def _make_derived(db: apsw.Connection) -> None:
    """Derived tables that somebody dropped, empty: what was left of them tells half of the story."""
    db.execute(f"BEGIN IMMEDIATE; {'; '.join(schema.DERIVED)}; {schema.FORGET_DERIVED}; COMMIT")


def migrate(db: apsw.Connection, path: Path) -> None:
    """Brings a file of any older version to this one, in one transaction: wholly or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for version in range(version_of(db, path), schema.SCHEMA_VERSION):
            for statement in schema.MIGRATIONS[version]:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version + 1}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
