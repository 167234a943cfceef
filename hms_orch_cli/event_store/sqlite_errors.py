"""What SQLite says, in our words. No apsw exception leaves the adapter."""

from __future__ import annotations

from pathlib import Path

import apsw

from hms_orch_cli.errors import NotAStore, StoreError, StoreFailed, StoreFull, StoreHeld, StoreUnwritable


def opening(error: apsw.Error, path: Path) -> StoreError:
    """An error while the file is opened or migrated."""
    if isinstance(error, apsw.NotADBError):
        return not_a_store(path)
    return reading(error, path)


def reading(error: apsw.Error, path: Path) -> StoreError:
    """An error while the file is read: nothing was to be written, so nothing is in doubt."""
    match error:
        case apsw.FullError():
            return full(path)
        case apsw.CantOpenError() | apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError():
            return unwritable(path, str(error))
        case apsw.BusyError() | apsw.LockedError():
            return busy(path)
        case apsw.CorruptError() | apsw.NotADBError():
            return StoreError(
                f"{path} is damaged: {error}", "keep the file, restore a backup, and find out what wrote to this disk"
            )
    if str(error).startswith("no such table"):
        return StoreError(f"{path} lacks a table: {error}", "`hms-orch replay` rebuilds what is derived from the log")
    return StoreError(f"{path} cannot be used: {error}", "check the disk and the system's log")


def writing(error: apsw.Error, path: Path) -> StoreError:
    """An error in a transaction that was to be committed. StoreFailed unless it is sure that nothing was."""
    match error:
        case apsw.FullError():
            return full(path)
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return unwritable(path, str(error))
        case apsw.BusyError():
            return busy(path)
    return failed(path, str(error))


def failed(path: Path, reason: str) -> StoreFailed:
    """The outcome of a commit is unknown."""
    return StoreFailed(
        f"writing to {path} failed, and whether the last events are in it is unknown: {reason}",
        "check the disk, then start again: the log is read from the file, nothing acknowledged is lost",
    )


def full(path: Path) -> StoreFull:
    """No space left."""
    return StoreFull(
        f"no space is left for {path}; nothing acknowledged was lost", "free space on that disk and try again"
    )


def unwritable(path: Path, reason: str) -> StoreUnwritable:
    """Read-only, or no right to it. A copy made by `backup` can be read in a read-only folder; a store in use needs
    its WAL files beside it."""
    return StoreUnwritable(
        f"{path} cannot be opened: {reason}",
        "check that the file and its folder belong to you and are writable (even reading keeps two files beside it), "
        "or set [store] url to another place",
    )


def busy(path: Path) -> StoreHeld:
    """Another process writes and does not let go."""
    return StoreHeld(
        f"another process has been writing to {path} for more than 10 s",
        "stop whatever else has the file open; only one process may write to it",
    )


def not_a_store(path: Path) -> NotAStore:
    """The file is something else."""
    return NotAStore(
        f"{path} is not an event store of hms-orch", "set [store] url to another file, or move this one away"
    )
