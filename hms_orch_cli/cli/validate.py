"""`hms-orch validate`: what is wrong with saga files, without touching anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hms_orch_cli.cli import output
from hms_orch_cli.cli.program import examples, new_app

if TYPE_CHECKING:
    from hms_orch_cli.sagafile.check import Checked
    from hms_orch_cli.sagafile.findings import Finding

app = new_app()

STDIN = "<stdin>"


class Report(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


@app.command(
    epilog=examples(
        "hms-orch validate sagas/",
        "hms-orch validate --strict sagas/benefit-increase.yaml",
        "cat saga.yaml | hms-orch validate - --format json",
    )
)
def validate(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders, or - for stdin.", show_default=False)
    ],
    report: Annotated[Report, typer.Option("--format", help="How findings are printed.")] = Report.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
) -> None:
    """Check saga files, offline.

    Exit code 1 if there is an error. Findings go to stdout, the summary to stderr.
    """
    from hms_orch_cli.config import load
    from hms_orch_cli.sagafile.project import check_files
    from hms_orch_cli.wiring import expressions

    checked = check_files(files(paths), expressions(), services=load().services, strict=strict)
    if report is Report.JSON:
        output.as_json([_as_json(finding) for each in checked for finding in each.findings])
    else:
        _as_text(checked)
    output.note(summary(checked))
    if not all(each.ok for each in checked):
        raise typer.Exit(1)


def summary(checked: Sequence[Checked]) -> str:
    """One line on everything that was checked."""
    sagas = sum(len(each.documents) for each in checked)
    found = [finding.severity for each in checked for finding in each.findings]
    more = sum(each.left_out for each in checked)
    what = f"{_count(len(checked), 'file')}, {_count(sagas, 'valid saga')}: "
    if not found:
        return what + "nothing to say"
    errors, warnings = found.count("error"), found.count("warning")
    parts = [_count(errors, "error")] * bool(errors) + [_count(warnings, "warning")] * bool(warnings)
    return what + ", ".join([*parts, *[f"{more} more left out"] * bool(more)])


def files(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file that the paths mean, `-` for stdin. Raises NotFound and its like."""
    from hms_orch_cli.sagafile.paths import expand
    from hms_orch_cli.sagafile.source import MAX_BYTES

    if "-" in paths:
        yield STDIN, sys.stdin.buffer.read(MAX_BYTES + 1) if sys.stdin else b""
    for file in expand([path for path in paths if path != "-"]):
        yield file.name, file.read()


def _as_text(checked: Sequence[Checked]) -> None:
    from hms_orch_cli.sagafile.report import as_text

    for each in checked:
        if found := as_text(each.findings, each.left_out):
            output.text(found)


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "endLine": finding.end_line,
        "endColumn": finding.end_column,
        "severity": finding.severity,
        "rule": finding.rule,
        "message": finding.message,
        "fix": finding.fix,
        "pointer": finding.pointer,
        "sourceLine": finding.source_line,
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
