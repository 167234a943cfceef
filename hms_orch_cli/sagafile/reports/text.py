"""Findings as text for people. Other formats are made from the same findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from unicodedata import east_asian_width

from hms_orch_cli.safe import safe
from hms_orch_cli.sagafile.findings import Finding

MAX_WIDTH: Final = 120
"""Characters of a source line that are shown, those around the mistake."""


def as_text(findings: Iterable[Finding], left_out: int = 0) -> str:
    """Each finding as `file:line:column: severity rule: message`, with the source line, a caret and the fix. Text from
    the file is made safe for a terminal. Ends with a new line unless there is nothing to say."""
    lines: list[str] = []
    for finding in findings:
        lines += _finding(finding)
    if left_out:
        lines.append(f"… and {left_out} more")
    return "".join(line + "\n" for line in lines)


def _finding(finding: Finding) -> Iterator[str]:
    place = f"{safe(finding.file)}:{finding.line}:{finding.column}"
    yield f"{place}: {finding.severity} {finding.rule}: {safe(finding.message)}"
    if finding.source_line.strip():
        number = str(finding.line)
        before, marked, after = _parts(finding)
        yield f"  {number} | {before}{marked}{after}".rstrip()
        yield f"  {' ' * len(number)} | {' ' * _width(before)}{'^' * max(_width(marked), 1)}"
    if finding.fix:
        yield f"  fix: {safe(finding.fix)}"


def _parts(finding: Finding) -> tuple[str, str, str]:
    """The source line before, at and after the mistake, cut to what a terminal shows."""
    line = finding.source_line
    start = min(finding.column - 1, len(line))
    end = finding.end_column - 1 if finding.end_line == finding.line else len(line.rstrip())
    end = min(max(end, start + 1), len(line), start + MAX_WIDTH // 2)
    first = max(start - MAX_WIDTH // 2, 0)
    last = first + MAX_WIDTH
    return (
        ("…" if first else "") + _shown(line[first:start]),
        _shown(line[start:end]),
        _shown(line[end:last]) + ("…" if len(line) > last else ""),
    )


def _shown(text: str) -> str:
    return safe(text.replace("\t", " "))


def _width(text: str) -> int:
    """Columns that a terminal uses for a text."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
