"""JUnit XML: results as CI servers read them.

There is no one schema of it. This is what the strictest that is in use asks for (Windy Road's, of Ant's reports), and
so what the others take: every attribute is there, and a case has at most one failure. It is ASCII without a control
character, whatever the names and texts hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from hms_orch_cli.safe import safe


class Failure(NamedTuple):
    """Why a case did not pass: `kind` sorts failures of one sort together, `message` is one line, `detail` the rest."""

    kind: str
    message: str
    detail: str = ""


class Case(NamedTuple):
    """One result. `group` is what servers file it under ("classname"). Skipped if `skipped` says why."""

    name: str
    group: str
    seconds: float = 0.0
    failure: Failure | None = None
    skipped: str = ""


class Suite(NamedTuple):
    """Results that belong together; `output` is text for whoever opens the report."""

    name: str
    cases: Sequence[Case]
    output: str = ""


def suites(results: Sequence[Suite], began: datetime) -> str:
    """The report on all suites, one document; `began` is in UTC."""
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites")
    for number, suite in enumerate(results):
        attributes = {
            "id": str(number),
            "name": _text(suite.name),
            "package": _text(suite.name),
            "timestamp": began.strftime("%Y-%m-%dT%H:%M:%S"),
            "hostname": "localhost",
            "tests": str(len(suite.cases)),
            "failures": str(sum(case.failure is not None for case in suite.cases)),
            "errors": "0",
            "skipped": str(sum(bool(case.skipped) for case in suite.cases)),
            "time": _seconds(sum(case.seconds for case in suite.cases)),
        }
        element = ElementTree.SubElement(root, "testsuite", attributes)
        ElementTree.SubElement(element, "properties")
        for case in suite.cases:
            told = ElementTree.SubElement(
                element,
                "testcase",
                {"name": _text(case.name), "classname": _text(case.group), "time": _seconds(case.seconds)},
            )
            if case.failure is not None:
                kind, message, detail = map(_text, case.failure)
                ElementTree.SubElement(told, "failure", {"type": kind, "message": message}).text = detail
            elif case.skipped:
                ElementTree.SubElement(told, "skipped", {"message": _text(case.skipped)})
        ElementTree.SubElement(element, "system-out").text = _text(suite.output)
        ElementTree.SubElement(element, "system-err")
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="us-ascii", xml_declaration=True)
    return written.decode("ascii") + "\n"


def _text(text: str) -> str:
    """A text that XML can carry: its line ends stay, no other control character does."""
    return "\n".join(safe(line) for line in text.split("\n"))


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
