"""A finding: one mistake in a saga file, with its place, its rule and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Severity = Literal["error", "warning"]

Path = tuple[str | int, ...]
"""Where a value stands in a document: keys and list positions from the root."""


class Rule(NamedTuple):
    """A rule of the language; `explanation` is one line, for reports that list rules. `elsewhere`: what it finds hangs
    on more than the file, such as the address book, so that a comment which silences it is never one too many."""

    id: str
    title: str
    severity: Severity
    explanation: str
    elsewhere: bool = False


class Place(NamedTuple):
    """A stretch of the text; lines and columns count characters from 1, the end is the column behind the last one.

    `text_column` is the column where a scalar's own first character stands if the file holds it as it is on one
    line, so that a place inside the scalar can be told; 0 if not.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    text_column: int = 0

    def inside(self, character: int, length: int = 1) -> Place:
        """The place of a character (from 1, 0 for unknown) of this scalar and those after it, or the scalar's own."""
        if not character or not self.text_column:
            return self
        column = min(self.text_column + character - 1, max(self.end_column - 1, self.text_column))
        return Place(self.line, column, self.line, max(min(column + length, self.end_column), column + 1))


FIRST: Final = Place(1, 1, 1, 2)
"""The first character of a file."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake. `pointer` is the JSON pointer (RFC 6901) of the value; `source_line` the line as it stands in the
    file, not made safe for a terminal; `fix` one sentence, empty if there is nothing to say."""

    rule: str
    severity: Severity
    message: str
    fix: str
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    pointer: str
    source_line: str


def pointer_of(path: Path) -> str:
    """A path as a JSON pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
