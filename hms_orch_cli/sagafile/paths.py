"""From the paths that a person types to saga files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from hms_orch_cli.errors import HmsError, NotFound, SagaFileError
from hms_orch_cli.sagafile.source import MAX_BYTES

SUFFIXES: Final = (".yaml", ".yml")
TEST_SUFFIXES: Final = (".test.yaml", ".test.yml")

Problem = Callable[[HmsError], object]
"""Hears of a path that cannot be read, and may go on."""


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
            raise unreadable(self.name, error) from None


def is_test(name: str) -> bool:
    """Whether a file holds tests of a saga, and no saga."""
    return name.endswith(TEST_SUFFIXES)


def unreadable(name: str, error: OSError) -> SagaFileError:
    """What a person is told of a path that the system does not let us read."""
    return SagaFileError(f"{name} cannot be read: {error.strerror}", "Check the rights of the file and its folders.")


def refuse(problem: HmsError) -> NoReturn:
    """The way to hear of problems that ends with the first one."""
    raise problem


def expand(arguments: Sequence[str], folder: Path | None = None, problem: Problem = refuse) -> list[SagaPath]:
    """The saga files that the arguments name: files as they are, folders with every *.yaml and *.yml below them, and
    patterns that the shell left as they are (`sagas/**/*.yaml`). Sorted, without hidden files and folders; links to
    folders are not followed, so a loop is none. A file that is named twice comes once. `-` is the caller's to handle.

    `folder` is what relative arguments and names start from, the working folder by default. `problem` hears of a path
    that does not exist, a folder without saga files and a folder that cannot be read; by default it is raised.
    """
    base = Path.cwd() if folder is None else folder
    found: dict[str, SagaPath] = {}
    for argument in arguments:
        for file in _meant(argument, base, problem):
            found.setdefault(os.path.realpath(file), SagaPath(file, _name(file, base)))
    return list(found.values())


def _meant(argument: str, base: Path, problem: Problem) -> Iterator[Path]:
    """The files that one argument names."""
    start = base / argument
    try:
        is_folder = start.is_dir()
    except OSError as error:
        problem(unreadable(argument, error))
        return
    if is_folder:
        found = [file for file in _below(start, ("**", "*"), base, problem) if file.name.endswith(SUFFIXES)]
        hint = "Saga files end in .yaml or .yml; 'hms-orch init' writes an example."
        nothing = NotFound(f"no saga files in the folder {argument}", hint)
    elif _is_pattern(argument) and not os.path.lexists(start):
        found = _matching(argument, base, problem)
        nothing = NotFound(f"no file fits {argument}", "In a pattern '*' stands for a name, '**' for any folders.")
    else:
        found = [start] if os.path.lexists(start) else []
        nothing = _missing(argument)
    if not found:
        problem(nothing)
    yield from found


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _matching(pattern: str, base: Path, problem: Problem) -> list[Path]:
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if _is_pattern(part))
    start = base.joinpath(*parts[:fixed])
    return list(_below(start, parts[fixed:], base, problem)) if start.is_dir() else []


def _below(start: Path, wanted: Sequence[str], base: Path, problem: Problem) -> Iterator[Path]:
    """The files below a folder whose path fits `wanted`, part by part; only folders that may lead to one are read.
    What would not end, or is no file (a link to a folder, a pipe, a device), is left out."""
    folders = [(start, _reached({0}, wanted))]
    while folders:
        folder, here = folders.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            problem(unreadable(_name(folder, base), error))
            continue
        further = []
        for entry in entries:
            after = _after(entry.name, here, wanted)
            if entry.is_dir(follow_symlinks=False):
                further.append((folder / entry.name, after))
            elif len(wanted) in after and _is_file(entry):
                yield folder / entry.name
        folders += [(path, after) for path, after in reversed(further) if after - {len(wanted)}]


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it can be read; a link that leads nowhere counts, so that reading it says what is wrong."""
    try:
        return (not entry.is_symlink() and entry.is_file()) or stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return True


def _after(name: str, here: set[int], wanted: Sequence[str]) -> set[int]:
    """Where in `wanted` one stands behind a name, having stood at one of `here`."""
    if name.startswith("."):
        return set()
    fits = {at for at in here if at < len(wanted) and (wanted[at] == "**" or fnmatchcase(name, wanted[at]))}
    return _reached({at if wanted[at] == "**" else at + 1 for at in fits}, wanted)


def _reached(places: set[int], wanted: Sequence[str]) -> set[int]:
    """These places, and those behind a '**' that stands for no folder."""
    for at in sorted(places):
        while at < len(wanted) and wanted[at] == "**":
            at += 1
            places.add(at)
    return places


def _name(file: Path, base: Path) -> str:
    try:
        return Path(os.path.relpath(file, base)).as_posix()
    except ValueError:
        # Another drive: there is no way from here to there.
        return file.as_posix()


def _missing(name: str) -> NotFound:
    return NotFound(f"no such file or folder: {name}", "Paths are relative to the working folder.")
