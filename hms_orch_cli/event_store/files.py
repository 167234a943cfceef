"""Where a store's files lie: made private, on a disk of this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from hms_orch_cli.errors import StoreUnwritable

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700

MOUNTS: Final = Path("/proc/self/mountinfo")

NETWORK_FILESYSTEMS: Final = frozenset(
    (
        *("9p", "afs", "cifs", "coda", "ncpfs", "nfs", "nfs4", "osxfs", "smb3", "smbfs"),
        *("fuse.cephfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.grpcfuse", "fuse.osxfs", "fuse.rclone"),
        *("fuse.s3fs", "fuse.sshfs"),
    )
)
"""Filesystems on which file locks and shared memory do not hold between machines, as WAL mode needs them to."""


def make_folder(folder: Path) -> None:
    """Makes `folder` with mode 0700, and those above it that are missing. Raises StoreUnwritable."""
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(PRIVATE_FOLDER, exist_ok=True)
            each.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise unwritable(folder, error) from error


def make_file(path: Path) -> None:
    """Makes an empty file with mode 0600, whatever the umask; the name is durable. Raises StoreUnwritable,
    FileExistsError."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE)
        try:
            os.fchmod(descriptor, PRIVATE_FILE)
        finally:
            os.close(descriptor)
        sync(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise unwritable(path, error) from error


def sync(path: Path) -> None:
    """Makes a folder's names or a closed file's content durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stored_bytes(path: Path) -> int:
    """What a store and its write-ahead log take on the disk; 0 for what is not there. Nothing is opened: closing a
    database file would let go of the locks that this process holds on it."""
    total = 0
    for each in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            total += each.stat().st_size
    return total


def refuse_network(folder: Path, mounts: Path = MOUNTS) -> None:
    """Raises StoreUnwritable if `folder` lies on a network filesystem; where the system does not tell, it passes."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return
    kind = _filesystem(os.path.realpath(folder), lines)
    if kind in NETWORK_FILESYSTEMS:
        raise StoreUnwritable(
            f"{folder} lies on a network filesystem ({kind}), where a store would be corrupted",
            "set [store] url to a file on a disk of this machine",
        )


def _filesystem(folder: str, lines: list[str]) -> str:
    """The type of the filesystem that `folder` lies on: the longest mount point above it, the latest of equals."""
    best, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = _unescaped(fields[4])
        if len(point) >= best and (folder == point or folder.startswith(point.rstrip("/") + "/")):
            best, kind = len(point), after.split(" ", 1)[0]
    return kind


def _unescaped(text: str) -> str:
    """The kernel writes blank, tab, newline and backslash as octal."""
    for octal, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, sign)
    return text


def unwritable(path: Path, error: OSError) -> StoreUnwritable:
    """An OSError on `path` in our words."""
    return StoreUnwritable(
        f"{path} cannot be written: {error.strerror or error}",
        "check that it belongs to you and is writable, or set [store] url to another place",
    )
