"""Findings as a list of JSON objects, for programs."""

from __future__ import annotations

from typing import Any

from hms_orch_cli.sagafile.reports.validation import Validation


def as_json(validation: Validation) -> list[dict[str, Any]]:
    """One object for each finding; the names of its members are stable."""
    return [
        {
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
        for finding in validation.findings()
    ]
