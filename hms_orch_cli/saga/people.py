"""What follows from what a person wants: cancel, abandon, pause, resume, redrive, a decision, a lock taken away.

`objection` says in words why something cannot be; what it lets pass makes facts.
"""

from __future__ import annotations

from hms_orch_cli.saga.answering import effect, word
from hms_orch_cli.saga.attention import DECISIONS, REASON_LIMIT, close_all
from hms_orch_cli.saga.definition import Step
from hms_orch_cli.saga.events import (
    Abandoned,
    Compensating,
    Decided,
    LockReleased,
    Paused,
    Redriven,
    Replaced,
    Resumed,
    RunFact,
    StepCompensated,
    StepFailed,
    StepSkipped,
)
from hms_orch_cli.saga.inputs import Abandon, Cancel, Decide, Input, Pause, Redrive, Released, Resume
from hms_orch_cli.saga.machine import evolve, fold
from hms_orch_cli.saga.state import Run, Status
from hms_orch_cli.saga.turning import let_go, turn_back

REDRIVABLE = (Status.FAILED, Status.CANCELLED, Status.ABANDONED)
_GOING_ON = (Status.RUNNING, Status.COMPENSATING)


def objection(run: Run, wish: Input, now: int) -> str:
    """Why this cannot be done to the run as it stands, in one sentence; empty if it can."""
    state = run.status.value
    match wish:
        case Cancel() if run.status is not Status.RUNNING:
            return f"run {run.id} is {state}: only one that has not turned back can be cancelled"
        case Abandon() if run.status.ended or run.status is Status.NEW:
            return f"run {run.id} has ended already, it is {state}"
        case Pause() if run.status not in _GOING_ON:
            return f"run {run.id} is {state}: nothing moves that could be paused"
        case Pause() if run.paused:
            return f"run {run.id} is paused already"
        case Resume() if not run.paused:
            return f"run {run.id} is not paused, it is {state}"
        case Redrive() if run.replaced_by:
            return f"run {run.id} was started anew already, as {run.replaced_by}"
        case Redrive() if run.status not in REDRIVABLE:
            return f"run {run.id} is {state}: only one that has ended without success can be redriven"
        case Redrive(by=None) if run.has_undone:
            return f"run {run.id} has undone something: it can only be started anew"
        case Redrive(by=str()) if not run.has_undone:
            return f"run {run.id} has undone nothing: it goes on itself"
        case Released() if run.claim is None or run.claim.waits or run.claim.released or run.status.ended:
            return f"run {run.id} holds no lock"
        case Decide(item=item, decision=decision):
            return _objection_to_decision(run, item, decision, now)
        case _:
            return ""


def _objection_to_decision(run: Run, name: str, decision: str, now: int) -> str:
    item = run.items.get(name)
    if item is None:
        return f"item {name} is not open: it is decided or closed already"
    if decision not in DECISIONS[item.kind]:
        return f"{decision!r} cannot be decided here; choose {' or '.join(DECISIONS[item.kind])}"
    if item.expires_at is not None and now >= item.expires_at:
        return f"item {name} has expired, it can no longer be decided"
    return ""


def on_cancel(run: Run, happened: Cancel, now: int) -> list[RunFact]:
    """The run turns back; one that was paused goes on to do so."""
    resumed: list[RunFact] = [Resumed(now, happened.actor, "cancelled")] if run.paused else []
    turn = Compensating(now, "cancel", happened.reason[:REASON_LIMIT], happened.actor or None)
    return [*resumed, *turn_back(fold(run, resumed), turn)]


def on_abandon(run: Run, happened: Abandon, now: int) -> list[RunFact]:
    """The run is over as it stands."""
    closed = close_all(run, now, "the run was abandoned")
    return [*closed, Abandoned(now, happened.reason[:REASON_LIMIT], happened.actor, now - run.started_at)]


def on_pause(run: Run, happened: Pause, now: int) -> list[RunFact]:
    """Nothing begins any more."""
    return [Paused(now, happened.actor, happened.note)]


def on_resume(run: Run, happened: Resume, now: int) -> list[RunFact]:
    """The run goes on. Past its deadline it is owed nothing but the look at the clock that turns it back."""
    return [Resumed(now, happened.actor, happened.note)]


def on_redrive(run: Run, happened: Redrive, now: int) -> list[RunFact]:
    """An ended run goes on if it has undone nothing, else it is noted which one takes its place."""
    if happened.by is not None:
        return [Replaced(now, happened.by, happened.actor, happened.note)]
    return [Redriven(now, happened.actor, happened.note)]


def on_released(run: Run, happened: Released, now: int) -> list[RunFact]:
    """The run goes on without its lock."""
    assert run.claim is not None, "objection sees to that"  # noqa: S101
    return [LockReleased(now, run.claim.key, happened.actor, happened.note)]


def on_decide(run: Run, happened: Decide, now: int) -> list[RunFact]:
    """A decision, and what it means for the step or the run."""
    item = run.items[happened.item]
    decided = Decided(
        now, item.id, item.kind, happened.decision, happened.actor, happened.note[:REASON_LIMIT], happened.given
    )
    step = run.saga.steps[item.step]
    after = evolve(run, decided)
    return [decided, *_consequence(after, step, happened, now)]


def _consequence(run: Run, step: Step, happened: Decide, now: int) -> list[RunFact]:
    call = run.progress(step.name, "call")
    match happened.decision:
        case "approve" | "done":
            return effect(run, step, call.attempt, happened, now)
        case "reject":
            said = f": {happened.note}" if happened.note else ""
            reason = f"rejected by {happened.actor}{said}"[:REASON_LIMIT]
            return [StepFailed(now, step.name, call.attempt, word(call.unknown), call.unknown, reason)]
        case "skip":
            return [StepSkipped(now, step.name, f"skipped by {happened.actor}")]
        case "compensate":
            return [let_go(step.name, call, now)]
        case "undone":
            return [StepCompensated(now, step.name, run.progress(step.name, "compensate").attempt)]
        case "abandon":
            return on_abandon(run, Abandon(happened.note, happened.actor), now)
        case _:
            return []  # retry: the decision itself grants the attempts
