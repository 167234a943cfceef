"""Types that never go together: `context.pay.count + "x"` where `count` is a number. HMS109.

Known are the attributes of events, the run's id, and what an `output` yields by its expression.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.ports.expressions import CelType, Expressions, Read
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.lint.pieces import Piece, pieces_of_start
from hms_orch_cli.sagafile.lint.subject import Part, Subject

Known = dict[tuple[str, ...], CelType]
"""Path -> what stands there."""

_TEXTS: Final[Known] = {
    **{("event", name): "string" for name in ("id", "source", "type", "time", "subject", "datacontenttype")},
    **{("saga", name): "string" for name in ("id", "definition")},
}


def check_types(subject: Subject, pieces: Iterable[tuple[Part, Piece]], expressions: Expressions) -> None:
    """Notes expressions that fail, or compare what is never equal, whatever the values."""
    known = dict(_TEXTS)
    for part in subject.parts.values():
        known.update(_types_of_output(part, expressions))
    for piece in (*pieces_of_start(subject.content, expressions), *(piece for _, piece in pieces)):
        if not piece.is_plain and any(_knows(read, known) for read in piece.reads):
            _check(subject, piece, known, expressions)


def _knows(read: Read, known: Known) -> bool:
    """Whether something is known of what is read."""
    member = known.get(read.path[:3], "any") if len(read.path) > 2 else "any"
    if member != "any" or read.path[0] != "context":
        return member != "any" or read.path[:2] in known
    return len(read.path) == 2 and read.path in known


def _types_of_output(part: Part, expressions: Expressions) -> Known:
    """What the members of an output are. One that reads another step's is left as it is."""
    if part.step.output is None:
        return {}
    here: tuple[str, ...] = ("context", part.step.name)
    types: Known = {here: "map"}
    for name, text in part.step.output.items():
        try:
            types[(*here, name)] = expressions.type_of(text, ("data", "event", "context", "saga", "response"), _TEXTS)
        except ExpressionError:
            continue
    return types


def _check(subject: Subject, piece: Piece, known: Known, expressions: Expressions) -> None:
    written = piece.written
    names = written.names
    try:
        expressions.type_of(piece.cel, names, known, boolean=written.kind == "condition")
    except ExpressionError as error:
        message = f"{piece.key}: {error.message}"
        fix = error.hint or "Convert one side: string(…), int(…), double(…), timestamp(…)."
        if error.message.startswith("must be"):
            fix = "Compare it with something."
        column = piece.start + max(error.column, 1)
        subject.note_inside(catalogue.TYPES_DIFFER, message, fix, written.path, column, 1)
