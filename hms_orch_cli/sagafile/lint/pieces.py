"""The expressions of a step: whole texts of CEL, and what stands in each `${…}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hms_orch_cli.ports import Expressions, Read
from hms_orch_cli.sagafile.findings import Rule
from hms_orch_cli.sagafile.lint.subject import Part, Subject
from hms_orch_cli.sagafile.places import Text, texts_of_step


class Piece(NamedTuple):
    """One expression; it begins at the character `start` (from 0) of the text in the file. `key` says what it is for:
    call, compensate, check, when, output, summary, match or prompt."""

    key: str
    written: Text
    cel: str
    start: int
    reads: tuple[Read, ...]

    @property
    def of_undo(self) -> bool:
        """Whether the undo evaluates it."""
        return self.key == "compensate"

    def note(self, subject: Subject, rule: Rule, message: str, fix: str, read: Read) -> None:
        """A finding at something that it reads."""
        subject.note_inside(rule, message, fix, self.written.path, self.start + read.column, read.length)


def pieces_of(part: Part, expressions: Expressions) -> Iterator[Piece]:
    """The expressions of a step that read something."""
    for written in texts_of_step(part.path, part.written):
        key = str(written.path[len(part.path)])
        if key in ("await", "approval"):
            key = str(written.path[-1])
        if written.kind != "template":
            cel = [(written.text, 0)]
        elif "${" in written.text:
            cel = list(expressions.inserted(written.text))
        else:
            continue
        for text, start in cel:
            if found := tuple(expressions.reads(text)):
                yield Piece(key, written, text, start, found)
