"""The pages under docs/rules: one for each rule, whose examples break it and mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hms_orch_cli.sagafile.catalogue import RETIRED, RULES
from hms_orch_cli.sagafile.findings import Rule
from tests.documents import rows
from tests.rule_pages import FOLDER, checked, page


def rules_of(rule: str, heading: str) -> set[str]:
    """The rules that the examples under a heading break."""
    return {finding.rule for each in checked(rule, heading) for finding in each.findings}


def test_every_rule_has_a_page_and_no_other_has() -> None:
    assert {path.stem for path in FOLDER.glob("HMS*.md")} == set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_page_says_which_rule_it_is_about(rule: Rule) -> None:
    head = f"# {rule.id} {rule.title}\n\n**{rule.severity.capitalize()}.** {rule.explanation}\n\n"
    assert page(rule.id).startswith(head)


@pytest.mark.parametrize("rule", RULES)
def test_the_failing_example_breaks_this_rule_alone(rule: str) -> None:
    assert rules_of(rule, "## Fails") == {rule}


@pytest.mark.parametrize("rule", RULES)
def test_the_passing_example_breaks_no_rule(rule: str) -> None:
    assert rules_of(rule, "## Passes") == set()


def test_the_index_is_the_catalogue() -> None:
    told = [row for row in rows((FOLDER / "README.md").read_text(encoding="utf-8")) if row[0] != "rule"]
    assert told == [
        [f"[{rule.id}]({rule.id}.md)", f"`{rule.title}`", rule.severity, rule.explanation]
        for rule in sorted(RULES.values())
    ]


def test_rules_that_are_gone_have_no_page() -> None:
    assert not [rule for rule in RETIRED if Path(FOLDER / f"{rule}.md").exists()]
