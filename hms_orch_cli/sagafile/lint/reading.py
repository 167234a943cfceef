"""What expressions read of other steps: that it is there when they are evaluated. HMS105 to HMS108, HMS119.

A step sees the output of what is done before it begins; an undo its own step's as well, if that has succeeded. A step
that was skipped, or runs beside it, has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Final

from hms_orch_cli.ports.expressions import Expressions, Read
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Rule
from hms_orch_cli.sagafile.lint.pieces import Piece
from hms_orch_cli.sagafile.lint.subject import Part, Subject
from hms_orch_cli.sagafile.schema import nearest

_CONSEQUENCES: Mapping[str, str] = {
    "compensate": "the run is STUCK",
    "match": "no event matches",
    "output": "the step fails and is undone",
}
"""What follows when an expression fails; of any other the step fails."""

MOST_NAMES: Final = 300
"""Names among which the nearest is looked for."""


def check_reading(subject: Subject, pieces: Iterable[tuple[Part, Piece]], expressions: Expressions) -> None:
    """Notes what cannot be read, or not always."""
    for part, piece in pieces:
        for read in piece.reads:
            if read.path[0] == "context" and len(read.path) > 1:
                _Reading(subject, part, piece, read, expressions).check()
            elif read.path[0] == "response":
                _after_expiry(subject, piece, read, part)


class _Reading:
    """One `context.<step>`, with the step that reads it."""

    def __init__(self, subject: Subject, part: Part, piece: Piece, read: Read, expressions: Expressions) -> None:
        self._subject, self._part, self._piece, self._read = subject, part, piece, read
        self._expressions = expressions
        self._name = read.path[1]
        self._shown = f"context.{self._name[:80]}"

    def check(self) -> None:
        other = self._subject.parts.get(self._name)
        if other is None:
            names = list(islice(self._subject.parts, MOST_NAMES))
            fix = nearest(self._name, names) or f"Steps here: {', '.join(names[:10])}."
            return self._note(catalogue.READS_UNKNOWN, f"there is no step '{self._name[:80]}'", fix)
        relation = self._subject.relation(self._name, self._part.step.name)
        if relation == "itself" and self._piece.of_undo:
            self._own(other)
        elif relation != "earlier":
            return self._not_yet(relation)
        elif other.step.when is not None:
            self._skipped(other)
        return self._member(other)

    def _not_yet(self, relation: str) -> None:
        reader = self._part.step.name
        why = {
            "later": f"'{self._name}' comes after '{reader}'",
            "beside": f"'{self._name}' runs beside '{reader}'",
            "itself": f"'{reader}' is not done yet",
        }[relation]
        fix = f"Put '{self._name}' before '{reader}'."
        if relation == "itself":
            fix = "Read 'response'." if self._piece.key in ("output", "summary") else "Read an earlier step."
        elif self._piece.of_undo:
            fix = "An undo reads what is done before its step, and its step."
        self._note(catalogue.READS_LATER, f"'{self._shown}' is not there: {why}", fix)

    def _own(self, other: Part) -> None:
        """An undo that needs what its call answered: a call in doubt has not answered, and is undone all the same."""
        read = self._read
        if other.step.call is None or other.step.check is not None or read.asked or not read.sure:
            return
        message = f"the undo of '{self._name}' needs its answer; if that never comes (a timeout), the run is STUCK"
        fix = f"Undo by a key that is known before (data, saga.id), or add a 'check' to '{self._name}'."
        self._note(catalogue.UNDO_NEEDS_ANSWER, message, fix)

    def _skipped(self, other: Part) -> None:
        read = self._read
        if (read.asked and len(read.path) == 2) or not read.sure or self._piece.key == "summary":
            return
        if self._piece.key != "when" and self._runs_only_with(other):
            return
        then = _CONSEQUENCES.get(self._piece.key, "the step fails")
        message = f"'{self._name}' may be skipped (when), and then '{self._shown}' is not there: {then}"
        fix = f"Ask before: has({self._shown}) ? … : …"
        self._note(catalogue.READS_SKIPPED, message, fix)

    def _runs_only_with(self, other: Part) -> bool:
        """Whether the reader's own `when` may see to it that the other step has run: it asks for the same."""
        mine, its = self._part.step.when, other.step.when
        if mine is None or its is None:
            return False
        paths = partial(_paths, expressions=self._expressions)
        return ("context", self._name) in {path[:2] for path in paths(mine)} or not paths(mine).isdisjoint(paths(its))

    def _member(self, other: Part) -> None:
        """A member that the step's output does not have."""
        step, path = other.step, self._read.path
        if step.output is not None and len(path) > 2 and path[2] not in step.output:
            message = f"the output of '{self._name}' has no '{path[2][:80]}'"
            fix = nearest(path[2], step.output) or f"It has: {', '.join(list(step.output)[:10]) or 'nothing'}."
            self._note(catalogue.READS_NO_OUTPUT, message, fix)
        elif step.output is None and len(path) > 2:
            _after_expiry(self._subject, self._piece, self._read._replace(path=path[1:]), other)

    def _note(self, rule: Rule, message: str, fix: str) -> None:
        self._piece.note(self._subject, rule, message, fix, self._read)


def _after_expiry(subject: Subject, piece: Piece, read: Read, approval: Part) -> None:
    """A member of a decision that is not there when nobody decided, and the run goes on as if somebody had."""
    written, gone = approval.step.approval, ("actor", "note")
    if written is None or written.on_expire != "continue" or written.ttl_ms is None or piece.key == "summary":
        return
    if len(read.path) > 1 and read.path[1] in gone and read.sure and not read.asked:
        message = f"after an expiry there is no '{read.path[1]}': the answer is {{decision: expired}}"
        fix = f"Look at 'decision' first, or ask: has(….{read.path[1]}) ? … : …"
        piece.note(subject, catalogue.READS_NO_OUTPUT, message, fix, read)


def _paths(text: str, expressions: Expressions) -> set[tuple[str, ...]]:
    return {read.path for read in expressions.reads(text)}
