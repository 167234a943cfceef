"""What each fact changes in a run, and in the progress of a step. Where it may happen is the tables' business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

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
from hms_orch_cli.saga.state import Claim, HitlItem, Phase, Progress, Run, Status


class IllegalFactError(Exception):
    """A fact that the tables do not know in this state: the log is not one that this machine wrote."""


def _with(run: Run, status: Status, **changes: Any) -> Run:
    """The run one fact later. One `_replace` and not two: every run starts and ends by here."""
    return run._replace(status=status, version=run.version + 1, **changes)


def _started(run: Run, fact: Started, status: Status) -> Run:
    return _with(run, status, event=fact.event, depth=fact.depth or 0, started_at=fact.at, clock_from=fact.at)


def _refused(run: Run, fact: Skipped | FilterFailed, status: Status) -> Run:
    return _with(run, status, event=fact.event, started_at=fact.at, ended_at=fact.at, reason=fact.reason)


def _turned(run: Run, fact: Compensating, status: Status) -> Run:
    return _with(run, status, cause=fact.cause, reason=fact.reason)


def _stopped(run: Run, fact: Stuck, status: Status) -> Run:
    return _with(run, status, stuck=fact.reason)


def _ended(run: Run, fact: Completed | Failed | Cancelled | Abandoned, status: Status) -> Run:
    reason = run.reason if isinstance(fact, Completed) else fact.reason
    return _with(run, status, ended_at=fact.at, reason=reason, paused=False, stuck="")


def _in_line(run: Run, fact: LockQueued, status: Status) -> Run:
    return _with(run, status, claim=Claim(fact.key, fact.at))


def _locked(run: Run, fact: LockAcquired, status: Status) -> Run:
    since = run.claim.since if run.claim is not None else fact.at
    return _with(run, status, claim=Claim(fact.key, since, fact.fence))


def _unlocked(run: Run, fact: LockReleased, status: Status) -> Run:
    if run.claim is None or run.claim.waits or run.claim.released:
        raise IllegalFactError(f"run {run.id} holds no lock that could be released")
    return _with(run, status, claim=run.claim._replace(released=True))


def _paused(run: Run, fact: Paused | Resumed, status: Status) -> Run:
    pause = isinstance(fact, Paused)
    if run.paused is pause:
        raise IllegalFactError(f"run {run.id} is {'paused already' if pause else 'not paused'}")
    return _with(run, status, paused=pause)


def _queued(run: Run, fact: Queued, status: Status) -> Run:
    item = HitlItem(fact.id, fact.kind, fact.step, fact.reason, fact.at, fact.expires_at)
    return _with(run, status, items={**run.items, fact.id: item}, asked=run.asked + 1)


def closed(run: Run, fact: Decided | Closed, status: Status) -> Run:
    if fact.id not in run.items:
        raise IllegalFactError(f"item {fact.id} is not open in run {run.id}")
    items = {name: item for name, item in run.items.items() if name != fact.id}
    return _with(run, status, items=items)


def _redriven(run: Run, fact: Redriven, status: Status) -> Run:
    """What was done stays done; what failed has its attempts anew, and what had only waited begins anew. An undo that
    was refused is asked again should the run turn back once more."""
    if run.has_undone:
        raise IllegalFactError(f"run {run.id} has undone something: it cannot go on")
    calls = {
        name: call if call.phase in _KEPT else granted(call, fact.at, Phase.RETRYING)
        for name, call in run.calls.items()
        if call.attempt or call.undo or call.phase in _KEPT
    }
    undos = {
        name: granted(undo, fact.at, Phase.RETRYING)._replace(phase=Phase.PENDING)
        for name, undo in run.undos.items()
        if undo.attempt
    }
    return _with(
        run, status, calls=calls, undos=undos, claim=None, cause="", reason="", ended_at=None, clock_from=fact.at
    )


_KEPT: Final = frozenset(
    {Phase.SUCCEEDED, Phase.SKIPPED, Phase.RUNNING, Phase.ACCEPTED, Phase.CHECKING, Phase.RETRYING}
)
"""What a redrive leaves as it is: done, or, in a run that was abandoned, under way."""


def granted(step: Progress, at: int, phase: Phase) -> Progress:
    """Attempts anew, at once. A definite no was an answer to its key, so the next attempt takes the key of a new
    round; without one the outcome is as unknown as it was."""
    if phase is not Phase.RETRYING:
        return step._replace(failures=0)
    return step._replace(
        phase=phase,
        spent=step.attempt,
        failures=0,
        began_at=0,
        due_at=at,
        round=step.round + 1 if step.refused else step.round,
        unknown=step.unknown or step.undo,
        refused=False,
        undo=False,
        fresh_token=False,
    )


def _replaced(run: Run, fact: Replaced, status: Status) -> Run:
    return _with(run, status, replaced_by=fact.by)


def _intent(step: Progress, fact: StepStarted | Compensate, phase: Phase) -> Progress:
    # An intent on top of an intent: the attempt before was cut off, so nobody knows what became of it.
    after = (
        phase,
        fact.attempt,
        step.unknown or bool(fact.interrupted),
        step.fresh_token,
        step.undo,
        step.round,
        step.began_at or fact.at,
        fact.at,
        step.due_at,
        step.status,
        None,
        step.reason,
        step.summary,
        step.answer,
        step.output,
        False,
        step.spent,
        step.failures,
        step.heard,
    )
    return tuple.__new__(Progress, after)  # half the time of `_replace`: two of three facts come by here


def _accepted(step: Progress, fact: StepAccepted, phase: Phase) -> Progress:
    return step._replace(phase=phase, status=fact.status, location=fact.location)


def _doubted(step: Progress, fact: StepDoubted, phase: Phase) -> Progress:
    return step._replace(phase=phase, unknown=True, status=fact.status or 0, reason=fact.reason)


def _retrying(step: Progress, fact: StepRetrying, phase: Phase) -> Progress:
    unknown = fact.outcome == "unknown" or (step.unknown and fact.outcome != "absent")
    return step._replace(
        phase=phase,
        unknown=unknown,
        fresh_token=step.fresh_token or fact.outcome == "unauthorized",
        due_at=fact.due_at,
        status=fact.status or 0,
        reason=fact.reason,
        failures=step.failures + 1,
    )


def _waiting(step: Progress, fact: StepWaiting, phase: Phase) -> Progress:
    return step._replace(phase=phase, sent_at=fact.at, due_at=fact.due_at or 0, reason=fact.prompt or "")


def _unmatched(step: Progress, fact: MatchFailed, phase: Phase) -> Progress:
    return step._replace(phase=phase, heard=fact.event_seq)


def _succeeded(step: Progress, fact: StepSucceeded, phase: Phase) -> Progress:
    after = (
        phase,
        step.attempt,
        False,
        step.fresh_token,
        step.undo,
        step.round,
        step.began_at,
        step.sent_at,
        step.due_at,
        fact.status or 0,
        step.location,
        "",
        fact.summary,
        fact.answer,
        fact.output,
        False,
        step.spent,
        step.failures,
        fact.event_seq or 0,
    )
    return tuple.__new__(Progress, after)  # as above


def _failed(step: Progress, fact: StepFailed | StepHeld, phase: Phase) -> Progress:
    if fact.outcome == "unknown" and phase is Phase.FAILED:
        phase = Phase.UNKNOWN
    return step._replace(
        phase=phase,
        unknown=fact.outcome == "unknown",
        undo=fact.undo,
        status=fact.status or 0,
        reason=fact.reason,
        # What a person gave for a held step could not be read: the participant's no still stands under its key.
        refused=bool(fact.refused) or (step.refused and step.phase is Phase.HELD),
    )


def _skipped(step: Progress, fact: StepSkipped, phase: Phase) -> Progress:
    # What was in doubt still is: leaving the step out does not undo it.
    return step._replace(phase=phase, reason=fact.reason, undo=step.undo or step.unknown)


def _compensated(step: Progress, fact: StepCompensated, phase: Phase) -> Progress:
    return step._replace(phase=phase, status=fact.status or 0, reason="")


def _stuck(step: Progress, fact: StepStuck, phase: Phase) -> Progress:
    return step._replace(
        phase=phase,
        status=fact.status or 0,
        reason=fact.reason,
        refused=bool(fact.refused),
        failures=step.failures + 1,
    )


RUN_CHANGES: Final[Mapping[type[RunFact], Callable[[Run, Any, Status], Run]]] = {
    Started: _started,
    Skipped: _refused,
    FilterFailed: _refused,
    Compensating: _turned,
    Stuck: _stopped,
    Completed: _ended,
    Failed: _ended,
    Cancelled: _ended,
    Abandoned: _ended,
    LockQueued: _in_line,
    LockAcquired: _locked,
    LockReleased: _unlocked,
    Paused: _paused,
    Resumed: _paused,
    Queued: _queued,
    Closed: closed,
    Redriven: _redriven,
    Replaced: _replaced,
}

STEP_CHANGES: Final[Mapping[type[RunFact], Callable[[Progress, Any, Phase], Progress]]] = {
    StepStarted: _intent,
    StepAccepted: _accepted,
    StepDoubted: _doubted,
    StepRetrying: _retrying,
    StepSucceeded: _succeeded,
    StepFailed: _failed,
    StepSkipped: _skipped,
    Compensate: _intent,
    StepCompensated: _compensated,
    StepStuck: _stuck,
    StepWaiting: _waiting,
    MatchFailed: _unmatched,
    StepHeld: _failed,
}
