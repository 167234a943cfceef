"""A consistent copy of a store file, made beside whoever writes to it."""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from hms_orch_cli.errors import NotAllowed, StoreError
from hms_orch_cli.event_store import sqlite_errors as errors
from hms_orch_cli.event_store.chain import Anchor, verify
from hms_orch_cli.event_store.files import make_file, sync, unwritable
from hms_orch_cli.event_store.sqlite_reader import BUSY_MS, SqliteReader


def backup(source: str | Path, dest: str | Path) -> Anchor:
    """Copies the store at `source` to the new file `dest` (mode 0600), checks the copy and its chain, and makes it
    durable before it gets its name. Returns its head, for `--against`. The copy is one file, without a WAL beside it.

    Raises NotAllowed if `dest` exists, LogTampered, StoreFull, StoreUnwritable, and what SqliteReader raises.
    """
    source, dest = Path(source), Path(dest)
    if os.path.lexists(dest):
        raise _taken(dest)
    with SqliteReader(source) as reader:
        partial = dest.with_name(f".{dest.name}.{os.getpid()}.partial")
        if not os.path.isdir(dest.parent):  # noqa: PTH112  unlike Path.is_dir it never raises
            raise unwritable(dest, FileNotFoundError(0, f"there is no folder {dest.parent}"))
        make_file(partial)
        try:
            _copy(reader, partial)
            with SqliteReader(partial) as copy:
                head = verify(copy.scan())
            _name(partial, dest)
        finally:
            partial.unlink(missing_ok=True)
    return head


def _copy(reader: SqliteReader, partial: Path) -> None:
    try:
        target = apsw.Connection(str(partial), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            reader.copy_to(target)
            target.set_busy_timeout(BUSY_MS)
            target.execute("PRAGMA journal_mode = DELETE")
            found = target.execute("PRAGMA integrity_check(1)").get
        finally:
            target.close()
    except apsw.Error as error:
        raise errors.reading(error, partial) from error
    if found != "ok":
        raise StoreError(f"{reader.path} is damaged: {found}", "keep the file and restore an earlier backup")


def _name(partial: Path, dest: Path) -> None:
    try:
        sync(partial)
        try:
            os.link(partial, dest)  # unlike a rename it never replaces a file
        except FileExistsError:
            raise _taken(dest) from None
        except OSError:  # a filesystem without links
            partial.rename(dest)
        sync(dest.parent)
    except OSError as error:
        raise unwritable(dest, error) from error


def _taken(dest: Path) -> NotAllowed:
    return NotAllowed(f"{dest} exists already", "give another name; a backup never replaces a file")
