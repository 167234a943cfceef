"""Every fact that the orchestrator records about a run, in the past tense.

A fact is a NamedTuple: `at` is its time (milliseconds since 1970, UTC), which the log keeps as the CloudEvents `time`;
the other fields are the members of `data`, in camelCase, None left out. Facts about a run carry `sagaId` and `saga`
besides. docs/events.md shows an example of each.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class EventRef(NamedTuple):
    """The triggering event: `seq` is its position in the log, `time` its CloudEvents time (RFC 3339)."""

    seq: int
    id: str
    source: str
    type: str
    time: str | None = None


class Started(NamedTuple):
    """A run exists. `depth` counts the sagas that led to this one; `redrive_of` is the run whose place it takes."""

    at: int
    revision: str
    event: EventRef
    depth: int = 0
    redrive_of: str | None = None


class Skipped(NamedTuple):
    """No run, on purpose: the chain of sagas is too deep (`cause` depth), or a lock says skip (lock)."""

    at: int
    revision: str
    event: EventRef
    reason: str
    cause: str | None = None


class FilterFailed(NamedTuple):
    """No run: the filter could not be evaluated on this event."""

    at: int
    revision: str
    event: EventRef
    reason: str


class LockQueued(NamedTuple):
    """The run stands in line for its lock, behind the run `holder`. `key` is canonical JSON, as text."""

    at: int
    key: str
    holder: str


class LockAcquired(NamedTuple):
    """The run holds its lock, until it has ended. `fence` rises from one holder to the next."""

    at: int
    key: str
    fence: int
    waited_ms: int


class LockReleased(NamedTuple):
    """A person took the lock from the run, which goes on without it."""

    at: int
    key: str
    actor: str
    note: str


class StepStarted(NamedTuple):
    """The intent of an attempt: from here on the call may have been made. `interrupted` says that the attempt before
    it was cut off (by a crash or a stop), so its outcome is unknown and it uses no attempt."""

    at: int
    step: str
    attempt: int
    key: str
    interrupted: bool | None = None


class StepAccepted(NamedTuple):
    """The participant works on it (202, or 425 without a location): poll `location`, or wait for the callback."""

    at: int
    step: str
    op: str
    attempt: int
    status: int
    location: str | None = None


class StepDoubted(NamedTuple):
    """An attempt's outcome is unknown; the step's `check` is asked before anything else happens."""

    at: int
    step: str
    attempt: int
    reason: str
    status: int | None = None


class StepRetrying(NamedTuple):
    """An attempt ended without a final answer; the next begins at `dueAt`. `outcome`: unknown, retry, unauthorized,
    absent (the check says that it had no effect)."""

    at: int
    step: str
    op: str
    attempt: int
    outcome: str
    reason: str
    due_at: int
    status: int | None = None


class StepWaiting(NamedTuple):
    """The step waits, for a person (`what` is approval) or for an event of type `event`; at most until `due_at`."""

    at: int
    step: str
    what: str
    due_at: int | None = None
    event_type: str | None = None
    prompt: str | None = None


class MatchFailed(NamedTuple):
    """The `match` of a step that waits could not be evaluated on the event at position `event_seq`: no match."""

    at: int
    step: str
    event_seq: int
    reason: str


class StepSucceeded(NamedTuple):
    """The step took effect. `answer` is the JSON answer, `output` what later steps read if the file maps it;
    `event_seq` is the position of the event that a step has waited for."""

    at: int
    step: str
    attempt: int
    status: int | None = None
    answer: Any = None
    output: dict[str, Any] | None = None
    summary: str | None = None
    event_seq: int | None = None


class StepFailed(NamedTuple):
    """The step is over without success. `undo` says whether it may have taken effect and is undone with the rest,
    `refused` that the participant gave a definite no."""

    at: int
    step: str
    attempt: int
    outcome: str
    undo: bool
    reason: str
    status: int | None = None
    refused: bool | None = None


class StepHeld(NamedTuple):
    """The same, but the file wants a person to be asked before anything is undone."""

    at: int
    step: str
    attempt: int
    outcome: str
    undo: bool
    reason: str
    status: int | None = None
    refused: bool | None = None


class StepSkipped(NamedTuple):
    """The step's `when` was false, or a person skipped it."""

    at: int
    step: str
    reason: str


class Compensating(NamedTuple):
    """The run turns back: no forward step begins any more. `cause`: step, deadline, cancel, lock (not to be had),
    key (of a lock: it has none)."""

    at: int
    cause: str
    reason: str
    actor: str | None = None


class Compensate(NamedTuple):
    """The intent of an undo's attempt. `context` is the step's own output; it travels as `step.context`."""

    at: int
    step: str
    context: Any
    mode: str
    key: str
    attempt: int
    interrupted: bool | None = None


class StepCompensated(NamedTuple):
    """The undo is done."""

    at: int
    step: str
    attempt: int
    status: int | None = None


class StepStuck(NamedTuple):
    """The undo was refused or used up its attempts: a person has to decide."""

    at: int
    step: str
    attempt: int
    reason: str
    status: int | None = None
    refused: bool | None = None


class Completed(NamedTuple):
    """Every step is done. Durations are milliseconds since the start of the run."""

    at: int
    duration_ms: int


class Failed(NamedTuple):
    """Everything that had to be undone is undone. `cause` is that of the turn back."""

    at: int
    reason: str
    duration_ms: int
    cause: str | None = None


class Cancelled(NamedTuple):
    """Everything is undone, as a person asked."""

    at: int
    reason: str
    duration_ms: int


class Stuck(NamedTuple):
    """An undo cannot be done without a decision; nothing is called again until then."""

    at: int
    reason: str


class Abandoned(NamedTuple):
    """A person closed the run without undo."""

    at: int
    reason: str
    actor: str
    duration_ms: int


class Paused(NamedTuple):
    """A person lets the run begin nothing any more; what is in flight settles."""

    at: int
    actor: str
    note: str


class Resumed(NamedTuple):
    """The run goes on."""

    at: int
    actor: str
    note: str


class Redriven(NamedTuple):
    """A run that had ended and has undone nothing goes on from where it failed, with the same id."""

    at: int
    actor: str
    note: str


class Replaced(NamedTuple):
    """A run that had ended and has undone something was started anew, as the run `by`."""

    at: int
    by: str
    actor: str
    note: str


class Queued(NamedTuple):
    """A person is asked: the item `id` is open. `kind`: undo, hold, approval."""

    at: int
    step: str
    id: str
    kind: str
    reason: str
    decisions: list[str]
    expires_at: int | None = None


class Decided(NamedTuple):
    """A person has decided an item, once."""

    at: int
    id: str
    kind: str
    decision: str
    actor: str
    note: str
    output: Any = None


class Closed(NamedTuple):
    """An item needs no decision any more."""

    at: int
    id: str
    kind: str
    reason: str


RunFact = (
    Started
    | Skipped
    | FilterFailed
    | LockQueued
    | LockAcquired
    | LockReleased
    | StepStarted
    | StepAccepted
    | StepDoubted
    | StepRetrying
    | StepWaiting
    | MatchFailed
    | StepSucceeded
    | StepFailed
    | StepHeld
    | StepSkipped
    | Compensating
    | Compensate
    | StepCompensated
    | StepStuck
    | Completed
    | Failed
    | Cancelled
    | Stuck
    | Abandoned
    | Paused
    | Resumed
    | Redriven
    | Replaced
    | Queued
    | Decided
    | Closed
)
