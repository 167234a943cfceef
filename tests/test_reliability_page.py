"""What docs/reliability.md says is so: its tests exist; faults, invariants and planted bugs are those in use."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.acceptance.animals import ANIMALS
from tests.documents import ROOT, document, rows, section, words
from tests.simulation.faults import ALL

PAGE = document("reliability.md")
SIMULATION = ROOT / "tests/simulation"
PROMISES = rows(section(PAGE, "## Promises"))


@cache
def named_in(path: Path) -> set[str]:
    """The names of the tests in a file."""
    return set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("row", PROMISES, ids=lambda row: row[0][:60])
def test_each_promise_names_tests_that_exist(row: list[str]) -> None:
    named = words(row[2])
    assert named
    for name in named:
        path, _, test = name.partition("::")
        assert test in named_in(ROOT / path), name


def test_each_invariant_of_a_promise_has_its_sentence_and_each_sentence_a_promise() -> None:
    told = {row[0] for row in rows(section(PAGE, "### Invariants"))}
    assert {name for row in PROMISES for name in re.findall(r"[A-Z]\d+", row[1])} == told


def test_the_invariants_are_those_that_are_checked() -> None:
    sources = [path.read_text(encoding="utf-8") for path in SIMULATION.glob("*.py")]
    checked = {name.upper() for source in sources for name in re.findall(r"^def ([a-z]\d+)_", source, re.MULTILINE)}
    checked |= {name for source in sources for name in re.findall(r'violated\(\s*"([A-Z]\d+)"', source)}
    assert {row[0] for row in rows(section(PAGE, "### Invariants"))} == checked


def test_the_faults_are_those_that_strike() -> None:
    told = [fault for row in rows(section(PAGE, "### Faults")) for fault in words(row[1])]
    assert sorted(told) == sorted(ALL)


def test_the_planted_bugs_are_those_of_the_folder() -> None:
    """With what each breaks, and the invariants that have to find it, as its first line says."""
    told = {words(row[0])[0]: (row[1].lower(), row[2]) for row in rows(section(PAGE, "## Planted bugs"))}
    planted = {}
    for patch in (SIMULATION / "mutants").glob("*.patch"):
        what, _, by = patch.read_text(encoding="utf-8").splitlines()[0].partition(" Found by ")
        planted[patch.stem] = (what.rstrip(".").lower(), by.rstrip("."))
    assert told == planted


def test_the_zoo_has_as_many_services_as_the_page_says() -> None:
    found = re.search(r"<!-- figure: zoo.animals -->(\d+)<!-- /figure -->", PAGE)
    assert found and int(found[1]) == len(ANIMALS)
