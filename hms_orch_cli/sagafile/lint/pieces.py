"""The expressions of a step: whole texts of CEL, and what stands in each `${…}`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from hms_orch_cli.ports.expressions import Expressions, Read
from hms_orch_cli.sagafile.findings import Rule
from hms_orch_cli.sagafile.lint.subject import Part, Subject
from hms_orch_cli.sagafile.places import Text, texts_of_start, texts_of_step

_OF_INTEREST: Final = ("context", "event", "saga", "response")
"""Names of which something is known before a run; of `data` nothing is, and most expressions read nothing else."""


class Piece(NamedTuple):
    """One expression; it begins at the character `start` (from 0) of the text in the file. `key` says what it is for:
    filter, lock, call, compensate, check, when, output, summary, match or prompt."""

    key: str
    written: Text
    cel: str
    start: int
    reads: tuple[Read, ...]

    @property
    def of_undo(self) -> bool:
        """Whether the undo evaluates it."""
        return self.key == "compensate"

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing but what it reads, which may be of any type."""
        return self.written.kind != "condition" and self.reads[0].length == len(self.cel.strip())

    def note(self, subject: Subject, rule: Rule, message: str, fix: str, read: Read) -> None:
        """A finding at something that it reads."""
        subject.note_inside(rule, message, fix, self.written.path, self.start + read.column, read.length)


def pieces_of_start(content: Mapping[str, Any], expressions: Expressions) -> Iterator[Piece]:
    """The expressions that decide whether there is a run, those that read more than data."""
    for written in texts_of_start(content):
        yield from _pieces(str(written.path[0]), written, expressions)


def pieces_of(part: Part, expressions: Expressions) -> Iterator[Piece]:
    """The expressions of a step that read more than data."""
    for written in texts_of_step(part.path, part.written):
        key = str(written.path[len(part.path)])
        yield from _pieces(str(written.path[-1]) if key in ("await", "approval") else key, written, expressions)


def _pieces(key: str, written: Text, expressions: Expressions) -> Iterator[Piece]:
    if not any(name in written.text for name in _OF_INTEREST):
        return
    cel = [(written.text, 0)] if written.kind != "template" else expressions.inserted(written.text)
    for text, start in cel:
        if found := tuple(expressions.reads(text)):
            yield Piece(key, written, text, start, found)
