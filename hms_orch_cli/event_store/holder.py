"""One writer: whoever writes to a store holds the lock file beside it, and says there where it can be reached.

The lock is flock, so it ends with its process, however that ends; what the file then still says is ignored. The file
itself is never removed: a remover and a newcomer could each hold a file of that name.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Any, Final, Self

from hms_orch_cli.errors import StoreHeld
from hms_orch_cli.event_store.files import PRIVATE_FILE, make_folder, unwritable

_TRIES: Final = 20
_PAUSE_S: Final = 0.01
"""How long to look again while a lock is held by nobody known: a newcomer that has not written its name yet, or a
client that looks. At most 0.2 s in all."""


class Holder:
    """The right to write to one store, from `take` until `release`."""

    def __init__(self, db_path: Path, descriptor: int) -> None:
        self._db_path = db_path
        self._descriptor = descriptor

    @classmethod
    def take(cls, db_path: str | Path) -> Holder:
        """Takes the store without waiting for a holder. Raises StoreHeld, naming it and its address;
        StoreUnwritable."""
        db_path = Path(db_path)
        make_folder(db_path.parent)
        descriptor = _open(_lock_file(db_path), os.O_RDWR | os.O_CREAT)
        try:
            for _ in range(_TRIES):
                if _lock(descriptor, fcntl.LOCK_EX):
                    holder = cls(db_path, descriptor)
                    holder.announce("")
                    return holder
                if _alive(said := _said(descriptor)):
                    break
                time.sleep(_PAUSE_S)
            raise _held(db_path, said)
        except BaseException:
            os.close(descriptor)
            raise

    def announce(self, url: str, token: str = "") -> None:
        """Says at which address the holder takes writes, and with which token; empty while it does not. Who can read
        the lock file is who could write to the store itself."""
        import json
        import socket

        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "url": url, "token": token}).encode()
        try:
            os.fchmod(self._descriptor, PRIVATE_FILE)
            os.pwrite(self._descriptor, text, 0)
            os.ftruncate(self._descriptor, len(text))
        except OSError as error:
            raise unwritable(_lock_file(self._db_path), error) from error

    def release(self) -> None:
        """Lets go. Does nothing the second time."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def look(db_path: str | Path) -> StoreHeld | None:
    """Who holds the store and at which `url` (empty while it starts); None if nobody does."""
    db_path = Path(db_path)
    path = _lock_file(db_path)
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        for _ in range(_TRIES):
            if not (said := _said(descriptor)) or not _alive(said):
                # Only where nobody seems to hold it is the lock itself tried: a lock for a moment can get in the way
                # of a newcomer, who looks again for that reason.
                if _lock(descriptor, fcntl.LOCK_SH):
                    return None
                time.sleep(_PAUSE_S)
                continue
            break
        if _lock(descriptor, fcntl.LOCK_SH):
            return None
        return _held(db_path, _said(descriptor))
    finally:
        os.close(descriptor)


def _lock_file(db_path: Path) -> Path:
    return db_path.with_name(db_path.name + ".lock")


def _open(path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, flags, PRIVATE_FILE)
    except OSError as error:
        raise unwritable(path, error) from error
    return descriptor


def _lock(descriptor: int, kind: int) -> bool:
    """Whether the lock is ours now; it ends with the descriptor."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _said(descriptor: int) -> dict[str, Any]:
    """What the lock file says, {} if it says nothing whole."""
    import json

    try:
        said = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _alive(said: dict[str, Any]) -> bool:
    """Whether the process that the lock file names lives, as far as can be seen from here."""
    pid = said.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _held(db_path: Path, said: dict[str, Any]) -> StoreHeld:
    pid, url, host = said.get("pid", 0), said.get("url", ""), said.get("host", "")
    who = f"process {pid}" + (f" on {host}" if host else "") if pid else "another process"
    where = f", at {url}" if url else ""
    return StoreHeld(
        f"{db_path} is held by {who}{where}",
        f"send writes to {url}, or stop it first" if url else "wait until it has started, or stop it first",
        pid=pid,
        url=url,
        token=said.get("token", ""),
    )
