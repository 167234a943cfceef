"""Findings as JUnit XML: an error is a case that failed, a warning one that passed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hms_orch_cli.junit import Case, Failure, Suite, suites
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.check import Checked
from hms_orch_cli.sagafile.findings import Finding
from hms_orch_cli.sagafile.reports.text import as_text
from hms_orch_cli.sagafile.reports.validation import Validation

NAME = "hms-orch validate"


def as_junit(validation: Validation, began: datetime) -> str:
    """One suite with a case for each finding, and for each file without any. Its output is the report for people, in
    which warnings stand as well. `began` is in UTC."""
    cases = [
        Case("can be read", NAME, failure=Failure("unread", each.message, each.hint)) for each in validation.unread
    ]
    cases += [case for each in validation.files for case in _cases(each)]
    said = "".join(as_text(each.findings, each.left_out) for each in validation.files)
    return suites([Suite(NAME, cases, said)], began)


def _cases(checked: Checked) -> Iterator[Case]:
    if not checked.findings:
        yield Case("no findings", checked.file)
    for finding in checked.findings:
        yield Case(_name(finding), checked.file, failure=_failure(finding) if finding.severity == "error" else None)


def _name(finding: Finding) -> str:
    return f"{finding.rule} {RULES[finding.rule].title} at {finding.line}:{finding.column}"


def _failure(finding: Finding) -> Failure:
    return Failure(finding.rule, finding.message, as_text([finding]))
