"""`hms-orch validate`: what is wrong with saga files, without touching anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hms_orch_cli.cli import output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import HmsError

if TYPE_CHECKING:
    from hms_orch_cli.sagafile.paths import Problem
    from hms_orch_cli.sagafile.reports.validation import Validation

app = new_app()

STDIN = "<stdin>"


class Report(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


@app.command(
    epilog=examples(
        "hms-orch validate sagas/",
        "hms-orch validate --strict sagas/benefit-increase.yaml",
        "hms-orch validate 'sagas/**/*.yaml' --ignore HMS042,no-undo",
        "hms-orch validate sagas/ --format sarif > sagas.sarif",
        "cat saga.yaml | hms-orch validate - --format json",
        "",
        "# in a saga file, at the end of a line or alone above it:",
        "# hms-orch: ignore[no-undo] a letter cannot be called back",
    )
)
def validate(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Files, folders, patterns, or - for stdin.", show_default=False),
    ],
    report: Annotated[Report, typer.Option("--format", help="How findings are printed.")] = Report.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE,...", help="Only these rules: ids, their beginnings, or titles; may be given again."
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="RULE,...", help="Not these rules; may be given again.")
    ] = None,
) -> None:
    """Check saga files, offline.

    Exit code 1 if there is an error. Findings go to stdout, the summary to stderr.
    """
    from hms_orch_cli.config import load
    from hms_orch_cli.sagafile.project import check_files
    from hms_orch_cli.sagafile.reports.validation import Validation
    from hms_orch_cli.sagafile.selection import selected
    from hms_orch_cli.wiring import expressions

    rules = selected(select or (), ignore or ())
    unread: list[HmsError] = []
    found = files(paths, unread.append)
    checked = check_files(found, expressions(), services=load().services, strict=strict, rules=rules, read=read)
    validation = Validation(checked, unread)
    _print(validation, report)
    for problem in unread:
        output.error(problem.message, problem.hint)
    output.note(summary(validation))
    if not validation.ok:
        raise typer.Exit(1)


def summary(validation: Validation) -> str:
    """One line on everything that was checked."""
    sagas = sum(len(each.documents) for each in validation.files)
    found = [finding.severity for finding in validation.findings()]
    counts = [
        (found.count("error"), "error"),
        (found.count("warning"), "warning"),
    ]
    said = [output.counted(number, noun) for number, noun in counts if number]
    if more := sum(each.left_out for each in validation.files):
        said.append(f"{more} more left out")
    if silenced := sum(len(each.silenced) for each in validation.files):
        said.append(f"{silenced} silenced")
    what = f"{output.counted(len(validation.files), 'file')}, {output.counted(sagas, 'valid saga')}"
    return f"{what}: {', '.join(said) or 'nothing to say'}"


def files(paths: Sequence[str], problem: Problem | None = None, *, tests: bool = True) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file that the paths mean, `-` for stdin; without `tests` none that holds tests of a
    saga. `problem` hears of what cannot be read; without it that is raised, as NotFound or SagaFileError."""
    from hms_orch_cli.sagafile.paths import expand, is_test, refuse

    problem = problem or refuse
    if "-" in paths:
        try:
            yield STDIN, _stdin()
        except HmsError as error:
            problem(error)
    for file in expand([path for path in paths if path != "-"], problem=problem):
        if is_test(file.name) and not tests:
            continue
        try:
            yield file.name, file.read()
        except HmsError as error:
            problem(error)


def read(name: str) -> bytes:
    """A file by the name that findings have for it, which another file may have put there: what would not end, such as
    a pipe, is refused. Raises NotFound, SagaFileError."""
    from hms_orch_cli.config.environment import working_folder
    from hms_orch_cli.errors import SagaFileError
    from hms_orch_cli.sagafile.paths import SagaPath, unreadable

    path = working_folder() / name
    try:
        if path.exists() and not path.is_file():
            raise SagaFileError(f"{name} is no file")
    except OSError as error:
        raise unreadable(name, error) from None
    return SagaPath(path, name).read()


def _stdin() -> bytes:
    from hms_orch_cli.sagafile.paths import unreadable
    from hms_orch_cli.sagafile.source import MAX_BYTES

    try:
        return sys.stdin.buffer.read(MAX_BYTES + 1) if sys.stdin else b""
    except OSError as error:
        raise unreadable(STDIN, error) from None


def _print(validation: Validation, report: Report) -> None:
    match report:
        case Report.TEXT:
            from hms_orch_cli.sagafile.reports.text import as_text

            for each in validation.files:
                if found := as_text(each.findings, each.left_out):
                    output.text(found)
        case Report.JSON:
            from hms_orch_cli.sagafile.reports.json import as_json

            output.as_json(as_json(validation))
        case Report.SARIF:
            from hms_orch_cli.sagafile.reports.sarif import as_sarif

            output.as_json(as_sarif(validation))
        case Report.GITHUB:
            from hms_orch_cli.sagafile.reports.github import as_annotations

            if lines := as_annotations(validation):
                output.text(lines)
        case Report.JUNIT:
            from datetime import UTC, datetime

            from hms_orch_cli.sagafile.reports.junit import as_junit

            output.text(as_junit(validation, datetime.now(UTC)))
