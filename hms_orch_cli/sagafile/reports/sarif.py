"""Findings as SARIF 2.1.0, the format in which code scanners report."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from hms_orch_cli import __version__
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.findings import Finding, Rule
from hms_orch_cli.sagafile.reports.validation import Validation
from hms_orch_cli.sagafile.source import MAX_LINE
from hms_orch_cli.sagafile.suppression import Silenced

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

LINE_ENDS: Final = ("\r\n", "\n", "\r", "\x85", "\u2028", "\u2029")
"""What ends a line of YAML; more than SARIF takes for granted."""


def as_sarif(validation: Validation) -> dict[str, Any]:
    """A log of one run. What a comment in a file silences is in it as a result that is suppressed; what could not be
    read, or is left out, as a notification."""
    told = list(_told(validation))
    used = sorted({finding.rule for finding, _ in told})
    seen: Counter[str] = Counter()
    run = {
        "tool": {
            "driver": {"name": "hms-orch", "version": __version__, "rules": [_rule(RULES[rule]) for rule in used]}
        },
        "columnKind": "unicodeCodePoints",
        "newlineSequences": LINE_ENDS,
        "invocations": [_invocation(validation)],
        "results": [_result(finding, silenced, used, seen) for finding, silenced in told],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _told(validation: Validation) -> Iterator[tuple[Finding, Silenced | None]]:
    for each in validation.files:
        yield from ((finding, None) for finding in each.findings)
        yield from ((silenced.finding, silenced) for silenced in each.silenced)


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.title,
        "shortDescription": {"text": rule.explanation},
        "help": {"text": f"{rule.explanation} The page docs/rules/{rule.id}.md has the reason and examples."},
        "defaultConfiguration": {"level": rule.severity},
    }


def _invocation(validation: Validation) -> dict[str, Any]:
    unread = [("error", each.message) for each in validation.unread]
    left_out = [("note", f"{each.file}: {each.left_out} more findings") for each in validation.files if each.left_out]
    return {
        "executionSuccessful": not unread,
        "toolExecutionNotifications": [
            {"level": level, "message": {"text": text}} for level, text in (*unread, *left_out)
        ],
    }


def _result(finding: Finding, silenced: Silenced | None, used: list[str], seen: Counter[str]) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": _uri(finding.file), "uriBaseId": "%SRCROOT%"}, "region": _region(finding)}
    if len(finding.source_line) < MAX_LINE:
        place["contextRegion"] = {"startLine": finding.line, "snippet": {"text": finding.source_line}}
    suppression: dict[str, Any] = {"kind": "inSource"}
    if silenced and silenced.reason:
        suppression["justification"] = silenced.reason
    return {
        "ruleId": finding.rule,
        "ruleIndex": used.index(finding.rule),
        "level": finding.severity,
        "message": {"text": _message(finding)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"line/v1": _fingerprint(finding, seen)},
        "suppressions": [suppression] if silenced else [],
    }


def _message(finding: Finding) -> str:
    """What is wrong, and the fix. SARIF reads `[…](…)` as a link, and a file must not put one in."""
    return ". ".join(filter(None, (finding.message, finding.fix))).replace("](", "] (")


def _uri(name: str) -> str:
    return quote(os.fsencode(name), safe="/")


def _region(finding: Finding) -> dict[str, Any]:
    region: dict[str, Any] = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.end_line,
        "endColumn": finding.end_column,
    }
    text = finding.source_line[finding.column - 1 : finding.end_column - 1]
    if text and finding.line == finding.end_line:
        region["snippet"] = {"text": text}
    return region


def _fingerprint(finding: Finding, seen: Counter[str]) -> str:
    """What stays the same when lines come or go above: the rule, the file, the text of the line, and how many such
    findings stand before this one."""
    same = json.dumps([finding.rule, finding.file, finding.source_line.strip()])
    seen[same] += 1
    return sha256(f"{same}{seen[same]}".encode()).hexdigest()[:32]
