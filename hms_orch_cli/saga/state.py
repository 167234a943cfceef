"""The state of one run: a fold of its facts, immutable, and small enough for many thousands at once."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.saga.events import EventRef
from hms_orch_cli.saga.outcome import Op


class Status(Enum):
    """Where a run stands. WAITING and PAUSED of the contract are views of RUNNING, see `views/runs.py`."""

    NEW = "NEW"
    RUNNING = "RUNNING"
    COMPENSATING = "COMPENSATING"
    STUCK = "STUCK"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    ABANDONED = "ABANDONED"
    SKIPPED = "SKIPPED"

    __hash__ = object.__hash__  # members are unique: Enum's own hash runs in Python, and the tables ask often

    @property
    def ended(self) -> bool:
        """Whether nothing follows any more."""
        return self in _ENDED


_ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.ABANDONED, Status.SKIPPED})


class Phase(Enum):
    """Where the call or the undo of one step stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    """The intent is recorded and no answer yet."""
    ACCEPTED = "ACCEPTED"
    """202 or 425: the participant works on it."""
    CHECKING = "CHECKING"
    """In doubt; the `check` is being asked."""
    RETRYING = "RETRYING"
    """Pausing before the next attempt."""
    WAITING = "WAITING"
    """For an event, or for a person who approves."""
    HELD = "HELD"
    """Failed, and a person is asked before anything is undone."""
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    """Given up in doubt: undone with the rest."""
    SKIPPED = "SKIPPED"
    STUCK = "STUCK"
    """Only an undo: a person has to decide."""

    __hash__ = object.__hash__  # as Status

    @property
    def moving(self) -> bool:
        """Whether an answer, a next attempt or a decision about it is still to come."""
        return self in _MOVING


_MOVING = frozenset({Phase.RUNNING, Phase.ACCEPTED, Phase.CHECKING, Phase.RETRYING, Phase.WAITING, Phase.HELD})


class Progress(NamedTuple):
    """How far the call, or the undo, of one step has come. Times are milliseconds since 1970.

    `unknown` is sticky: one attempt's outcome was unknown and nothing has settled it; of a call that was given up it
    is the outcome. `undo` says that a call which did not succeed may have taken effect, `refused` that the participant
    gave a definite no. `spent` attempts were used before a person granted further ones; `failures` of an undo follow
    one another since a person last decided. `began_at` is the first attempt since then, `sent_at` the latest one.
    `heard` is the position of the event that a step has waited for, or of the last one that could not be matched.
    """

    phase: Phase = Phase.PENDING
    attempt: int = 0
    unknown: bool = False
    fresh_token: bool = False
    undo: bool = False
    round: int = 1
    began_at: int = 0
    sent_at: int = 0
    due_at: int = 0
    status: int = 0
    location: str | None = None
    reason: str = ""
    summary: str | None = None
    answer: Any = None
    output: dict[str, Any] | None = None
    refused: bool = False
    spent: int = 0
    failures: int = 0
    heard: int = 0


PENDING = Progress()


class Claim(NamedTuple):
    """A run's lock: in line for it since `since`, or holding it if there is a `fence`; `released` by a person."""

    key: str
    since: int
    fence: int = 0
    released: bool = False

    @property
    def waits(self) -> bool:
        """Whether the run stands in line."""
        return not self.fence


class HitlItem(NamedTuple):
    """What a person is asked about a step; see `saga/attention.py`. Times are milliseconds since 1970."""

    id: str
    kind: str
    step: str
    reason: str
    since: int
    expires_at: int | None = None


class Run(NamedTuple):
    """One run of a definition. `version` is the number of facts folded, so the position in its stream. A step that has
    not begun has no entry in `calls`, one that is not being undone none in `undos`. `claim` is None until the lock is
    asked for; `items` are open, `asked` counts all there ever were; the deadline runs from `clock_from`;
    `reason` is why it turned back or ended, `stuck` why it goes no further."""

    saga: Saga
    id: str
    status: Status = Status.NEW
    version: int = 0
    event: EventRef | None = None
    depth: int = 0
    started_at: int = 0
    ended_at: int | None = None
    cause: str = ""
    reason: str = ""
    calls: Mapping[str, Progress] = {}
    undos: Mapping[str, Progress] = {}
    claim: Claim | None = None
    items: Mapping[str, HitlItem] = {}
    asked: int = 0
    paused: bool = False
    clock_from: int = 0
    replaced_by: str | None = None
    stuck: str = ""

    def moved(self, calls: Mapping[str, Progress], undos: Mapping[str, Progress]) -> Run:
        """The run one fact later, with these steps. Every fact comes by here: this takes half as long as `_replace`."""
        after = (
            self.saga,
            self.id,
            self.status,
            self.version + 1,
            self.event,
            self.depth,
            self.started_at,
            self.ended_at,
            self.cause,
            self.reason,
            calls,
            undos,
            self.claim,
            self.items,
            self.asked,
            self.paused,
            self.clock_from,
            self.replaced_by,
            self.stuck,
        )
        return tuple.__new__(Run, after)

    def output_of(self, step: str) -> Any:
        """What later steps read as `context.<step>`: the file's mapping, else the JSON answer."""
        call = self.calls[step]
        return call.answer if call.output is None else call.output

    @property
    def has_undone(self) -> bool:
        """Whether an undo took effect, or may have. One that was begun may, unless each of its attempts was answered
        with a definite no: such an answer ends a round."""
        return any(
            undo.phase is Phase.SUCCEEDED or undo.unknown or undo.attempt > undo.round - 1 + undo.refused
            for undo in self.undos.values()
        )

    def progress(self, step: str, op: Op) -> Progress:
        """How far the call, or the undo, of a step has come."""
        return (self.calls if op == "call" else self.undos).get(step, PENDING)

    def context(self, step: str, op: Op) -> dict[str, Any]:
        """The outputs of the steps before `step` that have succeeded, for an undo its own as well: the same for all
        attempts of one call."""
        names = self.saga.earlier[step] if op == "call" else (*self.saga.earlier[step], step)
        done = ((name, self.calls.get(name, PENDING)) for name in names)
        return {name: self.output_of(name) for name, call in done if call.phase is Phase.SUCCEEDED}
