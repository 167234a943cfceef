"""Comments that silence a warning."""

from __future__ import annotations

import pytest

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.check import Checked, check

SAGA = """\
id: a.v1
trigger: b
steps:
  - name: one
    call: away-svc:/one
  - name: two
    call: far-svc:/two
"""
NOTE = "# hms-orch: ignore[HMS042] it runs elsewhere"


def checked(text: str, **options: object) -> Checked:
    """Without the rules of lint, which have more to say of so small a saga."""
    options.setdefault("rules", [rule for rule in RULES if rule.startswith("HMS0")])
    return check(text.encode(), "a.yaml", CelExpressions(), services={}, **options)  # type: ignore[arg-type]


def rules(text: str) -> list[tuple[int, str]]:
    return [(finding.line, finding.rule) for finding in checked(text).findings]


def test_a_comment_silences_its_line_and_keeps_the_reason() -> None:
    result = checked(SAGA.replace("/one", f"/one   {NOTE}"))

    assert [(finding.line, finding.rule) for finding in result.findings] == [(7, "HMS042")]
    ((finding, reason),) = result.silenced
    assert (finding.line, finding.rule, finding.severity) == (5, "HMS042", "warning")
    assert reason == "it runs elsewhere"


@pytest.mark.parametrize("between", ["", "\n\n", "# words\n   # more\n", f"    {NOTE}\n"])
def test_alone_on_a_line_it_silences_the_next_line_that_is_no_comment(between: str) -> None:
    text = SAGA.replace("    call: away", f"{NOTE}\n{between}    call: away")

    assert [rule for _, rule in rules(text)] == ["HMS042"]
    assert len(checked(text).silenced) == 1


def test_a_comment_at_the_top_silences_the_whole_file() -> None:
    result = checked(NOTE.replace("ignore", "ignore-file") + "\n" + SAGA)

    assert (result.findings, len(result.silenced)) == ((), 2)


@pytest.mark.parametrize("names", ["unknown-service", "HMS042, HMS023", "HMS023,HMS042", " HMS042 "])
def test_a_rule_goes_by_its_id_or_its_title_beside_others(names: str) -> None:
    text = SAGA.replace("/one", f"/one # hms-orch: ignore[{names}]")

    assert (5, "HMS042") not in rules(text)


def test_it_silences_its_own_rule_on_its_own_line_only() -> None:
    text = SAGA.replace("/one", "/one\n    summary: x " + NOTE.replace("HMS042", "HMS023"))

    assert rules(text) == [(5, "HMS042"), (6, "HMS009"), (8, "HMS042")]


def test_what_is_left_is_an_error_when_taken_strictly_and_what_is_silenced_is_not() -> None:
    quiet = SAGA.replace("/one", f"/one {NOTE}").replace("/two", f"/two {NOTE}")

    assert checked(quiet, strict=True).ok
    assert len(checked(quiet, strict=True).documents) == 1
    half = checked(SAGA.replace("/one", f"/one {NOTE}"), strict=True)
    assert [(finding.line, finding.severity) for finding in half.findings] == [(7, "error")]
    assert half.documents == ()


@pytest.mark.parametrize(
    "value",
    [
        '"# hms-orch: no comment"',
        "'text # hms-orch: no comment'",
        "|\n      # hms-orch: no comment\n      text",
        ">-\n      text # hms-orch: no comment",
        "text#hms-orch: no comment".replace(": ", ":"),
        '"two\n      # hms-orch: lines"',
    ],
)
def test_what_stands_in_a_text_is_no_comment(value: str) -> None:
    assert [rule for _, rule in rules(f"{SAGA}    summary: {value}\n")] == ["HMS042", "HMS042"]


def test_behind_a_text_and_behind_the_head_of_a_block_it_is_one() -> None:
    for value in ('"a"', "'a'", "a", "|"):
        text = f"{SAGA}    summary: {value}   # hms-orch: ignore[HMS010]\n      \n"
        assert [line for line, rule in rules(text) if rule == "HMS008"] == [8], value


def test_every_document_of_a_file_may_have_comments() -> None:
    other = SAGA.replace("a.v1", "b.v1").replace("/two", f"/two {NOTE}")

    assert rules(f"{SAGA}---\n{other}") == [(5, "HMS042"), (7, "HMS042"), (13, "HMS042")]


def test_line_ends_of_windows_change_nothing() -> None:
    text = SAGA.replace("/one", f"/one {NOTE}").replace("\n", "\r\n")

    ((_, reason),) = checked(text).silenced
    assert reason == "it runs elsewhere"


def test_a_comment_names_twenty_rules_at_most() -> None:
    def named(count: int) -> list[tuple[int, str]]:
        return rules(SAGA.replace("/one", f"/one # hms-orch: ignore[{','.join(['HMS042'] * count)}]"))

    assert named(20) == [(7, "HMS042")]
    assert named(21)[0] == (5, "HMS008")


def test_nothing_is_called_unused_beside_an_error() -> None:
    """A rule looks away from what is wrong already, so nobody knows."""
    text = SAGA.replace("/one", "/one # hms-orch: ignore[HMS023]")

    assert (5, "HMS009") in rules(text)
    assert rules(text.replace("/two", "two")) == [(7, "HMS040"), (5, "HMS042")]


def test_of_a_text_that_is_not_read_to_its_end_no_comment_is_read() -> None:
    assert [rule for _, rule in rules(SAGA + "# hms-orch: nonsense\n]")] == ["HMS001"]


def test_a_finding_of_a_rule_that_does_not_count_is_not_told_as_silenced() -> None:
    assert checked(SAGA.replace("/one", f"/one {NOTE}"), rules=("HMS051",)).silenced == ()
