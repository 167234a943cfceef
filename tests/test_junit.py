"""JUnit XML, against the schema that Jenkins checks reports with, and what the stricter ones ask beyond it."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from hms_orch_cli.junit import Case, Failure, Suite, suites
from tests.junit_schema import JUnitSchema

BEGAN = datetime(2026, 11, 28, 3, 14, 15, 926_535, tzinfo=UTC)
HOSTILE = "a\x00\x1b[31m\u202e\ufffe\ud800<&\"'>]]>\r\n\tb 保"
SUITES = [
    Suite(
        "first",
        [
            Case("passes", "a.yaml", 0.25),
            Case("fails", "a.yaml", 1.5, Failure("HMS010", "unknown key 'cal'", "a.yaml:1:1\n  1 | cal: x\n")),
            Case("waits", "b.yaml", skipped="not today"),
        ],
        "one\ntwo\n",
    ),
    Suite(HOSTILE, [Case(HOSTILE, HOSTILE, failure=Failure(HOSTILE, HOSTILE, HOSTILE))], HOSTILE),
]


def test_a_report_counts_what_is_in_it() -> None:
    first, _ = ElementTree.fromstring(suites(SUITES, BEGAN))

    assert {name: first.get(name) for name in ("id", "name", "tests", "failures", "errors", "skipped", "time")} == {
        "id": "0",
        "name": "first",
        "tests": "3",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
        "time": "1.750",
    }
    assert first.get("timestamp") == "2026-11-28T03:14:15"
    passes, fails, waits = first.findall("testcase")
    assert (passes.attrib, len(passes)) == ({"name": "passes", "classname": "a.yaml", "time": "0.250"}, 0)
    assert fails[0].attrib == {"type": "HMS010", "message": "unknown key 'cal'"}
    assert fails[0].text == "a.yaml:1:1\n  1 | cal: x\n"
    assert waits[0].attrib == {"message": "not today"}
    assert [part.tag for part in first] == ["properties", *["testcase"] * 3, "system-out", "system-err"]
    assert first.findtext("system-out") == "one\ntwo\n"


def test_whatever_a_text_holds_is_ascii_that_xml_can_carry() -> None:
    text = suites(SUITES, BEGAN)
    shown = "a\\x00\\x1b[31m\\u202e\\ufffe\\ud800<&\"'>]]>\\x0d\n\\x09b 保"

    assert text.isascii()
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    suite = ElementTree.fromstring(text)[1]
    assert suite.get("name") == shown
    assert suite.findtext("system-out") == shown
    (failure,) = suite.findall("testcase/failure")
    assert (failure.get("type"), failure.get("message"), failure.text) == (shown, shown, shown)


@pytest.mark.parametrize("results", [SUITES, [], [Suite("none", [])]], ids=["all", "no suite", "no case"])
def test_a_report_is_as_the_schema_of_jenkins_says(results: list[Suite], junit_schema: JUnitSchema) -> None:
    junit_schema(suites(results, BEGAN))


def test_the_schema_of_jenkins_refuses_what_is_no_report(junit_schema: JUnitSchema) -> None:
    """Else the test above would say nothing."""
    with pytest.raises(AssertionError):
        junit_schema("<testsuites><testsuite/></testsuites>")
