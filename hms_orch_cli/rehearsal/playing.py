"""A file of saga tests from its bytes to what came of each of its tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.rehearsal.cases import Case, cases_from
from hms_orch_cli.rehearsal.coverage import Coverage
from hms_orch_cli.rehearsal.record import Played
from hms_orch_cli.rehearsal.repertoire import Ready, make_ready
from hms_orch_cli.rehearsal.stage import Stage
from hms_orch_cli.rehearsal.verdict import Failure, Narrate, console, failures
from hms_orch_cli.sagafile.casefile import CaseFile, check_cases, saga_files
from hms_orch_cli.sagafile.named_sagas import NamedSagas, Read, Unusable


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
        self._narrate = narrate
        self._named = NamedSagas(expressions, read)
        self._ready: dict[str, list[Ready]] = {}
        self.coverage: Final = Coverage()

    def check(self, name: str, data: bytes) -> CaseFile:
        """A file of tests, with everything that is right and wrong with it."""
        return check_cases(data, name, self._named)

    def play(self, file: CaseFile, wanted: Callable[[str], bool]) -> Iterator[Result]:
        """The tests of a file that has passed its check, those whose names are wanted."""
        content: dict[str, Any] = file.tree.value
        sagas = [ready for name, _ in saga_files(file.name, content) for ready in self._made_ready(name)]
        for case in cases_from(content, sagas[0].saga):
            if wanted(case.name):
                played = Stage(sagas, case, self._expressions).play()
                self.coverage.add(sagas[0].saga, played)
                yield self._result(file, case, played)

    def add_untested(self, name: str, data: bytes) -> None:
        """A saga file beside the tests: what is in it is to be exercised as well. One that is not valid, or no saga
        file at all, is left out."""
        if not isinstance(self._named.add(name, data), Unusable):
            self._made_ready(name)

    def _result(self, file: CaseFile, case: Case, played: Played) -> Result:
        found = failures(case, played, self._narrate)
        said = console(played, self._narrate) if found else []
        line = file.tree.place(("tests", case.number)).line
        placed = sorted((_placed(file, each) for each in found), key=lambda each: each.line)
        return Result(file.name, line, case.name, placed, said, played.at_ms)

    def _made_ready(self, name: str) -> list[Ready]:
        """The sagas of a file, which can be used: the tests that name it have passed their check."""
        if name not in self._ready:
            found = self._named.of(name)
            documents = () if found is None or isinstance(found, Unusable) else found
            self._ready[name] = [make_ready(document, self._expressions) for document in documents]
            for ready in self._ready[name]:
                self.coverage.add_saga(ready.saga)
        return self._ready[name]


def _placed(file: CaseFile, failure: Failure) -> Placed:
    key = ".".join(str(part) for part in failure.path[3:]) or "the test"
    return Placed(file.tree.key_place(failure.path).line, key, failure.message, failure.lines)
