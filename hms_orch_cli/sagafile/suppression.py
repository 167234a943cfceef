"""Comments that silence a warning, with the reason beside it.

call: mail-svc:/send         # hms-orch: ignore[no-undo] a mail cannot be called back
# hms-orch: ignore[HMS101, HMS102] alone on a line: of the next line that is no comment
# hms-orch: ignore-file[HMS042] of the whole file
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Finding, Place, Rule
from hms_orch_cli.sagafile.reader import Tree
from hms_orch_cli.sagafile.selection import suggestion
from hms_orch_cli.sagafile.source import Source

MARK: Final = "hms-orch:"
"""A comment that begins with it is for us, and has to be understood."""

MOST_NAMES: Final = 20
"""Rules that one comment may name."""

_COMMENT: Final = re.compile(rf"(?:^|(?<=[ \t]))#[ \t]*{MARK}[ \t]*")
_WISH: Final = re.compile(r"(ignore(?:-file)?)\[([^\[\]]*)\][ \t]*(.*)")
_NAME: Final = re.compile(r"[^\s,](?:[^,]*[^\s,])?")
_HOW: Final = "Write '# hms-orch: ignore[RULE] reason', or ignore-file[RULE]."


class Silenced(NamedTuple):
    """A warning that a comment silences, and the reason that stands there, empty if none does."""

    finding: Finding
    reason: str


class Comment(NamedTuple):
    """One rule that a comment silences, on one line or, with `line` 0, in the whole file; `place` is the rule's name
    in the comment."""

    rule: Rule
    line: int
    place: Place
    reason: str


def comments_of(source: Source, trees: Iterable[Tree]) -> list[Comment]:
    """The comments of a file that silence something; notes those that cannot. `trees` are its documents."""
    if MARK not in source.text:
        return []
    comments: list[Comment] = []
    for line, start, text, target in _wishes(source, _Scalars(source, trees)):
        wish = _WISH.fullmatch(text)
        place = Place(line, start + 1, line, start + len(text) + 1)
        names = list(_NAME.finditer(wish[2])) if wish else []
        if len(names) > MOST_NAMES:
            message = f"this comment names {len(names)} rules, and may name {MOST_NAMES}"
            source.add(catalogue.BAD_SUPPRESSION, message, "Write several comments.", place)
            continue
        if wish is None or not names:
            source.add(
                catalogue.BAD_SUPPRESSION, "this comment is for hms-orch, which does not understand it", _HOW, place
            )
            continue
        for name in names:
            column = start + wish.start(2) + name.start() + 1
            place = Place(line, column, line, column + len(name[0]))
            if rule := _rule(name[0], place, source):
                comments.append(Comment(rule, 0 if wish[1] == "ignore-file" else target, place, wish[3].strip()))
    return comments


def silence(source: Source, comments: Iterable[Comment]) -> tuple[Silenced, ...]:
    """Takes what the comments silence out of the findings of a file, and notes the comments that silence nothing."""
    by_target: dict[tuple[str, int], list[Comment]] = {}
    for comment in comments:
        by_target.setdefault((comment.rule.id, comment.line), []).append(comment)
    if not by_target:
        return ()
    silenced: list[Silenced] = []
    used: set[tuple[str, int]] = set()
    for finding in source.findings:
        for target in ((finding.rule, finding.line), (finding.rule, 0)):
            if target in by_target:
                silenced.append(Silenced(finding, by_target[target][0].reason))
                used.add(target)
                break
    gone = {each.finding for each in silenced}
    source.findings[:] = [finding for finding in source.findings if finding not in gone]
    if any(catalogue.RULES[finding.rule].severity == "error" for finding in source.findings):
        return tuple(silenced)  # rules look away from what is wrong anyway, so nobody knows what is unused
    for target, same in by_target.items():
        for comment in same[1:] if target in used else same:
            if not comment.rule.elsewhere:
                message = f"there is no {comment.rule.id} ({comment.rule.title}) {_where(comment)} to silence"
                source.add(catalogue.UNUSED_SUPPRESSION, message, "Remove it.", comment.place)
    return tuple(silenced)


def _where(comment: Comment) -> str:
    return f"on line {comment.line}" if comment.line else "in this file"


def _rule(name: str, place: Place, source: Source) -> Rule | None:
    """The rule of that id or title, if it can be silenced; else notes why not."""
    rule = catalogue.find(name)
    if name in catalogue.RETIRED:
        source.add(catalogue.UNUSED_SUPPRESSION, f"the rule {name} is gone", "Remove it.", place)
    elif rule is None:
        message = f"no rule is called '{name[:80]}'"
        source.add(catalogue.BAD_SUPPRESSION, message, suggestion(name) or _HOW, place)
    elif rule.severity == "error":
        message = f"{rule.id} ({rule.title}) is an error, and only warnings can be silenced"
        source.add(catalogue.BAD_SUPPRESSION, message, "Correct what it is about.", place)
    else:
        return rule
    return None


def _wishes(source: Source, scalars: _Scalars) -> Iterator[tuple[int, int, str, int]]:
    """Of each comment for us its line, the column (from 0) and text behind the mark, and the line that it is about."""
    found = []
    below = len(source.lines) + 1
    for line in range(len(source.lines), 0, -1):
        text = source.lines[line - 1]
        comment = _COMMENT.search(text)
        before = text[: comment.start()] if comment else text
        alone = not before.strip()
        if comment and not scalars.hold(line, comment.start() + 1):
            found.append((line, comment.end(), text[comment.end() :].rstrip(), below if alone else line))
        if not alone and not before.lstrip().startswith("#"):
            below = line
    return reversed(found)


class _Scalars:
    """The texts of a file in which a `#` is no comment."""

    def __init__(self, source: Source, trees: Iterable[Tree]) -> None:
        self._source = source
        self._places = sorted(
            place for tree in trees for places in (tree.places, tree.keys) for place in places.values()
        )

    def hold(self, line: int, column: int) -> bool:
        """Whether the character stands in one."""
        index = bisect_right(self._places, (line, column, line + 1)) - 1
        if index < 0:
            return False
        place = self._places[index]
        if place.line == line and self._source.lines[line - 1][place.column - 1] in "|>":
            return False  # behind the head of a block, which is on the lines below
        return (line, column) < (place.end_line, place.end_column)
