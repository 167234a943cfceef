"""Which rules count."""

from __future__ import annotations

import pytest

from hms_orch_cli.errors import UsageError
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.selection import selected

SYNTAX = {f"HMS00{number}" for number in range(1, 9)}


def test_every_rule_counts_unless_something_else_is_said() -> None:
    assert selected((), ()) == set(RULES)


@pytest.mark.parametrize("word", ["HMS042", "unknown-service"])
def test_a_rule_goes_by_its_id_or_its_title(word: str) -> None:
    assert selected([word], ()) == SYNTAX | {"HMS042"}
    assert selected((), [word]) == set(RULES) - {"HMS042"}


def test_the_beginning_of_ids_means_all_of_them() -> None:
    assert selected(["HMS04"], ()) == SYNTAX | {rule for rule in RULES if rule.startswith("HMS04")}
    assert selected((), ["HMS"]) == SYNTAX


def test_words_come_with_commas_or_one_by_one_and_what_is_ignored_is_not_selected() -> None:
    assert selected(["HMS051, HMS042", "HMS023"], ["HMS042"]) == SYNTAX | {"HMS051", "HMS023"}


def test_what_is_said_of_the_text_as_such_always_counts() -> None:
    assert selected(["HMS042"], [*SYNTAX, "HMS009"]) == SYNTAX | {"HMS042"}


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("unknown-servise", "Did you mean 'unknown-service'?"),
        ("hms042", "Did you mean 'HMS042'?"),
        ("HMS04x", "an id such as HMS042, its beginning (HMS04), or a title"),
        ("%", "an id such as HMS042, its beginning (HMS04), or a title"),
    ],
)
def test_what_names_no_rule_is_wrong_usage_with_the_nearest(word: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no rule is called '{word}'") as refused:
        selected((), ["HMS042", word])
    assert refused.value.hint == hint
