"""Work is bounded by the size of a file. It is counted, not timed: calls, characters of CEL, expressions tried."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.expressions.cel import CelExpression
from hms_orch_cli.sagafile.project import check_files
from hms_orch_cli.sagafile.source import MAX_BYTES
from tests.sagafile.books import book
from tests.sagafile.worst_files import FILES, worst_file

CALLS_PER_BYTE = 64
CHARACTERS_PER_BYTE = 4
COMPILED = 15_000
MOST_MEMORY = 32 * 1024 * 1024
TRIED_OF_ONE, TRIED_BETWEEN = 50, 2_000


class Counted(CelExpressions):
    """Counts the expressions that CEL compiles, and their characters."""

    compiled = 0
    characters = 0

    def _compile(self, text: str, names: Sequence[str], boolean: bool) -> CelExpression:
        self.compiled += 1
        self.characters += len(text)
        return super()._compile(text, names, boolean)


@contextmanager
def calls() -> Iterator[list[int]]:
    """Counts the calls that are made inside, of Python and of C."""
    count = [0]

    def seen(frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            count[0] += 1

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        yield count
    finally:
        sys.setprofile(before)


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """What is imported when it is needed is there, so that no import counts."""
    for name in ("unknown keys", "comments on unused rules", "all of them read later ones"):
        check_files([("x.yaml", worst_file(name, 0.01))], CelExpressions(), services=book("pay"))


@pytest.mark.parametrize("name", FILES)
def test_the_work_is_bounded_by_the_size_of_the_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0
    evaluate = CelExpression.evaluate_in

    def counted(expression: CelExpression, activation: Any) -> Any:
        nonlocal tried
        tried += 1
        return evaluate(expression, activation)

    monkeypatch.setattr(CelExpression, "evaluate_in", counted)
    data, expressions = worst_file(name), Counted()
    with calls() as count:
        (checked,) = check_files([("x.yaml", data)], expressions, services=book("pay"))

    assert count[0] <= CALLS_PER_BYTE * len(data)
    assert expressions.compiled <= COMPILED
    assert expressions.characters <= CHARACTERS_PER_BYTE * len(data)
    assert tried <= TRIED_OF_ONE + (TRIED_BETWEEN if name.startswith("sagas") else 0)
    assert len(checked.findings) <= 100


LARGEST = (
    *("small documents", "steps that are nothing", "sagas that may start themselves", "templates", "alias bomb"),
    "a comment with many words",
)


@pytest.mark.parametrize("name", LARGEST)
def test_the_memory_is_bounded(name: str) -> None:
    """As Python counts it; `bench/validate.py` measures the whole process, with every file."""
    data = worst_file(name)
    tracemalloc.start()
    try:
        check_files([("x.yaml", data)], CelExpressions(), services=book("pay"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak <= MOST_MEMORY


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_as_large_as_the_limits_allow(name: str) -> None:
    """Else the test above would ask for little."""
    data = worst_file(name)

    assert MAX_BYTES // 10 < len(data) <= MAX_BYTES
