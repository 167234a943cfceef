"""How a run moves. Every transition lives in this file, and the two tables are the law:

    RUN_TABLE    (status of the run, fact)          -> status
    STEP_TABLE   (phase of a call or an undo, fact) -> phase

What is not in a table cannot happen: `evolve` refuses the fact and changes nothing. The middle is three functions:

    decide(run, input, now) -> facts       decide.py: what follows from something that happened
    evolve(run, fact)       -> run         here: the fold, and how a run is rebuilt from the log
    due(run, now)           -> commands    due.py: what the world is still owed

Recovery after a crash is the same three over the same log: what was owed is owed still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Compensate,
    Compensating,
    Completed,
    Failed,
    FilterFailed,
    RunFact,
    Skipped,
    Started,
    StepAccepted,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepRetrying,
    StepSkipped,
    StepStarted,
    StepStuck,
    StepSucceeded,
    Stuck,
)
from hms_orch_cli.saga.state import PENDING, Phase, Progress, Run, Status

_NEW, _RUNNING, _TURNED, _STUCK = Status.NEW, Status.RUNNING, Status.COMPENSATING, Status.STUCK

RUN_TABLE: Final[Mapping[tuple[Status, type[RunFact]], Status]] = {
    (_NEW, Started): _RUNNING,
    (_NEW, Skipped): Status.SKIPPED,
    (_NEW, FilterFailed): Status.SKIPPED,
    # forward
    (_RUNNING, StepStarted): _RUNNING,
    (_RUNNING, StepAccepted): _RUNNING,
    (_RUNNING, StepDoubted): _RUNNING,
    (_RUNNING, StepRetrying): _RUNNING,
    (_RUNNING, StepSucceeded): _RUNNING,
    (_RUNNING, StepSkipped): _RUNNING,
    (_RUNNING, StepFailed): _RUNNING,
    (_RUNNING, Completed): Status.COMPLETED,
    (_RUNNING, Compensating): _TURNED,
    # back: first what is in flight settles, then the undos
    (_TURNED, StepStarted): _TURNED,
    (_TURNED, StepAccepted): _TURNED,
    (_TURNED, StepDoubted): _TURNED,
    (_TURNED, StepRetrying): _TURNED,
    (_TURNED, StepSucceeded): _TURNED,
    (_TURNED, StepFailed): _TURNED,
    (_TURNED, Compensate): _TURNED,
    (_TURNED, StepCompensated): _TURNED,
    (_TURNED, StepStuck): _TURNED,
    (_TURNED, Failed): Status.FAILED,
    (_TURNED, Cancelled): Status.CANCELLED,
    (_TURNED, Stuck): _STUCK,
    # a person
    (_RUNNING, Abandoned): Status.ABANDONED,
    (_TURNED, Abandoned): Status.ABANDONED,
    (_STUCK, Abandoned): Status.ABANDONED,
}

_P = Phase

STEP_TABLE: Final[Mapping[tuple[Phase, type[RunFact]], Phase]] = {
    # the call
    (_P.PENDING, StepStarted): _P.RUNNING,
    (_P.PENDING, StepSkipped): _P.SKIPPED,
    (_P.PENDING, StepFailed): _P.FAILED,
    (_P.RUNNING, StepStarted): _P.RUNNING,  # cut off, and begun again
    (_P.RUNNING, StepAccepted): _P.ACCEPTED,
    (_P.RUNNING, StepDoubted): _P.CHECKING,
    (_P.RUNNING, StepRetrying): _P.RETRYING,
    (_P.RUNNING, StepSucceeded): _P.SUCCEEDED,
    (_P.RUNNING, StepFailed): _P.FAILED,
    (_P.ACCEPTED, StepStarted): _P.RUNNING,  # a 425 sends again, and that was cut off
    (_P.ACCEPTED, StepAccepted): _P.ACCEPTED,  # another location
    (_P.ACCEPTED, StepDoubted): _P.CHECKING,
    (_P.ACCEPTED, StepRetrying): _P.RETRYING,
    (_P.ACCEPTED, StepSucceeded): _P.SUCCEEDED,
    (_P.ACCEPTED, StepFailed): _P.FAILED,
    (_P.CHECKING, StepRetrying): _P.RETRYING,
    (_P.CHECKING, StepSucceeded): _P.SUCCEEDED,
    (_P.CHECKING, StepFailed): _P.FAILED,
    (_P.RETRYING, StepStarted): _P.RUNNING,
    (_P.RETRYING, StepFailed): _P.FAILED,
    # the undo
    (_P.PENDING, Compensate): _P.RUNNING,
    (_P.RUNNING, Compensate): _P.RUNNING,  # cut off, and begun again
    (_P.ACCEPTED, Compensate): _P.RUNNING,  # as with the call
    (_P.RETRYING, Compensate): _P.RUNNING,
    (_P.RUNNING, StepCompensated): _P.SUCCEEDED,
    (_P.ACCEPTED, StepCompensated): _P.SUCCEEDED,
    (_P.PENDING, StepStuck): _P.STUCK,
    (_P.RUNNING, StepStuck): _P.STUCK,
    (_P.ACCEPTED, StepStuck): _P.STUCK,
    (_P.RETRYING, StepStuck): _P.STUCK,
}

_UNDO_FACTS: Final = frozenset({Compensate, StepCompensated, StepStuck})


class IllegalFactError(Exception):
    """A fact that the tables do not know in this state: the log is not one that this machine wrote."""


def begin(saga: Saga, saga_id: str) -> Run:
    """A run before its first fact."""
    return Run(saga, saga_id)


def fold(run: Run, facts: Iterable[RunFact]) -> Run:
    """The run after these facts."""
    for fact in facts:
        run = evolve(run, fact)
    return run


def evolve(run: Run, fact: RunFact) -> Run:
    """The run after one fact. Raises IllegalFactError if the tables do not know it, and changes nothing."""
    kind = type(fact)
    status = RUN_TABLE.get((run.status, kind))
    if status is None:
        raise IllegalFactError(f"{kind.__name__} cannot follow in a run that is {run.status.value} ({run.id})")
    change = _RUN_CHANGES.get(kind)
    if change is not None:
        return change(run, fact, status)
    name: str = fact.step  # type: ignore[union-attr]  # every fact without a run change is about a step
    undo = kind in _UNDO_FACTS or getattr(fact, "op", "call") == "compensate"
    column = run.undos if undo else run.calls
    progress = column.get(name, PENDING)
    phase = STEP_TABLE.get((progress.phase, kind))
    if phase is None:
        raise IllegalFactError(
            f"{kind.__name__} cannot follow in step {name} that is {progress.phase.value} ({run.id})"
        )
    after = {**column, name: _STEP_CHANGES[kind](progress, fact, phase)}
    return run.moved(run.calls, after) if undo else run.moved(after, run.undos)


def _started(run: Run, fact: Started, status: Status) -> Run:
    return run._replace(
        status=status, version=run.version + 1, event=fact.event, depth=fact.depth or 0, started_at=fact.at
    )


def _refused(run: Run, fact: Skipped | FilterFailed, status: Status) -> Run:
    return run._replace(
        status=status,
        version=run.version + 1,
        event=fact.event,
        started_at=fact.at,
        ended_at=fact.at,
        reason=fact.reason,
    )


def _turned(run: Run, fact: Compensating, status: Status) -> Run:
    return run._replace(status=status, version=run.version + 1, cause=fact.cause, reason=fact.reason)


def _stopped(run: Run, fact: Stuck, status: Status) -> Run:
    return run._replace(status=status, version=run.version + 1, reason=fact.reason)


def _ended(run: Run, fact: Completed | Failed | Cancelled | Abandoned, status: Status) -> Run:
    reason = run.reason if isinstance(fact, Completed) else fact.reason
    return run._replace(status=status, version=run.version + 1, ended_at=fact.at, reason=reason)


_RUN_CHANGES: Final[Mapping[type[RunFact], Callable[[Run, Any, Status], Run]]] = {
    Started: _started,
    Skipped: _refused,
    FilterFailed: _refused,
    Compensating: _turned,
    Stuck: _stopped,
    Completed: _ended,
    Failed: _ended,
    Cancelled: _ended,
    Abandoned: _ended,
}


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
    )


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
    )
    return tuple.__new__(Progress, after)  # as above


def _failed(step: Progress, fact: StepFailed, phase: Phase) -> Progress:
    if fact.outcome == "unknown":
        phase = Phase.UNKNOWN
    return step._replace(phase=phase, undo=fact.undo, status=fact.status or 0, reason=fact.reason)


def _skipped(step: Progress, fact: StepSkipped, phase: Phase) -> Progress:
    return step._replace(phase=phase, reason=fact.reason)


def _compensated(step: Progress, fact: StepCompensated, phase: Phase) -> Progress:
    return step._replace(phase=phase, status=fact.status or 0, reason="")


def _stuck(step: Progress, fact: StepStuck, phase: Phase) -> Progress:
    return step._replace(phase=phase, status=fact.status or 0, reason=fact.reason)


_STEP_CHANGES: Final[Mapping[type[RunFact], Callable[[Progress, Any, Phase], Progress]]] = {
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
}
