"""Findings as annotations on GitHub: lines that the runner of a workflow reads as commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hms_orch_cli.safe import safe
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.findings import Finding
from hms_orch_cli.sagafile.reports.validation import Validation

IN_MESSAGE: Final = "%\r\n"
IN_PROPERTY: Final = IN_MESSAGE + ":,"
"""What the runner takes back from its escape, there and here, and nothing else."""


def as_annotations(validation: Validation) -> str:
    """A line for each finding, and for each file that could not be read. GitHub shows file names that are relative to
    the root of the repository. The runner's log is read in a terminal or a browser: what is dangerous there is written
    out, as in the report for people."""
    lines = [_annotation("error", {"title": "hms-orch"}, problem.message) for problem in validation.unread]
    lines += [_finding(finding) for finding in validation.findings()]
    for each in validation.files:
        if each.left_out:
            lines.append(_annotation("notice", {"file": each.file, "title": "hms-orch"}, f"and {each.left_out} more"))
    return "".join(line + "\n" for line in lines)


def _finding(finding: Finding) -> str:
    where = {"file": finding.file, "line": str(finding.line), "endLine": str(finding.end_line)}
    if finding.line == finding.end_line:  # the runner takes columns on one line only
        where |= {"col": str(finding.column), "endColumn": str(finding.end_column)}
    where["title"] = f"{finding.rule} {RULES[finding.rule].title}"
    return _annotation(finding.severity, where, finding.message, finding.fix)


def _annotation(command: str, properties: Mapping[str, str], *lines: str) -> str:
    told = ",".join(f"{name}={_escaped(safe(value), IN_PROPERTY)}" for name, value in properties.items())
    message = "\n".join(safe(line) for line in lines if line)
    return f"::{command} {told}::{_escaped(message, IN_MESSAGE)}"


def _escaped(text: str, signs: str) -> str:
    return "".join(f"%{ord(sign):02X}" if sign in signs else sign for sign in text)
