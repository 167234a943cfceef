"""Each file in broken/ has its findings beside it, compared whole."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.catalogue import RETIRED, RULES
from hms_orch_cli.sagafile.check import check
from tests.sagafile.broken_files import FOLDER, cases, findings_of

CASES = cases()
FILES = sorted(FOLDER.rglob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_broken_file_has_exactly_these_findings(case: Path) -> None:
    """Rule, place, message, source line, caret and fix: every one."""
    assert findings_of(case) == case.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_rule_has_a_broken_file() -> None:
    """A rule that no file breaks is a rule that nobody tried."""
    reports = "".join(case.with_suffix(".txt").read_text(encoding="utf-8") for case in CASES)

    assert [rule for rule in RULES if rule not in reports] == []


def test_there_are_no_findings_without_a_file() -> None:
    """An expectation whose file was renamed would never be compared."""
    assert {file.stem for file in FOLDER.glob("*.txt")} == {case.stem for case in CASES}
    assert len(CASES) >= 60


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_place_of_a_finding_lies_inside_the_file(file: Path) -> None:
    """Reports for machines point with line, column and JSON pointer; all of them have to hold."""
    data = file.read_bytes()
    lines = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")

    for finding in check(data, file.name, CelExpressions(), services={}).findings:
        assert 1 <= finding.line <= finding.end_line <= len(lines)
        assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1
        assert (finding.line, finding.column) < (finding.end_line, finding.end_column)
        shown = re.escape(finding.source_line).replace("•", ".")  # a secret is blotted out
        assert re.match(shown, lines[finding.line - 1])
        assert finding.pointer == "" or finding.pointer.startswith("/")
        assert "\n" not in finding.message
        assert json.dumps(finding.message)


def test_the_id_of_a_rule_that_is_gone_is_not_used_again() -> None:
    """It means something else in old reports and suppressions."""
    assert "HMS060" in RETIRED
    assert RETIRED.isdisjoint(RULES)
