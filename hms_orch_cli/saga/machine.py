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

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hms_orch_cli.saga.changes import RUN_CHANGES, STEP_CHANGES, IllegalFactError, closed, granted
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
from hms_orch_cli.saga.state import PENDING, Phase, Run, Status

_NEW, _RUNNING, _TURNED, _STUCK = Status.NEW, Status.RUNNING, Status.COMPENSATING, Status.STUCK

RUN_TABLE: Final[Mapping[tuple[Status, type[RunFact]], Status]] = {
    (_NEW, Started): _RUNNING,
    (_NEW, Skipped): Status.SKIPPED,
    (_NEW, FilterFailed): Status.SKIPPED,
    # the lock
    (_RUNNING, LockQueued): _RUNNING,
    (_RUNNING, LockAcquired): _RUNNING,
    (_RUNNING, LockReleased): _RUNNING,
    (_TURNED, LockQueued): _TURNED,  # a run that was redriven: what it had done is undone under the lock
    (_TURNED, LockAcquired): _TURNED,
    (_TURNED, LockReleased): _TURNED,
    (_STUCK, LockReleased): _STUCK,
    # forward
    (_RUNNING, StepStarted): _RUNNING,
    (_RUNNING, StepAccepted): _RUNNING,
    (_RUNNING, StepDoubted): _RUNNING,
    (_RUNNING, StepRetrying): _RUNNING,
    (_RUNNING, StepWaiting): _RUNNING,
    (_RUNNING, MatchFailed): _RUNNING,
    (_RUNNING, StepSucceeded): _RUNNING,
    (_RUNNING, StepSkipped): _RUNNING,
    (_RUNNING, StepFailed): _RUNNING,
    (_RUNNING, StepHeld): _RUNNING,
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
    # a person is asked, and decides
    (_RUNNING, Queued): _RUNNING,
    (_RUNNING, Decided): _RUNNING,
    (_RUNNING, Closed): _RUNNING,
    (_TURNED, Queued): _TURNED,
    (_TURNED, Decided): _TURNED,
    (_TURNED, Closed): _TURNED,
    (_STUCK, Decided): _TURNED,
    (_STUCK, Closed): _STUCK,
    # a person steers
    (_RUNNING, Paused): _RUNNING,
    (_RUNNING, Resumed): _RUNNING,
    (_TURNED, Paused): _TURNED,
    (_TURNED, Resumed): _TURNED,
    (_STUCK, Resumed): _STUCK,  # paused, and then an undo in flight was refused
    (_RUNNING, Abandoned): Status.ABANDONED,
    (_TURNED, Abandoned): Status.ABANDONED,
    (_STUCK, Abandoned): Status.ABANDONED,
    # what had ended
    (Status.FAILED, Redriven): _RUNNING,
    (Status.CANCELLED, Redriven): _RUNNING,
    (Status.ABANDONED, Redriven): _RUNNING,
    (Status.FAILED, Replaced): Status.FAILED,
    (Status.CANCELLED, Replaced): Status.CANCELLED,
    (Status.ABANDONED, Replaced): Status.ABANDONED,
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
    (_P.RETRYING, StepSucceeded): _P.SUCCEEDED,  # the participant reports it in the pause
    # an event, or a person who approves
    (_P.PENDING, StepWaiting): _P.WAITING,
    (_P.RETRYING, StepWaiting): _P.WAITING,  # a person wants it to wait again
    (_P.WAITING, MatchFailed): _P.WAITING,
    (_P.WAITING, StepSucceeded): _P.SUCCEEDED,
    (_P.WAITING, StepFailed): _P.FAILED,
    # failed, and a person is asked
    (_P.PENDING, StepHeld): _P.HELD,
    (_P.RUNNING, StepHeld): _P.HELD,
    (_P.ACCEPTED, StepHeld): _P.HELD,
    (_P.CHECKING, StepHeld): _P.HELD,
    (_P.RETRYING, StepHeld): _P.HELD,
    (_P.WAITING, StepHeld): _P.HELD,
    (_P.HELD, StepHeld): _P.HELD,  # the output that a person gave cannot be read
    (_P.HELD, Decided): _P.RETRYING,
    (_P.RETRYING, StepSkipped): _P.SKIPPED,  # its condition could not be told before
    (_P.HELD, StepSucceeded): _P.SUCCEEDED,
    (_P.HELD, StepSkipped): _P.SKIPPED,
    (_P.HELD, StepFailed): _P.FAILED,
    # the undo
    (_P.PENDING, Compensate): _P.RUNNING,
    (_P.RUNNING, Compensate): _P.RUNNING,  # cut off, and begun again
    (_P.ACCEPTED, Compensate): _P.RUNNING,  # as with the call
    (_P.RETRYING, Compensate): _P.RUNNING,
    (_P.RUNNING, StepCompensated): _P.SUCCEEDED,
    (_P.ACCEPTED, StepCompensated): _P.SUCCEEDED,
    (_P.RETRYING, StepCompensated): _P.SUCCEEDED,  # reported in the pause, or a person says so
    (_P.STUCK, StepCompensated): _P.SUCCEEDED,
    (_P.PENDING, StepStuck): _P.STUCK,
    (_P.RUNNING, StepStuck): _P.STUCK,
    (_P.ACCEPTED, StepStuck): _P.STUCK,
    (_P.RETRYING, StepStuck): _P.STUCK,
    # a person wants it tried again
    (_P.STUCK, Decided): _P.RETRYING,
    (_P.RETRYING, Decided): _P.RETRYING,
    (_P.RUNNING, Decided): _P.RUNNING,
    (_P.ACCEPTED, Decided): _P.ACCEPTED,
}
"""`Decided` stands for the decision to try again; the others are followed by a fact about the step."""

_UNDO_FACTS: Final = frozenset({Compensate, StepCompensated, StepStuck})


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
    change = _decided if kind is Decided else RUN_CHANGES.get(kind)
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
    after = {**column, name: STEP_CHANGES[kind](progress, fact, phase)}
    return run.moved(run.calls, after) if undo else run.moved(after, run.undos)


def _decided(run: Run, fact: Any, status: Status) -> Run:
    after = closed(run, fact, status)._replace(stuck="")
    if fact.decision != "retry":
        return after
    item = run.items[fact.id]
    undo = item.kind == "undo"
    column = run.undos if undo else run.calls
    progress = column.get(item.step, PENDING)
    phase = STEP_TABLE.get((progress.phase, Decided))
    if phase is None:
        raise IllegalFactError(f"step {item.step} is {progress.phase.value}: nothing to try again ({run.id})")
    column = {**column, item.step: granted(progress, fact.at, phase)}
    return after._replace(undos=column) if undo else after._replace(calls=column)
