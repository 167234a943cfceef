"""`hms-orch test`: saga tests, offline, in virtual time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hms_orch_cli.cli import output
from hms_orch_cli.cli.program import examples, new_app

if TYPE_CHECKING:
    from hms_orch_cli.errors import HmsError
    from hms_orch_cli.rehearsal.coverage import Coverage
    from hms_orch_cli.rehearsal.outcome import Outcome
    from hms_orch_cli.rehearsal.playing import Rehearsal, Result
    from hms_orch_cli.sagafile.paths import SagaPath

app = new_app()


class Report(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


@app.command(
    epilog=examples(
        "hms-orch test                                # every *.test.yaml below the working folder",
        "hms-orch test sagas/benefit-increase.yaml    # the tests beside this saga",
        "hms-orch test -k refused --verbose",
        "hms-orch test --require-coverage 90 --format junit > saga-tests.xml",
    )
)
def rehearse(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Test files, saga files, folders.", show_default=False),
    ] = None,
    only: Annotated[str | None, typer.Option("-k", metavar="TEXT", help="Only tests with this in their names.")] = None,
    report: Annotated[Report, typer.Option("--format", help="How results are printed.")] = Report.TEXT,
    least: Annotated[
        float | None,
        typer.Option("--require-coverage", metavar="PERCENT", min=0, max=100, help="Fail if less is exercised."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show tests that pass as well.")] = False,
) -> None:
    """Run saga tests, offline and in virtual time.

    A test says what comes in, what each step answers, and what the run is expected to do. Exit code 1 if a test fails,
    or if a file is not right. Results go to stdout, the summary to stderr.
    """
    from hms_orch_cli.errors import UsageError

    if least is not None and only is not None:
        raise UsageError("--require-coverage looks at all tests", "leave out -k")
    outcome = _played(paths or ["."], only)
    match report:
        case Report.TEXT:
            _as_text(outcome, verbose)
        case Report.JSON:
            output.as_json(outcome.to_json())
        case Report.JUNIT:
            output.text(outcome.to_junit())
    output.note(_summary(outcome))
    enough = least is None or outcome.coverage is None or outcome.coverage.percent >= least
    if not enough:
        output.error(f"the tests exercise less than {least:g} % of the sagas", "hms-orch test shows what no test does")
    if not outcome.ok or not enough:
        raise typer.Exit(1)


def _played(paths: Sequence[str], only: str | None) -> Outcome:
    from hms_orch_cli.cli.narration import spoken
    from hms_orch_cli.cli.validate import read
    from hms_orch_cli.errors import NotFound
    from hms_orch_cli.rehearsal.outcome import Outcome
    from hms_orch_cli.rehearsal.playing import Rehearsal
    from hms_orch_cli.wiring import expressions

    found = list(_files(paths))
    rehearsal = Rehearsal(expressions(), read, spoken)
    files = [rehearsal.check(file.name, file.read()) for file, _ in found]
    results: list[Result] = []
    for file in files:
        if file.checked.ok:
            results += rehearsal.play(file, lambda name: only is None or only.casefold() in name.casefold())
    if only is None:
        _add_untested(rehearsal, found)
    elif not results and all(file.checked.ok for file in files):
        raise NotFound(f"no test has {only!r} in its name", "--verbose lists the tests by name")
    return Outcome(files, results, rehearsal.coverage if only is None else None)


def _files(paths: Sequence[str]) -> Iterator[tuple[SagaPath, Sequence[SagaPath]]]:
    """The test files that the paths mean, and, of those that were found in a folder, the saga files beside them. Raises
    NotFound, SagaFileError."""
    from hms_orch_cli.config.environment import working_folder
    from hms_orch_cli.errors import NotFound
    from hms_orch_cli.sagafile.casefile import case_file_of
    from hms_orch_cli.sagafile.paths import expand, is_test

    here = working_folder()
    seen: set[str] = set()
    for path in paths:
        in_folder = os.path.isdir(here / path)  # noqa: PTH112  unlike Path.is_dir it never raises
        if in_folder:
            found = expand([path], here, _unless_empty)
        else:
            found = expand([path if is_test(path) else case_file_of(path)], here)
        tests = [file for file in found if is_test(file.name)]
        if not tests:
            raise NotFound(
                f"there are no saga tests below the folder {path}",
                "tests stand beside their saga: those of benefit-increase.yaml in benefit-increase.test.yaml",
            )
        for file in tests:
            if file.name not in seen:
                seen.add(file.name)
                folder = file.path.parent
                beside = [each for each in found if in_folder and each.path.parent == folder and each not in tests]
                yield file, beside


def _unless_empty(problem: HmsError) -> None:
    """A folder without any saga file has no tests either, which is told of below."""
    from hms_orch_cli.errors import NotFound

    if not isinstance(problem, NotFound):
        raise problem


def _add_untested(rehearsal: Rehearsal, found: Sequence[tuple[SagaPath, Sequence[SagaPath]]]) -> None:
    """A saga without a test counts as well where folders are looked at as a whole."""
    for file in {each: None for _, beside in found for each in beside}:
        rehearsal.add_untested(file.name, file.read())


def _as_text(outcome: Outcome, verbose: bool) -> None:
    from hms_orch_cli.rehearsal.outcome import said
    from hms_orch_cli.sagafile.reports.text import as_text

    for file in outcome.files:
        if found := as_text(file.checked.findings, file.checked.left_out):
            output.text(found)
        results = [result for result in outcome.results if result.file == file.name]
        for result in results:
            if result.failures or verbose:
                sign = output.styled("✗", "red") if result.failures else output.styled("✓", "green")
                output.result(sign, f" {result.file}:{result.line}  ", output.styled(result.name, "bold"))
            for line in said(result):
                output.result("    ", _coloured(line))
        if results and not verbose and not any(result.failures for result in results):
            output.result(output.styled("✓", "green"), f" {file.name}  {output.counted(len(results), 'test')}")
    if outcome.coverage is not None:
        _coverage_as_text(outcome.coverage)


def _coloured(line: str) -> output.Styled | str:
    """A line of a difference in the colour of its side."""
    style = {"  - ": "red", "  + ": "green"}.get(line[:4])
    return line if style is None else output.styled(line, style)


def _coverage_as_text(coverage: Coverage) -> None:
    for saga in coverage.sagas:
        exercised, there = coverage.count(saga)
        missing: dict[str, list[str]] = {}
        for branch in coverage.missing(saga):
            missing.setdefault(branch.step, []).append(branch.way)
        if not exercised:
            output.result(f"{saga}: not exercised at all")
        elif missing:
            output.result(f"{saga}: {exercised} of {there} exercised; no test in which")
            width = max(map(len, missing))
            for step, ways in missing.items():
                output.result("    ", f"{step.ljust(width)}  " if width else "", ", ".join(ways))


def _summary(outcome: Outcome) -> str:
    """One line on all of it."""
    files = output.counted(len(outcome.files), "file")
    tests = output.counted(len(outcome.results), "test")
    parts = [f"{outcome.failed} failed" if outcome.failed else "all passed"] if outcome.results else []
    broken = sum(not file.checked.ok for file in outcome.files)
    if broken:
        parts.append(f"{output.counted(broken, 'file')} not right")
    if outcome.coverage is not None and any(outcome.coverage.sagas):
        parts.append(f"coverage {outcome.coverage.percent:.0f} %")
    return f"{files}, {tests}: {', '.join(parts)}"
