"""What goes on: runs that begin and end, how long they take, where they fail, and what participants answer, by time.

A fold of the facts that are heard while this process lives; what was before is folded from the run list into a second
one, and both are read together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Completed,
    Failed,
    RunFact,
    Started,
    StepAccepted,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepStuck,
    StepSucceeded,
)
from hms_orch_cli.saga.outcome import Op
from hms_orch_cli.saga.state import Run
from hms_orch_cli.views.health import MINUTE_MS, Health
from hms_orch_cli.views.spread import Spread


class Window(NamedTuple):
    """A stretch of time up to now: so many slots of so many milliseconds."""

    slot_ms: int
    slots: int


WINDOWS: Final[Mapping[str, Window]] = {  # slots of whole minutes
    "hour": Window(60_000, 60),
    "day": Window(900_000, 96),
    "week": Window(7_200_000, 84),
}

LONGEST_MS: Final = max(window.slot_ms * window.slots for window in WINDOWS.values())

OUTCOMES: Final = ("completed", "failed", "cancelled", "abandoned")
_ENDS: Final[Mapping[type[RunFact], str]] = {
    Completed: "completed",
    Failed: "failed",
    Cancelled: "cancelled",
    Abandoned: "abandoned",
}


class Slot:
    """What happened to the runs of one definition in one slot."""

    __slots__ = ("durations", "ended", "failed_at", "started")

    def __init__(self) -> None:
        self.started = 0
        self.ended = dict.fromkeys(OUTCOMES, 0)
        self.durations = Spread()
        self.failed_at: dict[str, int] = {}
        """step -> times that it failed for good"""

    def add(self, other: Slot) -> None:
        """Takes in another one."""
        self.started += other.started
        for outcome, count in other.ended.items():
            self.ended[outcome] += count
        for step, count in other.failed_at.items():
            self.failed_at[step] = self.failed_at.get(step, 0) + count
        self.durations.add(other.durations)


class Activity:
    """The slots of every window, and the health of participants. `on_facts` is what an observer hears."""

    def __init__(self) -> None:
        self._slots: dict[str, dict[int, dict[str, Slot]]] = {name: {} for name in WINDOWS}
        self._latest: dict[str, tuple[int, list[Slot]]] = {}
        """definition -> its latest minute, and the slots that lie over it"""
        self.health: dict[str, Health] = {}
        """service -> what it answered"""

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """Takes in the facts of one run; `run` is the state after them."""
        for fact in facts:
            kind = type(fact)
            if kind is Started:
                self.began(run.saga.id, fact.at)
            elif kind in _ENDS:
                self.ended(run.saga.id, _ENDS[kind], fact.at, fact.duration_ms)  # type: ignore[union-attr]  # has one
            elif kind in _ANSWERS:
                self._answered(run, fact)

    def began(self, saga: str, at: int) -> None:
        """A run has begun."""
        for slot in self._at(saga, at):
            slot.started += 1

    def ended(self, saga: str, outcome: str, at: int, duration_ms: int) -> None:
        """A run has ended."""
        for slot in self._at(saga, at):
            slot.ended[outcome] += 1
            slot.durations.observe(duration_ms)

    def failed(self, saga: str, step: str, at: int) -> None:
        """A step has failed for good."""
        for slot in self._at(saga, at):
            slot.failed_at[step] = slot.failed_at.get(step, 0) + 1

    def slots(self, window: str) -> Mapping[int, Mapping[str, Slot]]:
        """Number of a slot (its beginning by its length) -> definition -> what happened."""
        return self._slots[window]

    def _at(self, saga: str, at: int) -> Sequence[Slot]:
        """The slots over this moment, one of each window."""
        minute = at // MINUTE_MS
        latest = self._latest.get(saga)
        if latest is None or latest[0] != minute:
            slots = [self._slot(name, saga, at // window.slot_ms) for name, window in WINDOWS.items()]
            latest = self._latest[saga] = minute, slots
        return latest[1]

    def _slot(self, window: str, saga: str, number: int) -> Slot:
        slots, kept = self._slots[window], WINDOWS[window].slots
        by_saga = slots.get(number)
        if by_saga is None:
            by_saga = slots[number] = {}
            if len(slots) > 2 * kept:
                for old in [each for each in slots if each <= number - kept]:
                    del slots[old]
        return by_saga.setdefault(saga, Slot())

    def _answered(self, run: Run, fact: RunFact) -> None:
        step, status = fact.step, fact.status or 0  # type: ignore[union-attr]  # those of _ANSWERS have both
        if type(fact) in (StepFailed, StepHeld):
            self.failed(run.saga.id, step, fact.at)
        op: Op = "compensate" if _is_undo(fact) else "call"
        declared = run.saga.steps[step]
        call = declared.call if op == "call" else declared.compensate.call if declared.compensate else None
        if call is None or not (status or _is_unanswered(fact)):
            return
        health = self.health.get(call.request.service)
        if health is None:
            health = self.health[call.request.service] = Health()
        reason = getattr(fact, "reason", "")
        health.answered(fact.at, fact.at - run.progress(step, op).sent_at, status, reason)


_ANSWERS: Final = frozenset(
    {StepSucceeded, StepAccepted, StepDoubted, StepRetrying, StepFailed, StepHeld, StepCompensated, StepStuck}
)
"""Facts that tell what a participant answered, or did not."""


def _is_unanswered(fact: RunFact) -> bool:
    """Whether a fact without a status is an attempt that nobody answered: not what a person decided, what a callback
    told, or what could not be sent for want of a value."""
    return type(fact) is StepDoubted or getattr(fact, "outcome", "failed") in ("unknown", "retry")


def _is_undo(fact: RunFact) -> bool:
    return type(fact) in (StepCompensated, StepStuck) or getattr(fact, "op", "call") == "compensate"
