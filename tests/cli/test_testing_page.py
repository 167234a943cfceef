"""What docs/testing.md says is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hms_orch_cli.cli.test import Report
from hms_orch_cli.sagafile.schema import TESTS, schema_text
from tests.cli.conftest import Run
from tests.documents import document, marked, rows, section, words

PAGE = document("testing.md")
SCHEMA = json.loads(schema_text(TESTS))
KEYS = {
    "## The file": SCHEMA,
    "## What is given": SCHEMA["$defs"]["given"],
    "## What is expected": SCHEMA["$defs"]["expect"],
}


@pytest.fixture
def refund(shop: Path) -> Path:
    """The folder with the example of the page."""
    (shop / "refund.yaml").write_text(marked(PAGE, "example: saga"), encoding="utf-8")
    (shop / "refund.test.yaml").write_text(marked(PAGE, "example: tests"), encoding="utf-8")
    return shop


def test_the_example_passes(orch: Run, refund: Path) -> None:
    assert orch("test") == (0, marked(PAGE, "example: passed"), "1 file, 5 tests: all passed, coverage 71 %\n")


def test_the_example_of_a_failure_is_what_one_sees(orch: Run, refund: Path) -> None:
    tests = refund / "refund.test.yaml"
    told = tests.read_text(encoding="utf-8")
    wrong = "undo: [reserve]\n      console"
    assert wrong in told
    tests.write_text(told.replace(wrong, wrong.replace("[reserve]", "[pay, reserve]")), encoding="utf-8")
    ended = orch("test", "-k", "refused")
    assert (ended.code, ended.out) == (1, marked(PAGE, "example: failed"))


@pytest.mark.parametrize("heading", KEYS)
def test_the_tables_have_every_key(heading: str) -> None:
    told = [name for row in rows(section(PAGE, heading)) for name in words(row[0])]
    assert [name for name in told if name in KEYS[heading]["properties"]] == list(KEYS[heading]["properties"])


def test_every_part_of_a_key_is_told_of() -> None:
    """Members of answers, decisions, requests and so on, somewhere in the page."""
    prose, code = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL), PAGE.split("```")[1::2]
    told = {word for part in words(prose) for word in re.findall(r"\w+", part)}
    for name, part in SCHEMA["$defs"].items():
        for key in part.get("properties", ()):
            assert key in told or any(f"{key}:" in block for block in code), f"{name}.{key}"


def test_the_words_of_answers_are_those_of_the_schema() -> None:
    told = [words(row[0])[0] for row in rows(section(PAGE, "## What is given")) if len(row) == 2 and words(row[0])]
    assert [word for word in told if word.isalpha() and word.islower()] == _words(SCHEMA["$defs"]["answer"])


def _words(answer: dict[str, Any]) -> list[str]:
    words_: list[str] = answer["else"]["then"]["enum"]
    return words_


def test_every_report_is_told(orch: Run, refund: Path) -> None:
    told = section(PAGE, "## Reports")
    assert all(f"`{report.value}`" in told for report in Report)
    members = {words(row[0])[0]: words(row[1]) for row in rows(told) if not row[0].isdigit()}
    found = json.loads(orch("test", "--format", "json").out)
    assert list(members) == list(found)
    (first, *_) = found["tests"]
    assert members["tests"][: len(first)] == list(first)
    assert set(found["coverage"]["sagas"][0]) == {"saga", "exercised", "all", "missing"}
