"""All that came of a run of tests, and its reports for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hms_orch_cli import junit
from hms_orch_cli.rehearsal.coverage import Coverage
from hms_orch_cli.rehearsal.playing import Result
from hms_orch_cli.sagafile.casefile import CaseFile
from hms_orch_cli.sagafile.reports.json import as_json
from hms_orch_cli.sagafile.reports.validation import Validation


class Outcome(NamedTuple):
    """The test files, and the results of those that could be played. `coverage` is None where only some of the tests
    were wanted, so that it would say nothing."""

    files: Sequence[CaseFile]
    results: Sequence[Result]
    coverage: Coverage | None

    @property
    def failed(self) -> int:
        """Tests that have failed."""
        return sum(bool(result.failures) for result in self.results)

    @property
    def ok(self) -> bool:
        """Whether every file could be played and every test has passed."""
        return not self.failed and all(file.checked.ok for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """As `test --format json` shows it."""
        return {
            "tests": [_result_json(result) for result in self.results],
            "findings": as_json(Validation([file.checked for file in self.files])),
            "coverage": None if self.coverage is None else _coverage_json(self.coverage),
        }

    def to_junit(self) -> str:
        """A suite for each file; what is wrong with a file is a case that has failed."""
        return junit.suites([self._suite(file) for file in self.files], datetime.now(UTC))

    def _suite(self, file: CaseFile) -> junit.Suite:
        broken = [
            junit.Case(
                f"line {found.line}: {found.rule}",
                file.name,
                failure=junit.Failure(found.rule, found.message, found.fix),
            )
            for found in file.checked.findings
            if found.severity == "error"
        ]
        cases = [_case(result) for result in self.results if result.file == file.name]
        return junit.Suite(file.name, [*broken, *cases])


def said(result: Result) -> list[str]:
    """The failures of a test in lines, with the console of its runs below them."""
    lines: list[str] = []
    for failure in result.failures:
        lines.append(f"line {failure.line}, {failure.key}: {failure.message}")
        lines += [f"  {line}" for line in failure.lines]
    if result.failures and result.console:
        lines += ["the console:", *(f"  {line}" for line in result.console)]
    return lines


def _case(result: Result) -> junit.Case:
    if not result.failures:
        return junit.Case(result.name, result.file)
    first, *more = said(result)
    detail = "\n".join([f"{result.file}:{result.line}", first, *more])
    return junit.Case(result.name, result.file, failure=junit.Failure("failed", first, detail))


def _result_json(result: Result) -> dict[str, Any]:
    return {
        "file": result.file,
        "line": result.line,
        "name": result.name,
        "passed": not result.failures,
        "virtualMs": result.virtual_ms,
        "failures": [
            {"line": each.line, "key": each.key, "message": each.message, "lines": list(each.lines)}
            for each in result.failures
        ],
        "console": list(result.console),
    }


def _coverage_json(coverage: Coverage) -> dict[str, Any]:
    sagas = []
    for saga in coverage.sagas:
        exercised, there = coverage.count(saga)
        missing = [{"step": branch.step or None, "way": branch.way} for branch in coverage.missing(saga)]
        sagas.append({"saga": saga, "exercised": exercised, "all": there, "missing": missing})
    return {"percent": round(coverage.percent, 1), "sagas": sagas}
