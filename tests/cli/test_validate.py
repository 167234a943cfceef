"""`validate` and `schema`: the reports, the exit codes, hostile files."""

import json
from pathlib import Path

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
    assert ended.err.startswith("2 files, 1 valid saga: ")


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


def test_a_missing_path_is_one_line_and_a_hint(orch: Run) -> None:
    ended = orch("validate", "nope.yaml")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: no such file or folder: nope.yaml\nhint: ")


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J", "id: \x1b]0;x\x07", "id: \u202egnp.exe", "? \u200b\n", "{" * 5_000, "\x00"]
)
def test_no_file_reaches_the_terminal_raw(orch: Run, hostile: str) -> None:
    ended = orch("validate", "-", stdin=hostile)
    assert ended.code == 1
    assert not set("\x1b\x07\x00\u202e\u200b") & set(ended.out + ended.err)


def test_the_schema_is_json_schema(orch: Run) -> None:
    ended = orch("schema")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
