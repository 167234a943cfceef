"""What follows from something that happened: an input meets a run, and facts come out.

An input that does not fit the state (a late answer, a cancel of a run that has ended) makes no fact. `decide` never
makes a fact that `machine.evolve` would refuse: each is folded before the next is thought of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hms_orch_cli.saga.answering import fail, on_answer, on_check, word
from hms_orch_cli.saga.attention import REASON_LIMIT, next_question, reason_of_step
from hms_orch_cli.saga.compensation import is_undone, needs_undo, next_undos
from hms_orch_cli.saga.definition import Step
from hms_orch_cli.saga.due import holds_lock, in_flight
from hms_orch_cli.saga.events import (
    Cancelled,
    Compensate,
    Compensating,
    Completed,
    Failed,
    RunFact,
    Started,
    StepDoubted,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepStuck,
    Stuck,
)
from hms_orch_cli.saga.identity import key_of
from hms_orch_cli.saga.inputs import (
    Abandon,
    Answered,
    Asked,
    Attempt,
    Cancel,
    Checked,
    CutOff,
    Decide,
    Expired,
    Granted,
    Heard,
    Input,
    Mismatched,
    Pause,
    Redrive,
    Released,
    Resume,
    Tick,
    Trigger,
)
from hms_orch_cli.saga.machine import fold
from hms_orch_cli.saga.people import (
    objection,
    on_abandon,
    on_cancel,
    on_decide,
    on_pause,
    on_redrive,
    on_released,
    on_resume,
)
from hms_orch_cli.saga.state import PENDING, Phase, Progress, Run, Status
from hms_orch_cli.saga.turning import end_waits, hurries, turn_back
from hms_orch_cli.saga.waiting import begin_wait, on_asked, on_expired, on_granted, on_heard, on_mismatched, on_tick


def decide(run: Run, happened: Input, now: int) -> list[RunFact]:
    """The facts that follow from an input, empty if it does not fit the state. `now` is milliseconds since 1970."""
    return advance(run, happened, now)[1]


def advance(run: Run, happened: Input, now: int) -> tuple[Run, list[RunFact]]:
    """`decide`, and the run after those facts."""
    kind = type(happened)
    if (run.status.ended and kind is not Redrive) or (kind in _WISHES and objection(run, happened, now)):
        return run, []
    facts = _RULES[kind](run, happened, now)
    run = fold(run, facts)
    if facts and type(facts[-1]) in _INTENTS:
        return run, facts  # something has just begun, so nothing can be over
    while more := _conclusion(run, now):
        facts += more
        run = fold(run, more)
    return run, facts


def _on_trigger(run: Run, happened: Trigger, now: int) -> list[RunFact]:
    if run.status is not Status.NEW:
        return []
    return [Started(now, run.saga.revision, happened.event, happened.depth, happened.redrive_of)]


def _on_attempt(run: Run, happened: Attempt, now: int) -> list[RunFact]:
    step = run.saga.steps[happened.step]
    if happened.op == "compensate":
        return _on_undo_attempt(run, step, happened, now)
    before = run.calls.get(step.name, PENDING)
    cut_off = _sends(before)
    if not holds_lock(run) or not (cut_off or _may_begin(run, before)):
        return []
    if before.phase is Phase.PENDING and run.status is not Status.RUNNING:
        return []
    if cut_off and hurries(run, step.name):
        reason = "cut off by a stop, and the run has turned back"
        return [StepFailed(now, step.name, before.attempt, word(True), True, reason)]
    if happened.error:
        unknown = before.unknown or cut_off
        return [fail(run, step, before.attempt, word(unknown), unknown, happened.error, now)]
    if happened.skip and not before.attempt:
        return [StepSkipped(now, step.name, "its condition is false")]
    if step.call is None:
        return begin_wait(step, happened, now)
    attempt = before.attempt if cut_off else before.attempt + 1
    return [StepStarted(now, step.name, attempt, key_of(run, step.name, "call"), True if cut_off else None)]


def _on_undo_attempt(run: Run, step: Step, happened: Attempt, now: int) -> list[RunFact]:
    before = run.undos.get(step.name, PENDING)
    if run.status is not Status.COMPENSATING or not holds_lock(run) or in_flight(run):
        return []
    if step.compensate is None or not needs_undo(step, run.calls.get(step.name, PENDING)):
        return []
    cut_off = _sends(before)
    if not (cut_off or _may_begin(run, before)):
        return []
    if happened.error:
        return [StepStuck(now, step.name, before.attempt, happened.error)]
    attempt = before.attempt if cut_off else before.attempt + 1
    key = key_of(run, step.name, "compensate")
    context, mode = run.output_of(step.name), step.compensate.mode
    return [Compensate(now, step.name, context, mode, key, attempt, True if cut_off else None)]


def _on_cut_off(run: Run, happened: CutOff, now: int) -> list[RunFact]:
    call = run.calls.get(happened.step, PENDING)
    if not _sends(call) or call.attempt != happened.attempt:
        return []
    return [StepDoubted(now, happened.step, happened.attempt, "cut off by a stop of the orchestrator")]


_RULES: Final[Mapping[type[Input], Callable[[Run, Any, int], list[RunFact]]]] = {
    Trigger: _on_trigger,
    Asked: on_asked,
    Granted: on_granted,
    Attempt: _on_attempt,
    CutOff: _on_cut_off,
    Answered: on_answer,
    Checked: on_check,
    Heard: on_heard,
    Mismatched: on_mismatched,
    Expired: on_expired,
    Tick: on_tick,
    Cancel: on_cancel,
    Abandon: on_abandon,
    Pause: on_pause,
    Resume: on_resume,
    Redrive: on_redrive,
    Released: on_released,
    Decide: on_decide,
}

_WISHES: Final = frozenset({Cancel, Abandon, Pause, Resume, Redrive, Released, Decide})
"""What a person wants, and `objection` may refuse."""

_INTENTS: Final = frozenset({Started, StepStarted, Compensate})


def _conclusion(run: Run, now: int) -> list[RunFact]:
    """What the state itself demands next, whatever brought it about."""
    asks = run.items or run.undos or run.saga.asks_people
    if asks and (question := next_question(run, now)) is not None:
        return [question]
    if run.status is Status.RUNNING:
        for name, call in run.calls.items():
            if call.phase is Phase.FAILED or call.phase is Phase.UNKNOWN:
                return turn_back(run, Compensating(now, "step", reason_of_step(name, call)))
        if len(run.calls) == len(run.saga.steps) and all(
            call.phase is Phase.SUCCEEDED or call.phase is Phase.SKIPPED for call in run.calls.values()
        ):
            return [Completed(now, now - run.started_at)]
    elif run.status is Status.COMPENSATING:
        if not in_flight(run):
            return _end_of_undo(run, now)
        if run.cause == "step":  # what fails on the way back ends the waits of its own group as well
            return list(end_waits(run, now))
    return []


def _end_of_undo(run: Run, now: int) -> list[RunFact]:
    if is_undone(run.saga.body, run.calls, run.undos):
        if run.cause == "cancel":
            return [Cancelled(now, run.reason, now - run.started_at)]
        return [Failed(now, run.reason, now - run.started_at, run.cause)]
    current = [run.undos.get(step.name, PENDING) for step in next_undos(run.saga.body, run.calls, run.undos)]
    if all(undo.phase is Phase.STUCK for undo in current):
        name, undo = next((name, undo) for name, undo in run.undos.items() if undo.phase is Phase.STUCK)
        return [Stuck(now, f"undo of {reason_of_step(name, undo)}"[:REASON_LIMIT])]
    return []


def _may_begin(run: Run, step: Progress) -> bool:
    """Whether another attempt may begin: nothing does in a run that is paused."""
    return step.phase in (Phase.PENDING, Phase.RETRYING) and not run.paused


def _sends(step: Progress) -> bool:
    """Whether a request of this attempt may be on its way: its intent is recorded, or a 425 has it sent again."""
    return step.phase is Phase.RUNNING or (step.phase is Phase.ACCEPTED and step.status == 425)
