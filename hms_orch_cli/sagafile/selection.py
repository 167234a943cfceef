"""Which rules count: what `--select` and `--ignore` say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hms_orch_cli.errors import UsageError
from hms_orch_cli.sagafile.catalogue import RULES, TITLES
from hms_orch_cli.sagafile.schema import nearest

ALWAYS: Final = frozenset(
    rule.id for rule in RULES.values() if rule.id.startswith("HMS00") and rule.severity == "error"
)
"""What is said of the text as such counts, whoever ignores it: without it nothing else that is said could hold."""


def selected(select: Iterable[str], ignore: Iterable[str]) -> frozenset[str]:
    """The ids of the rules that `select` names, of all if it names none, without those that `ignore` names. Both hold
    ids, beginnings of ids and titles, several in one text with commas between. Raises UsageError for what names no
    rule."""
    wanted = _named(select) or frozenset(RULES)
    return (wanted - _named(ignore)) | ALWAYS


def _named(given: Iterable[str]) -> frozenset[str]:
    words = [word.strip() for each in given for word in each.split(",") if word.strip()]
    return frozenset(rule for word in words for rule in _ids(word))


def _ids(word: str) -> list[str]:
    found = [rule.id for rule in RULES.values() if rule.id.startswith(word) or rule.title == word]
    if not found:
        hint = suggestion(word) or "an id such as HMS042, its beginning (HMS04), or a title"
        raise UsageError(f"no rule is called '{word[:80]}'", hint)
    return found


def suggestion(word: str) -> str:
    """A question for the rule that may be meant, empty if that cannot be told: ids are too alike to guess one."""
    return f"Did you mean '{word.upper()}'?" if word.upper() in RULES else nearest(word, TITLES)
