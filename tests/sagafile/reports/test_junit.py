"""Findings as cases of JUnit."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

from hms_orch_cli.sagafile.reports.junit import as_junit
from hms_orch_cli.sagafile.reports.validation import Validation
from tests.junit_schema import JUnitSchema
from tests.sagafile.reports.results import GOOD, UNREAD, everything, validation

BEGAN = datetime(2026, 11, 28, tzinfo=UTC)
FINE = GOOD.replace("payment-svc", "x").replace("good", "fine")
WRONG = FINE.replace("call", "cal")


def suite_of(found: Validation) -> ElementTree.Element:
    (suite,) = ElementTree.fromstring(as_junit(found, BEGAN))
    return suite


def cases(found: Validation) -> list[tuple[str | None, str | None, str | None]]:
    """Group, name and what failed."""
    return [
        (case.get("classname"), case.get("name"), None if (failure := case.find("failure")) is None else failure.text)
        for case in suite_of(found).findall("testcase")
    ]


def test_an_error_fails_a_case_a_warning_does_not_and_a_good_file_is_one_that_passes() -> None:
    found = validation(("wrong.yaml", WRONG), ("warned.yaml", GOOD), ("fine.yaml", FINE))
    text = "wrong.yaml:5:5: error HMS010: unknown key 'cal'\n  5 |     cal: x:/pay\n    |     ^^^\n"

    assert cases(found) == [
        ("wrong.yaml", "HMS010 unknown-key at 5:5", text + "  fix: Did you mean 'call'?\n"),
        ("warned.yaml", "HMS042 unknown-service at 5:11", None),
        ("fine.yaml", "no findings", None),
    ]
    assert (suite_of(found).get("tests"), suite_of(found).get("failures")) == ("3", "1")


def test_a_warning_stands_in_the_output_and_strictly_it_fails() -> None:
    assert "warned.yaml:5:11: warning HMS042" in (
        suite_of(validation(("warned.yaml", GOOD))).findtext("system-out") or ""
    )
    assert suite_of(validation(("warned.yaml", GOOD), strict=True)).get("failures") == "1"


def test_what_could_not_be_read_fails_by_its_name() -> None:
    suite = suite_of(Validation([], UNREAD))

    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.attrib == {"type": "unread", "message": "no such file or folder: gone.yaml"}


def test_a_case_fails_at_most_once() -> None:
    for case in suite_of(everything()).findall("testcase"):
        assert len(case) <= 1


def test_a_report_is_as_the_schema_of_jenkins_says(junit_schema: JUnitSchema) -> None:
    junit_schema(as_junit(everything(), BEGAN))
