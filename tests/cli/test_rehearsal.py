"""`hms-orch test`: which files it plays, what it says, its exit codes and reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run

ORDER = """\
id: shop.order.v1
trigger: order.placed
steps:
  - {name: pay, call: "pay-svc:/pay", compensate: "pay-svc:/refund"}
"""
GOOD = "tests:\n  - {name: it is paid, expect: {state: COMPLETED}}\n"
BAD = GOOD + "  - {name: it is refused, expect: {state: FAILED}}\n"


@pytest.fixture
def order(shop: Path) -> Path:
    """A folder with a saga."""
    (shop / "sagas").mkdir()
    (shop / "sagas/order.yaml").write_text(ORDER)
    return shop / "sagas"


def test_all_tests_below_the_folder_are_played(orch: Run, order: Path) -> None:
    (order / "order.test.yaml").write_text(GOOD)
    (order / "deep").mkdir()
    (order / "deep/other.test.yml").write_text(GOOD.replace("tests:", "saga: ../order.yaml\ntests:"))
    ended = orch("test")
    assert ended.code == 0
    assert ended.out.startswith("✓ sagas/order.test.yaml  1 test\n✓ sagas/deep/other.test.yml  1 test\n")
    assert ended.err == "2 files, 2 tests: all passed, coverage 25 %\n"


def test_a_test_that_fails_is_told_of_with_its_line(orch: Run, order: Path) -> None:
    (order / "order.test.yaml").write_text(BAD)
    ended = orch("test", "sagas")
    assert (ended.code, ended.err) == (1, "1 file, 2 tests: 1 failed, coverage 25 %\n")
    assert ended.out.startswith(
        "✗ sagas/order.test.yaml:3  it is refused\n"
        "    line 3, state: expected FAILED, but it is COMPLETED\n"
        "    the console:\n"
        "      ▶ shop.order.v1  START\n"
    )
    assert "it is paid" not in ended.out


def test_verbose_shows_what_passes(orch: Run, order: Path) -> None:
    (order / "order.test.yaml").write_text(BAD)
    assert orch("test", "-v").out.startswith("✓ sagas/order.test.yaml:2  it is paid\n✗ sagas/order.test.yaml:3")


def test_a_saga_file_stands_for_the_tests_beside_it(orch: Run, order: Path) -> None:
    (order / "order.test.yaml").write_text(GOOD)
    assert orch("test", "sagas/order.yaml").code == 0
    ended = orch("test", "sagas/other.yaml")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: no such file or folder: sagas/other.test.yaml\n")


def test_a_file_that_is_named_twice_is_played_once(orch: Run, order: Path) -> None:
    (order / "order.test.yaml").write_text(GOOD)
    assert orch("test", "sagas", "sagas/order.test.yaml", ".").err.startswith("1 file, 1 test: ")


def test_only_some_of_the_tests(orch: Run, order: Path) -> None:
    """By a part of their names, in either case; of coverage nothing can be said then."""
    (order / "order.test.yaml").write_text(BAD)
    assert orch("test", "-k", "PAID") == (0, "✓ sagas/order.test.yaml  1 test\n", "1 file, 1 test: all passed\n")
    ended = orch("test", "-k", "nothing")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: no test has 'nothing' in its name\nhint: ")


def test_a_folder_without_tests_is_told_of(orch: Run, order: Path) -> None:
    ended = orch("test")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: there are no saga tests below the folder .\nhint: ")


def test_a_folder_without_anything_is_told_of(orch: Run, shop: Path) -> None:
    ended = orch("test")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: there are no saga tests below the folder .\nhint: ")


def test_a_file_that_is_not_right_is_no_reason_to_leave_out_the_others(orch: Run, order: Path) -> None:
    (order / "order.test.yaml").write_text(GOOD)
    (order / "wrong.test.yaml").write_text(GOOD.replace("state", "stat"))
    ended = orch("test")
    assert ended.code == 1
    assert "✓ sagas/order.test.yaml  1 test\n" in ended.out
    assert "sagas/wrong.test.yaml:2:33: error HMS010: unknown key 'stat'\n" in ended.out
    assert "sagas/wrong.test.yaml:1:1: error HMS201: no such file or folder: sagas/wrong.yaml\n" in ended.out
    assert ended.err == "2 files, 1 test: all passed, 1 file not right, coverage 25 %\n"


def test_where_no_saga_was_played_nothing_is_said_of_coverage(orch: Run, order: Path) -> None:
    """Not that all of it is exercised."""
    order.with_name("order.test.yaml").write_text("tests: []\n")
    ended = orch("test", "order.test.yaml")
    assert ended.code == 1
    assert ended.err == "1 file, 0 tests: 1 file not right\n"


def test_a_saga_that_is_not_valid_is_told_of_where_it_is_named(orch: Run, order: Path) -> None:
    (order / "order.yaml").write_text(ORDER.replace("trigger", "triger"))
    (order / "order.test.yaml").write_text("saga: order.yaml\n" + GOOD)
    ended = orch("test")
    assert ended.code == 1
    assert (
        "sagas/order.test.yaml:1:7: error HMS201: sagas/order.yaml is not valid: line 2, unknown key 'triger'"
        in ended.out
    )


@pytest.mark.parametrize(("least", "code"), [("25", 0), ("25.1", 1)])
def test_less_than_is_required_is_an_error(orch: Run, order: Path, least: str, code: int) -> None:
    (order / "order.test.yaml").write_text(GOOD)
    ended = orch("test", "--require-coverage", least)
    assert ended.code == code
    assert ("error: the tests exercise less than 25.1 % of the sagas\nhint: " in ended.err) is bool(code)


def test_a_saga_without_tests_counts_where_a_folder_is_looked_at(orch: Run, order: Path) -> None:
    (order / "order.test.yaml").write_text(GOOD)
    (order / "second.yaml").write_text(ORDER.replace("shop.order", "shop.second"))
    (order / "no-saga.yaml").write_text("services: {}\n")
    whole, named = orch("test", "sagas"), orch("test", "sagas/order.test.yaml")
    assert whole.err == "1 file, 1 test: all passed, coverage 12 %\n"
    assert "shop.second.v1: not exercised at all\n" in whole.out
    assert named.err == "1 file, 1 test: all passed, coverage 25 %\n"


@pytest.mark.parametrize(
    "args",
    [("--require-coverage", "101"), ("--format", "xml"), ("-k", "a", "--require-coverage", "1"), ("--nope",)],
    ids=" ".join,
)
def test_wrong_usage(orch: Run, order: Path, args: tuple[str, ...]) -> None:
    (order / "order.test.yaml").write_text(GOOD)
    assert orch("test", *args).code == 2


def test_the_report_for_programs(orch: Run, order: Path) -> None:
    (order / "order.test.yaml").write_text(BAD)
    ended = orch("test", "--format", "json")
    found = json.loads(ended.out)
    assert ended.code == 1
    assert found["tests"][0] == {
        **{"file": "sagas/order.test.yaml", "line": 2, "name": "it is paid", "passed": True, "failures": []},
        **{"virtualMs": found["tests"][0]["virtualMs"], "console": []},
    }
    (failed,) = found["tests"][1]["failures"]
    assert failed == {"line": 3, "key": "state", "message": "expected FAILED, but it is COMPLETED", "lines": []}
    assert found["tests"][1]["console"][0] == "▶ shop.order.v1  START"
    assert found["findings"] == []
    assert found["coverage"] == {
        "percent": 25.0,
        "sagas": [
            {
                **{"saga": "shop.order.v1", "exercised": 1, "all": 4},
                "missing": [{"step": "pay", "way": way} for way in ("is tried again", "fails", "is undone")],
            }
        ],
    }


def test_the_report_for_ci_servers(orch: Run, order: Path, junit_schema: Callable[[str], None]) -> None:
    """As the common schema of such reports asks; a file that is not right is a case that failed."""
    from xml.etree import ElementTree

    (order / "order.test.yaml").write_text(BAD.replace("it is paid", "it is <paid> & done"))
    (order / "wrong.test.yaml").write_text("tests: 5\n")
    ended = orch("test", "--format", "junit")
    assert ended.code == 1
    junit_schema(ended.out)
    cases = ElementTree.fromstring(ended.out).findall(".//testcase")
    assert [(case.get("name"), case.find("failure") is not None) for case in cases] == [
        ("it is <paid> & done", False),
        ("it is refused", True),
        ("line 1: HMS201", True),
        ("line 1: HMS012", True),
    ]


@pytest.mark.parametrize("hostile", ["\\e[2J", "\\u202egnp.exe", "\\e]0;x\\a", "\\u200b"])
def test_no_file_reaches_the_terminal_raw(orch: Run, order: Path, hostile: str) -> None:
    """Neither a name, nor what a participant says, nor what is expected."""
    problem = f'{{status: 422, body: {{title: "t{hostile}"}}}}'
    (order / "order.test.yaml").write_text(
        f'tests:\n  - name: "n{hostile}"\n    given: {{answers: {{pay: {problem}}}}}\n'
        f'    expect: {{reason: "r{hostile}", console: ["c{hostile}"], context: {{pay: "v{hostile}"}}}}\n'
    )
    for form in ("text", "json", "junit"):
        ended = orch("test", "-v", "--format", form)
        assert ended.code == 1
        assert not set("\x1b\x07\x00\u202e\u200b") & set(ended.out + ended.err)


def test_the_schema_of_test_files_is_printed(orch: Run) -> None:
    ended = orch("schema", "--for", "tests")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["$id"] == "urn:hms-orch:saga-test:1"
    assert json.loads(orch("schema", "--for", "sagas").out) == json.loads(orch("schema").out)
