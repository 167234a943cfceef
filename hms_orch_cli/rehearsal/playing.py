"""A file of saga tests from its bytes to what came of each of its tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from hms_orch_cli.errors import NotFound, SagaFileError
from hms_orch_cli.ports import Expressions
from hms_orch_cli.rehearsal.cases import Case, cases_from
from hms_orch_cli.rehearsal.coverage import Coverage
from hms_orch_cli.rehearsal.record import Played
from hms_orch_cli.rehearsal.repertoire import Ready, make_ready
from hms_orch_cli.rehearsal.stage import Stage
from hms_orch_cli.rehearsal.verdict import Failure, Narrate, console, failures
from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.sagafile.casefile import CaseFile, Unusable, check_cases, saga_files
from hms_orch_cli.sagafile.check import Checked, check

Read = Callable[[str], bytes]
"""The bytes of a file, by its name. Raises NotFound, SagaFileError."""


class Placed(NamedTuple):
    """A failure with its line in the test file."""

    line: int
    key: str
    message: str
    lines: tuple[str, ...]


class Result(NamedTuple):
    """What came of one test; it has passed if there is no failure. `virtual_ms` is how long it took in its own time."""

    file: str
    line: int
    name: str
    failures: Sequence[Placed]
    console: Sequence[str]
    virtual_ms: int


class Rehearsal:
    """Plays files of tests. A saga file is read, checked and compiled once, whichever tests name it."""

    def __init__(self, expressions: Expressions, read: Read, narrate: Narrate) -> None:
        self._expressions = expressions
        self._read = read
        self._narrate = narrate
        self._ready: dict[str, list[Ready] | Unusable] = {}
        self.coverage: Final = Coverage()

    def check(self, name: str, data: bytes) -> CaseFile:
        """A file of tests, with everything that is right and wrong with it."""
        return check_cases(data, name, self._sagas_of)

    def play(self, file: CaseFile, wanted: Callable[[str], bool]) -> Iterator[Result]:
        """The tests of a file that has passed its check, those whose names are wanted."""
        content: dict[str, Any] = file.tree.value
        sagas = [ready for name, _ in saga_files(file.name, content) for ready in self._found(name)]
        for case in cases_from(content, sagas[0].saga):
            if wanted(case.name):
                played = Stage(sagas, case, self._expressions).play()
                self.coverage.add(sagas[0].saga, played)
                yield self._result(file, case, played)

    def add_untested(self, name: str, data: bytes) -> None:
        """A saga file beside the tests: what is in it is to be exercised as well. One that is not valid, or no saga
        file at all, is left out."""
        if name not in self._ready and (checked := check(data, name, self._expressions)).ok:
            self._make_ready(name, checked)

    def _result(self, file: CaseFile, case: Case, played: Played) -> Result:
        found = failures(case, played, self._narrate)
        said = console(played, self._narrate) if found else []
        line = file.tree.place(("tests", case.number)).line
        placed = sorted((_placed(file, each) for each in found), key=lambda each: each.line)
        return Result(file.name, line, case.name, placed, said, played.at_ms)

    def _sagas_of(self, name: str) -> Sequence[Saga] | Unusable:
        found = self._ready.get(name)
        if found is None:
            try:
                data = self._read(name)
            except (NotFound, SagaFileError) as error:
                return Unusable(error.message, "Write 'saga:' with its path, relative to this file.")
            found = self._make_ready(name, check(data, name, self._expressions))
        return found if isinstance(found, Unusable) else [ready.saga for ready in found]

    def _make_ready(self, name: str, checked: Checked) -> list[Ready] | Unusable:
        found: list[Ready] | Unusable
        if checked.ok:
            found = [make_ready(document, self._expressions) for document in checked.documents]
            for ready in found:
                self.coverage.add_saga(ready.saga)
        else:
            first = checked.findings[0]
            message = f"{name} is not valid: line {first.line}, {first.message}"
            found = Unusable(message, f"'hms-orch validate {name}' shows all of it.")
        self._ready[name] = found
        return found

    def _found(self, name: str) -> list[Ready]:
        found = self._ready[name]
        assert not isinstance(found, Unusable), "the file has passed its check"  # noqa: S101
        return found


def _placed(file: CaseFile, failure: Failure) -> Placed:
    key = ".".join(str(part) for part in failure.path[3:]) or "the test"
    return Placed(file.tree.key_place(failure.path).line, key, failure.message, failure.lines)
