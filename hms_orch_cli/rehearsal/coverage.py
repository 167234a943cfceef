"""What of a saga the tests have exercised: each way that a run can take through its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from hms_orch_cli.rehearsal.record import Played, Ran
from hms_orch_cli.saga.definition import Saga, Step
from hms_orch_cli.saga.events import (
    Closed,
    Compensating,
    Decided,
    LockQueued,
    Queued,
    RunFact,
    Skipped,
    Started,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepSkipped,
    StepSucceeded,
)

WHOLE: Final = ""
"""The name of what is about the saga and not about a step."""


class Branch(NamedTuple):
    """A way that a run can take: the step that it is about (WHOLE for none), and what happens there."""

    step: str
    way: str


LET_IN: Final = Branch(WHOLE, "the filter lets an event in")
KEPT_OUT: Final = Branch(WHOLE, "the filter keeps an event out")
LOCKED: Final = Branch(WHOLE, "the lock is taken")
LATE: Final = Branch(WHOLE, "the deadline passes")

DONE: Final = "is done"
FAILS: Final = "fails"
AGAIN: Final = "is tried again"
CHECKED: Final = "is checked"
SKIPPED: Final = "is skipped"
REJECTED: Final = "is rejected"
EXPIRES: Final = "expires"
UNDONE: Final = "is undone"


def branches(saga: Saga) -> Iterator[Branch]:
    """Every way through a saga, in the order of its file."""
    if saga.filter is not None:
        yield from (LET_IN, KEPT_OUT)
    if saga.lock is not None:
        yield LOCKED
    if saga.deadline_ms is not None:
        yield LATE
    for step in saga.steps.values():
        yield from (Branch(step.name, way) for way in _ways(step))


def _ways(step: Step) -> Iterator[str]:
    if step.when is not None:
        yield SKIPPED
    yield DONE
    if step.call is not None:
        if step.call.retry.attempts > 1:
            yield AGAIN
        if step.check is not None:
            yield CHECKED
        yield FAILS
    if step.approval is not None:
        yield REJECTED
    if (step.approval and step.approval.ttl_ms is not None) or (step.awaits and step.awaits.timeout_ms is not None):
        yield EXPIRES
    if step.compensate is not None:
        yield UNDONE


class Coverage:
    """The sagas that tests are about, and what of each was exercised."""

    def __init__(self) -> None:
        self._all: dict[str, list[Branch]] = {}
        self._taken: dict[str, set[Branch]] = {}

    def add_saga(self, saga: Saga) -> None:
        """A saga that is to be exercised."""
        self._all[saga.id] = list(branches(saga))
        self._taken.setdefault(saga.id, set())

    def add(self, saga: Saga, played: Played) -> None:
        """A test has been played; `saga` is the one that it was about first."""
        if played.main is None:
            self._taken[saga.id].add(KEPT_OUT)
        for ran in (*((played.main,) if played.main is not None else ()), *played.others):
            self._taken[ran.run.saga.id] |= set(_taken(ran))

    @property
    def sagas(self) -> Iterable[str]:
        """The ids of the sagas."""
        return self._all

    def missing(self, saga: str) -> list[Branch]:
        """What no test has exercised."""
        return [branch for branch in self._all[saga] if branch not in self._taken[saga]]

    def count(self, saga: str) -> tuple[int, int]:
        """(exercised, all) of one saga."""
        there = len(self._all[saga])
        return there - len(self.missing(saga)), there

    @property
    def percent(self) -> float:
        """Of everything that could be exercised, 0 to 100; 100 if there is nothing."""
        counts = [self.count(saga) for saga in self._all]
        there = sum(all_ for _, all_ in counts)
        return 100 * sum(exercised for exercised, _ in counts) / there if there else 100.0


def _taken(ran: Ran) -> Iterator[Branch]:
    steps, turned = ran.run.saga.steps, False
    asked: dict[str, str] = {}
    """item -> step"""
    for fact in ran.facts:
        if isinstance(fact, Queued):
            asked[fact.id] = fact.step
        elif isinstance(fact, Compensating):
            turned = True
        branch = _branch(fact, steps, asked, turned)
        if branch is not None:
            yield branch
    if isinstance(ran.facts[0], Started):
        yield LET_IN


def _branch(fact: RunFact, steps: Mapping[str, Step], asked: dict[str, str], turned: bool) -> Branch | None:
    """What a fact shows. What fails once the run has turned back was given up, or does not matter any more."""
    match fact:
        case LockQueued() | Skipped(cause="lock") | Compensating(cause="lock"):
            return LOCKED
        case Compensating(cause="deadline"):
            return LATE
        case StepSucceeded(step=step):
            return Branch(step, DONE)
        case StepFailed(step=step) | StepHeld(step=step) if not turned:
            return None if steps[step].approval else Branch(step, EXPIRES if steps[step].awaits else FAILS)
        case StepRetrying(step=step, op="call"):
            return Branch(step, AGAIN)
        case StepDoubted(step=step):
            return Branch(step, CHECKED)
        case StepSkipped(step=step, reason="its condition is false"):
            return Branch(step, SKIPPED)
        case StepCompensated(step=step):
            return Branch(step, UNDONE)
        case Decided(id=item, decision="reject"):
            return Branch(asked[item], REJECTED)
        case Closed(id=item, kind="approval", reason="nobody decided in time"):
            return Branch(asked[item], EXPIRES)
        case _:
            return None
