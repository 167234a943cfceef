"""Annotations, read as the runner of GitHub reads the lines of a step."""

from __future__ import annotations

import json
from typing import NamedTuple

from hms_orch_cli.safe import safe
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.reports.github import as_annotations
from hms_orch_cli.sagafile.reports.validation import Validation
from tests.sagafile.reports.results import GOOD, HOSTILE, everything, validation


class Command(NamedTuple):
    """One workflow command."""

    name: str
    properties: dict[str, str]
    message: str


def as_the_runner_does(line: str) -> Command:
    """`::name key=value,key=value::message`; the first `::` behind the head ends it."""
    assert line.startswith("::")
    head, found, message = line[2:].partition("::")
    assert found
    name, _, told = head.partition(" ")
    pairs = (pair.partition("=") for pair in told.split(","))
    properties = {key: plain(value, {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}) for key, _, value in pairs}
    return Command(name, properties, plain(message, {"%0D": "\r", "%0A": "\n"}))


def plain(text: str, signs: dict[str, str]) -> str:
    for written, sign in signs.items():
        text = text.replace(written, sign)
    return text.replace("%25", "%")


def commands(found: Validation) -> list[Command]:
    return [as_the_runner_does(line) for line in as_annotations(found).splitlines()]


def test_a_finding_is_an_annotation_at_its_place() -> None:
    (command,) = commands(validation(("sagas/a.yaml", GOOD)))

    assert command.name == "warning"
    assert command.properties == {
        "file": "sagas/a.yaml",
        "line": "5",
        "endLine": "5",
        "col": "11",
        "endColumn": "22",
        "title": "HMS042 unknown-service",
    }
    assert command.message == (
        "'payment-svc' is not in [services], so it is taken for a host name (http://payment-svc).\n".replace(
            ".\n", "\n"
        )
        + "Run 'hms-orch service set payment-svc URL'."
    )


def test_strict_makes_it_an_error() -> None:
    (command,) = commands(validation(("a.yaml", GOOD), strict=True))

    assert command.name == "error"


def test_every_finding_arrives_as_the_report_for_people_tells_it() -> None:
    """Whatever names and messages hold: signs of the runner's own, line ends, what moves a cursor."""
    found = everything()
    arrived = [command for command in commands(found) if "line" in command.properties]

    assert [
        (each.properties["file"], each.properties["line"], each.properties["title"], each.message) for each in arrived
    ] == [
        (
            safe(each.file),
            str(each.line),
            f"{each.rule} {RULES[each.rule].title}",
            f"{safe(each.message)}\n{safe(each.fix)}".rstrip(),
        )
        for each in found.findings()
    ]
    assert safe(HOSTILE) in {each.properties["file"] for each in arrived}


def test_nothing_dangerous_is_printed_raw() -> None:
    """Each of these ends a line for some reader, or is obeyed by a terminal: as a key, it comes back in a message."""
    for sign in "\x1b\x85\x9b\u2028\u2029\x0b\x0c\x1c\u202e":
        found = validation(("a.yaml", json.dumps({f"a{sign}b": 1})))

        told = as_annotations(found)

        assert sign not in told
        assert f"unknown key 'a{safe(sign)}b'" in told


def test_columns_are_told_on_one_line_only() -> None:
    """The runner drops them from an annotation of several lines."""
    found = everything()
    spans = [each.line != each.end_line for each in found.findings()]
    arrived = [command for command in commands(found) if "line" in command.properties]

    assert [("col" not in each.properties) for each in arrived] == spans
    assert any(spans)


def test_what_was_not_read_and_what_is_left_out_are_told() -> None:
    told = {command.message: command for command in commands(everything()) if "line" not in command.properties}

    assert told["no such file or folder: gone.yaml"].name == "error"
    assert told["and 53 more"] == ("notice", {"file": "many.yaml", "title": "hms-orch"}, "and 53 more")


def test_nothing_to_say_is_nothing() -> None:
    assert as_annotations(Validation([])) == ""
