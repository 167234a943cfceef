"""Findings as text for people."""

from __future__ import annotations

from hms_orch_cli.sagafile.findings import Finding
from hms_orch_cli.sagafile.reports.text import as_text


def finding(line: str, column: int, end: int, **other: object) -> Finding:
    values: dict[str, object] = {"rule": "HMS010", "severity": "error", "message": "unknown", "fix": ""}
    values |= {"file": "a.yaml", "line": 3, "column": column, "end_line": 3, "end_column": end, "pointer": ""}
    return Finding(**{**values, "source_line": line, **other})  # type: ignore[arg-type]  # a mix of types


def test_a_report_has_place_rule_line_caret_and_fix() -> None:
    text = as_text([finding("  cal: x", 3, 6, fix="Did you mean 'call'?")])

    assert text == ("a.yaml:3:3: error HMS010: unknown\n  3 |   cal: x\n    |   ^^^\n  fix: Did you mean 'call'?\n")


def test_nothing_to_say_is_nothing() -> None:
    assert as_text([]) == ""


def test_findings_that_were_left_out_are_counted() -> None:
    assert as_text([], 7) == "… and 7 more\n"


def test_the_caret_stands_under_what_the_terminal_shows() -> None:
    """Escaped characters are longer, wide ones take two columns, a tab is shown as a space."""
    lines = as_text([finding("\u202e保\tx", 4, 5)]).splitlines()

    assert lines[1] == "  3 | \\u202e保 x"
    assert lines[2] == "    | " + " " * (6 + 2 + 1) + "^"


def test_nothing_from_a_file_reaches_the_terminal_raw() -> None:
    text = as_text([finding("\x1b[31m\x9b\u2066", 1, 2, message="\x1b]0;x\x07", fix="\u200b", file="\x1b.yaml")])

    assert not set(text) & set("\x1b\x9b\u2066\x07\u200b")


def test_a_long_line_is_cut_around_the_mistake() -> None:
    lines = as_text([finding("a" * 400 + "HERE" + "b" * 400, 401, 405)]).splitlines()

    assert lines[1].startswith("  3 | …a")
    assert lines[1].endswith("b…")
    assert len(lines[1]) < 140
    assert lines[1][lines[2].index("^") :].startswith("HERE")


def test_a_place_behind_the_end_of_its_line_has_a_caret() -> None:
    assert as_text([finding("abc", 4, 5)]).splitlines()[2] == "    |    ^"
