"""Advice on sagas that are right by the letter: what will not be undone, what cannot be read, what waits for ever.

Every rule is a warning, and says nothing where it cannot be certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.services import Service
from hms_orch_cli.sagafile.lint.conditions import check_conditions
from hms_orch_cli.sagafile.lint.hosts import check_hosts
from hms_orch_cli.sagafile.lint.irreversible import check_irreversible
from hms_orch_cli.sagafile.lint.kinds import check_types
from hms_orch_cli.sagafile.lint.patience import check_patience
from hms_orch_cli.sagafile.lint.pieces import pieces_of
from hms_orch_cli.sagafile.lint.reading import check_reading
from hms_orch_cli.sagafile.lint.secrets import check_secrets
from hms_orch_cli.sagafile.lint.side_by_side import check_side_by_side
from hms_orch_cli.sagafile.lint.subject import Subject
from hms_orch_cli.sagafile.lint.undo import check_undo
from hms_orch_cli.sagafile.reader import Tree
from hms_orch_cli.sagafile.source import Source

MOST_EXPRESSIONS: Final = 1_000
"""Expressions of one saga that are looked at; the time that a file may take is bounded."""


def lint(tree: Tree, source: Source, expressions: Expressions, services: Mapping[str, Service] | None) -> None:
    """Notes what is doubtful in a saga that says what it means. `services` is the address book, None to leave that
    out."""
    subject = Subject(tree, source)
    check_undo(subject)
    check_irreversible(subject)
    check_patience(subject)
    check_side_by_side(subject)
    check_secrets(subject)
    check_conditions(subject, expressions)
    found = ((part, piece) for part in subject.parts.values() for piece in pieces_of(part, expressions))
    pieces = list(islice(found, MOST_EXPRESSIONS))
    check_reading(subject, pieces, expressions)
    check_types(subject, pieces, expressions)
    if services is not None:
        check_hosts(subject, services)
