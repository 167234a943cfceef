"""Undos: that there is one, and that it is patient. HMS101, HMS103."""

from __future__ import annotations

from hms_orch_cli.saga.definition import Call
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Path
from hms_orch_cli.sagafile.lint.patience import longest_ms
from hms_orch_cli.sagafile.lint.subject import Part, Subject


def check_undo(subject: Subject) -> None:
    """Notes calls that nothing takes back, and undos that give up sooner than their call."""
    for part in subject.parts.values():
        if part.writes and part.step.compensate is None and not part.step.irreversible:
            _no_undo(subject, part)
        undo = part.step.compensate
        if part.step.call is not None and undo is not None and undo.call is not None:
            _impatient(subject, part, part.step.call, undo.call)


def _no_undo(subject: Subject, part: Part) -> None:
    assert part.step.call is not None  # noqa: S101  # it writes
    request = part.step.call.request
    message = f"'{part.step.name}' writes ({request.method}) and has no undo: if the run turns back, its work stays"
    fix = f"Add 'compensate: {request.service[:60]}:/…', or 'irreversible: true' if nothing can take it back."
    subject.note(catalogue.NO_UNDO, message, fix, (*part.path, "call"), key=True)


def _impatient(subject: Subject, part: Part, call: Call, undo: Call) -> None:
    """Compares what undo and call have of each kind of patience."""
    name, mine, its = part.step.name, undo.retry, call.retry
    compared = (
        ("attempts", mine.attempts, its.attempts, ("retry", "attempts")),
        ("timeoutMs", undo.timeout_ms, call.timeout_ms, ("timeoutMs",)),
        ("budgetMs", mine.budget_ms, its.budget_ms or longest_ms(call), ("retry", "budgetMs")),
    )
    for key, less, more, within in compared:
        if less is None or less >= more:
            continue
        message = f"the undo of '{name}' gives up sooner than its call: {key} {less:,} instead of {more:,}"
        fix = f"Give the undo 'retry: {{{key}: {more}}}' or more." if within[0] == "retry" else f"Write {more} or more."
        subject.note(catalogue.IMPATIENT_UNDO, message, fix, _written(part, within))


def _written(part: Part, within: tuple[str, ...]) -> Path:
    """Where the undo says it, or the undo."""
    path, found = (*part.path, "compensate"), part.written["compensate"]
    for key in within:
        if not isinstance(found, dict) or key not in found:
            return (*part.path, "compensate")
        path, found = (*path, key), found[key]
    return path
