"""Conditions that decide nothing: they ask for nothing of the event or of the run. HMS121."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Path
from hms_orch_cli.sagafile.lint.subject import Subject

_MEANS: Final[Mapping[tuple[str, bool], str]] = {
    ("filter", True): "every event starts a run, as without it",
    ("filter", False): "no event ever starts a run",
    ("when", True): "the step is never skipped, as without it",
    ("when", False): "the step is never carried out",
}


def check_conditions(subject: Subject, expressions: Expressions) -> None:
    """Notes a `filter` or a `when` whose value is known before any event comes. One that fails is left alone."""
    for path, text in _conditions(subject):
        if expressions.reads(text):
            continue
        try:
            value = expressions.compile(text, (), boolean=True).evaluate({})
        except ExpressionError:
            continue
        message = f"'{path[-1]}' is always {str(value).lower()}: {_MEANS[str(path[-1]), value]}"
        subject.note(catalogue.SAME_ALWAYS, message, "Let it ask for something of the event, or remove it.", path)


def _conditions(subject: Subject) -> Iterator[tuple[Path, str]]:
    if subject.saga.filter is not None:
        yield ("filter",), subject.saga.filter
    for part in subject.parts.values():
        if part.step.when is not None:
            yield (*part.path, "when"), part.step.when
