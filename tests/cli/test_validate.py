"""`validate` and `schema`: the reports, the exit codes, hostile files."""

import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Run

WRONG = "id: x\ntrigger: y\nsteps:\n  - name: a\n    cal: svc:/a\n"


def test_a_good_file_is_one_line_on_stderr(orch: Run, shop: Path) -> None:
    orch("init")
    assert orch("validate", "sagas/benefit-increase.yaml") == (0, "", "1 file, 1 valid saga: nothing to say\n")


def test_a_mistake_is_shown_with_its_place_its_line_and_a_fix(orch: Run, shop: Path) -> None:
    (shop / "x.yaml").write_text(WRONG)
    ended = orch("validate", "x.yaml")
    assert ended.code == 1
    assert "x.yaml:5:5: error HMS010: unknown key 'cal'\n  5 |     cal: svc:/a\n    |     ^^^\n" in ended.out
    assert ended.err.startswith("1 file, 0 valid sagas: ")


def test_standard_input_beside_files(orch: Run, shop: Path) -> None:
    orch("init")
    ended = orch("validate", "-", "sagas", stdin=WRONG)
    assert ended.out.startswith("<stdin>:")
    assert ended.err.startswith("3 files, 1 valid saga: ")


def test_an_unknown_service_is_a_warning_and_strictly_an_error(orch: Run, shop: Path) -> None:
    (shop / "x.yaml").write_text(WRONG.replace("cal:", "call:"))
    assert orch("validate", "x.yaml").code == 0
    assert orch("validate", "--strict", "x.yaml").code == 1


def test_json_is_the_same_findings(orch: Run, shop: Path) -> None:
    (shop / "x.yaml").write_text(WRONG)
    ended = orch("validate", "x.yaml", "--format", "json")
    found = json.loads(ended.out)[0]
    assert ended.code == 1
    assert found == {
        "file": "x.yaml",
        "line": 5,
        "column": 5,
        "endLine": 5,
        "endColumn": 8,
        "severity": "error",
        "rule": "HMS010",
        "message": "unknown key 'cal'",
        "fix": found["fix"],
        "pointer": "/steps/0/cal",
        "sourceLine": "    cal: svc:/a",
    }


def test_sarif_names_the_rule(orch: Run, shop: Path) -> None:
    (shop / "x.yaml").write_text(WRONG)
    ended = orch("validate", "x.yaml", "--format", "sarif")
    (run,) = json.loads(ended.out)["runs"]
    assert ended.code == 1
    assert [result["ruleId"] for result in run["results"]] == ["HMS010"]


def test_github_has_a_line_for_each_finding(orch: Run, shop: Path) -> None:
    (shop / "x.yaml").write_text(WRONG)
    ended = orch("validate", "x.yaml", "--format", "github")
    assert ended.code == 1
    assert ended.out == (
        "::error file=x.yaml,line=5,endLine=5,col=5,endColumn=8,title=HMS010 unknown-key::unknown key 'cal'"
        "%0ADid you mean 'call'?\n"
    )


def test_junit_is_a_whole_document(orch: Run, shop: Path) -> None:
    orch("init")
    (shop / "x.yaml").write_text(WRONG)
    ended = orch("validate", ".", "--format", "junit")
    (suite,) = ElementTree.fromstring(ended.out)
    assert ended.code == 1
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")


def test_rules_can_be_chosen(orch: Run, shop: Path) -> None:
    """Those that are ignored do not fail the command."""
    (shop / "x.yaml").write_text(WRONG.replace("cal:", "call:") + "    cal: 1\n")
    assert orch("validate", "x.yaml", "--ignore", "unknown-key").code == 0
    assert orch("validate", "x.yaml", "--select", "HMS04", "--select", "HMS02").code == 0
    assert orch("validate", "x.yaml", "--select", "HMS04,HMS01").code == 1


def test_a_rule_that_is_none_is_wrong_usage(orch: Run) -> None:
    ended = orch("validate", ".", "--ignore", "nounde")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: no rule is called 'nounde'\nhint: Did you mean 'no-undo'?\n"


def test_a_comment_silences_a_warning_and_the_summary_counts_it(orch: Run, shop: Path) -> None:
    (shop / "x.yaml").write_text(WRONG.replace("cal: svc:/a", "call: svc:/a # hms-orch: ignore[HMS042] known there"))
    assert orch("validate", "--strict", "--select", "HMS04", "x.yaml") == (
        0,
        "",
        "1 file, 1 valid saga: 1 silenced\n",
    )


def test_what_cannot_be_read_is_told_and_the_rest_is_checked(orch: Run, shop: Path) -> None:
    """A path that is none, and a file that is gone when it is read."""
    (shop / "sagas").mkdir()
    (shop / "sagas" / "gone.yaml").symlink_to("nowhere")
    (shop / "sagas" / "x.yaml").write_text(WRONG)
    ended = orch("validate", "nope.yaml", "sagas")
    assert ended.code == 1
    assert ended.out.startswith("sagas/x.yaml:5:5: error HMS010")
    assert ended.err == (
        "error: no such file or folder: nope.yaml\nhint: Paths are relative to the working folder.\n"
        "error: no such file or folder: sagas/gone.yaml\nhint: Paths are relative to the working folder.\n"
        "1 file, 0 valid sagas: 1 error\n"
    )


def test_a_file_that_cannot_be_read_fails_the_command_though_the_others_are_good(orch: Run, shop: Path) -> None:
    orch("init")
    (shop / "sagas" / "loop.yaml").symlink_to("loop.yaml")
    ended = orch("validate", "sagas")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: sagas/loop.yaml cannot be read: Too many levels of symbolic links\n")


def test_tests_that_name_a_pipe_as_their_saga_do_not_wait_for_it(orch: Run, shop: Path) -> None:
    os.mkfifo(shop / "pipe.yaml")
    (shop / "x.test.yaml").write_text("saga: pipe.yaml\ntests: [{name: a, expect: {state: COMPLETED}}]\n")
    ended = orch("validate", "x.test.yaml")
    assert ended.code == 1
    assert "pipe.yaml is no file" in ended.out


def test_a_missing_path_is_one_line_and_a_hint(orch: Run) -> None:
    ended = orch("validate", "nope.yaml")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: no such file or folder: nope.yaml\nhint: ")


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J", "id: \x1b]0;x\x07", "id: \u202egnp.exe", "? \u200b\n", "{" * 5_000, "\x00"]
)
@pytest.mark.parametrize("report", ["text", "json", "sarif", "github", "junit"])
def test_no_file_reaches_the_terminal_raw(orch: Run, hostile: str, report: str) -> None:
    ended = orch("validate", "-", "--format", report, stdin=hostile)
    assert ended.code == 1
    assert not set("\x1b\x07\x00\u202e\u200b") & set(ended.out + ended.err)


def test_the_schema_is_json_schema(orch: Run) -> None:
    ended = orch("schema")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
