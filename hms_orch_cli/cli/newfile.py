"""A file that a command makes: private, whole, durable, and never in the place of another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hms_orch_cli.errors import HmsError, NotAllowed


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, mode 0600. It gets its name when the block ends; if the block raises, nothing is left.
    Raises NotAllowed if the name is taken, HmsError if it cannot be written."""
    if os.path.lexists(path):
        raise _taken(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:  # noqa: PTH123  a descriptor
            yield file
            file.flush()
            os.fsync(file.fileno())
        _name(partial, path)
    except OSError as error:
        raise HmsError(
            f"{path} cannot be written: {error.strerror}", "check that the folder is yours and has space left"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _name(partial: Path, path: Path) -> None:
    try:
        os.link(partial, path)  # unlike a rename it never replaces a file
    except FileExistsError:
        raise _taken(path) from None
    except OSError:  # a filesystem without links
        partial.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _taken(path: Path) -> NotAllowed:
    return NotAllowed(f"{path} exists already", "give another name; nothing is ever replaced")
