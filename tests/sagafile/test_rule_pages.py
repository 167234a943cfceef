"""The pages under docs/rules: one for each rule, whose examples break it and mend it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.catalogue import RETIRED, RULES
from hms_orch_cli.sagafile.findings import Rule
from hms_orch_cli.sagafile.project import check_files
from tests.documents import ROOT, rows, section
from tests.sagafile.books import book

FOLDER = ROOT / "docs" / "rules"
SERVICES = {**book("payment-svc", "notice-svc", "archive-svc"), **book(**{"mail-svc": "http://mail.example.com"})}


def page(rule: str) -> str:
    return (FOLDER / f"{rule}.md").read_text(encoding="utf-8")


def rules_of(text: str, heading: str) -> set[str]:
    """The rules that the examples under a heading break, checked together."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", section(text, heading), re.DOTALL | re.MULTILINE)
    assert blocks
    files = [(f"{number}.yaml", block.encode()) for number, block in enumerate(blocks)]
    results = check_files(files, CelExpressions(), services=SERVICES)
    return {finding.rule for checked in results for finding in checked.findings}


def test_every_rule_has_a_page_and_no_other_has() -> None:
    assert {path.stem for path in FOLDER.glob("HMS*.md")} == set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_page_says_which_rule_it_is_about(rule: Rule) -> None:
    head = f"# {rule.id} {rule.title}\n\n**{rule.severity.capitalize()}.** {rule.explanation}\n\n"
    assert page(rule.id).startswith(head)


@pytest.mark.parametrize("rule", RULES)
def test_the_failing_example_breaks_this_rule_alone(rule: str) -> None:
    assert rules_of(page(rule), "## Fails") == {rule}


@pytest.mark.parametrize("rule", RULES)
def test_the_passing_example_breaks_no_rule(rule: str) -> None:
    assert rules_of(page(rule), "## Passes") == set()


def test_the_index_is_the_catalogue() -> None:
    told = [row for row in rows((FOLDER / "README.md").read_text(encoding="utf-8")) if row[0] != "rule"]
    assert told == [
        [f"[{rule.id}]({rule.id}.md)", f"`{rule.title}`", rule.severity, rule.explanation]
        for rule in sorted(RULES.values())
    ]


def test_rules_that_are_gone_have_no_page() -> None:
    assert not [rule for rule in RETIRED if Path(FOLDER / f"{rule}.md").exists()]
