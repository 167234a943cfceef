"""What docs/validate.md says is so."""

from __future__ import annotations

from hms_orch_cli.cli.validate import Report
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.check import Checked, check
from hms_orch_cli.sagafile.reports.json import as_json
from hms_orch_cli.sagafile.reports.validation import Validation
from hms_orch_cli.sagafile.selection import ALWAYS
from tests.documents import document, marked, rows, section, words

PAGE = document("validate.md")


def checked(text: str) -> Checked:
    return check(text.encode(), "letters.yaml", CelExpressions(), services={})


def test_every_format_is_told() -> None:
    told = [words(row[0])[0] for row in rows(section(PAGE, "## Reports")) if row[0].startswith("`")]

    assert told[: len(Report)] == [report.value for report in Report]


def test_every_member_of_the_json_is_told() -> None:
    (found, *_) = as_json(Validation([checked("id: A")]))
    told = [name for row in rows(section(PAGE, "## Reports")) for name in words(row[0])]

    assert told[len(Report) :] == list(found)


def test_the_comments_of_the_example_silence_all_there_is() -> None:
    """Each of them something: without any of them there is a warning."""
    example = marked(PAGE, "example: silenced")

    assert checked(example).findings == ()
    assert {(each.finding.rule, each.finding.line) for each in checked(example).silenced} == {
        ("HMS042", 6),
        ("HMS042", 8),
        ("HMS101", 6),
        ("HMS116", 12),
    }
    for line in example.splitlines():
        if "# hms-orch:" in line:
            assert checked(example.replace(line, line.partition("# hms-orch:")[0])).findings


def test_the_rules_that_always_count_are_told() -> None:
    assert f"`{min(ALWAYS)}` to `{max(ALWAYS)}`" in PAGE
    assert sorted(ALWAYS) == [f"HMS{number:03}" for number in range(1, 9)]
