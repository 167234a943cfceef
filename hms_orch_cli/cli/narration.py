"""What the console of `up` says: one line for each fact that an operator wants to see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Closed,
    Compensate,
    Compensating,
    Completed,
    Decided,
    Failed,
    FilterFailed,
    LockAcquired,
    LockQueued,
    LockReleased,
    MatchFailed,
    Paused,
    Queued,
    Redriven,
    Replaced,
    Resumed,
    RunFact,
    Skipped,
    Started,
    StepAccepted,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepSkipped,
    StepStarted,
    StepStuck,
    StepSucceeded,
    StepWaiting,
    Stuck,
)
from hms_orch_cli.saga.moment import duration, rfc3339
from hms_orch_cli.saga.state import Run


class Line(NamedTuple):
    """A sign with its style, what it is about, and what happened. `width` is the column of the names."""

    sign: str
    style: str
    name: str
    text: str
    width: int


TEXT_LIMIT = 300
"""Characters of what happened that a line shows."""

_UNSAID = frozenset({StepStarted, StepAccepted, StepDoubted, Compensate})
"""What an operator sees by its consequences; at two thousand runs a second it pays not to look further."""


def lines_of(run: Run, facts: Iterable[RunFact]) -> Iterator[Line]:
    """The lines of these facts. Text from outside is in them as it came: the printer makes it safe."""
    for fact in facts:
        if type(fact) in _UNSAID:
            continue
        said = _said(run, fact)
        if said is not None:
            yield Line(*said, _width(run.saga))


def spoken(run: Run, facts: Iterable[RunFact]) -> Iterator[str]:
    """The same as whole lines, without a style."""
    for line in lines_of(run, facts):
        yield f"{line.sign} {line.name.ljust(line.width)}  {line.text[:TEXT_LIMIT]}".rstrip()


def _width(saga: Saga) -> int:
    width = _widths.get(saga.revision)
    if width is None:
        if len(_widths) > MOST_WIDTHS:
            _widths.clear()
        width = _widths[saga.revision] = max(map(len, (saga.id, *saga.steps)))
    return width


MOST_WIDTHS = 1_000
_widths: dict[str, int] = {}


def _said(run: Run, fact: RunFact) -> tuple[str, str, str, str] | None:
    match fact:
        case Started():
            return "▶", "cyan", run.saga.id, "START"
        case StepSucceeded(step=step, summary=summary):
            return "✓", "green", step, summary or "done"
        case StepSkipped(step=step, reason=reason):
            return "–", "dim", step, f"skipped: {reason}"
        case StepFailed(step=step):
            return "✗", "red", step, _why(fact.status, fact.reason)
        case StepRetrying(step=step, attempt=attempt):
            pause = duration(max(0, fact.due_at - fact.at))
            undo = "undo: " if fact.op == "compensate" else ""
            return "↻", "yellow", step, f"{undo}{_why(fact.status, fact.reason)}, attempt {attempt + 1} in {pause}"
        case Compensating(cause="deadline" | "cancel", reason=reason):
            return "✗", "red", run.saga.id, reason
        case StepCompensated(step=step):
            return "↩", "yellow", step, "compensated"
        case StepStuck(step=step):
            return "✗", "red", step, f"undo: {_why(fact.status, fact.reason)}"
        case _:
            return _ended(run, fact)


def _ended(run: Run, fact: RunFact) -> tuple[str, str, str, str] | None:
    name = run.saga.id
    match fact:
        case Completed(duration_ms=took):
            return "✔", "green bold", name, f"COMPLETED ({duration(took)})"
        case Failed(duration_ms=took, reason=reason):
            return "✖", "red bold", name, f"FAILED {reason} ({duration(took)})"
        case Cancelled(duration_ms=took, reason=reason):
            return "✖", "red bold", name, f"CANCELLED {reason} ({duration(took)})"
        case Abandoned(duration_ms=took, reason=reason):
            return "✖", "red bold", name, f"ABANDONED {reason} ({duration(took)})"
        case Stuck(reason=reason):
            return "✖", "red bold", name, f"STUCK {reason}"
        case Skipped(reason=reason) | FilterFailed(reason=reason):
            return "–", "yellow", name, f"no run: {reason}"
        case _:
            return _waits(run, fact) or _steered(run, fact)


def _waits(run: Run, fact: RunFact) -> tuple[str, str, str, str] | None:
    """For a lock, an event, a person; and how that ended. That a step waits for a person is told with the question."""
    name = run.saga.id
    match fact:
        case LockQueued(key=key, holder=holder):
            return "…", "cyan", name, f"waits for lock {key}, held by {holder}"
        case LockAcquired(key=key, waited_ms=waited) if waited:
            return "…", "cyan", name, f"has lock {key} after {duration(waited)}"
        case StepWaiting(step=step, what="event", event_type=kind):
            until = f" until {rfc3339(fact.due_at)}" if fact.due_at else ""
            return "…", "cyan", step, f"waits for event {kind}{until}"
        case MatchFailed(step=step, event_seq=seq, reason=reason):
            return "–", "yellow", step, f"event at position {seq} does not match: {reason}"
        case StepHeld(step=step):
            return "✗", "red", step, f"{_why(fact.status, fact.reason)}, held"
        case Queued(step=step, id=item, kind=kind, decisions=decisions):
            prompt = f"  {fact.reason}" if kind == "approval" else ""  # of the others the line above has told
            return "?", "yellow bold", step, f"hms-orch hitl decide {item} {'|'.join(decisions)}{prompt}"
        case Closed(id=item, reason=reason):
            return "–", "dim", run.saga.id, f"{item} needs no decision: {reason}"
        case _:
            return None


def _steered(run: Run, fact: RunFact) -> tuple[str, str, str, str] | None:
    """By whom, and why."""
    name = run.saga.id
    match fact:
        case Decided(decision=decision, id=item):
            return "!", "cyan", name, f"{item} decided: {decision} {_by(fact.actor, fact.note)}"
        case Paused():
            return "!", "cyan", name, f"PAUSED {_by(fact.actor, fact.note)}"
        case Resumed():
            return "!", "cyan", name, f"RESUMED {_by(fact.actor, fact.note)}"
        case Redriven():
            return "▶", "cyan", name, f"REDRIVEN {_by(fact.actor, fact.note)}"
        case Replaced(by=anew):
            return "!", "cyan", name, f"started anew as {anew} {_by(fact.actor, fact.note)}"
        case LockReleased(key=key):
            return "!", "yellow", name, f"lock {key} taken away {_by(fact.actor, fact.note)}"
        case _:
            return None


def _by(actor: str, note: str) -> str:
    return f"by {actor}" + (f": {note}" if note else "")


def _why(status: int | None, reason: str) -> str:
    return f"{status} {reason}".strip() if status else reason
