"""From the paths that a person types to saga files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from hms_orch_cli.errors import NotFound, SagaFileError
from hms_orch_cli.sagafile.source import MAX_BYTES

SUFFIXES: Final = (".yaml", ".yml")


class SagaPath(NamedTuple):
    """A saga file; `name` is what findings call it: relative to the working folder, with `/`."""

    path: Path
    name: str

    def read(self) -> bytes:
        """What the file holds, cut a little beyond the limit that `check` refuses. Raises NotFound, SagaFileError."""
        try:
            with self.path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise _missing(self.name) from None
        except OSError as error:
            raise _unreadable(self.name, error) from None


def expand(arguments: Sequence[str], folder: Path | None = None) -> list[SagaPath]:
    """The saga files that the arguments name: files as they are, folders with every *.yaml and *.yml below them, in
    sorted order, hidden folders left out. A file that is named twice comes once. `-` is the caller's to handle.

    `folder` is what relative arguments and names start from, the working folder by default. Raises NotFound for a
    path that does not exist and for a folder without saga files, SagaFileError for a folder that cannot be read.
    """
    base = Path.cwd() if folder is None else folder
    found: dict[str, SagaPath] = {}
    for argument in arguments:
        start = base / argument
        try:
            is_folder = start.is_dir()
        except OSError as error:
            raise _unreadable(argument, error) from None
        if not is_folder:
            if not os.path.lexists(start):
                raise _missing(argument)
            files = [start]
        else:
            files = list(_below(start, argument))
            if not files:
                hint = "Saga files end in .yaml or .yml; 'hms-orch init' writes an example."
                raise NotFound(f"no saga files in the folder {argument}", hint)
        for file in files:
            found.setdefault(os.path.realpath(file), SagaPath(file, _name(file, base)))
    return list(found.values())


def _below(start: Path, argument: str) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise _unreadable(argument, error)

    for folder, folders, files in os.walk(start, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(SUFFIXES))


def _name(file: Path, base: Path) -> str:
    try:
        return Path(os.path.relpath(file, base)).as_posix()
    except ValueError:
        # Another drive: there is no way from here to there.
        return file.as_posix()


def _missing(name: str) -> NotFound:
    return NotFound(f"no such file or folder: {name}", "Paths are relative to the working folder.")


def _unreadable(name: str, error: OSError) -> SagaFileError:
    return SagaFileError(f"{name} cannot be read: {error.strerror}", "Check the rights of the file and its folders.")
