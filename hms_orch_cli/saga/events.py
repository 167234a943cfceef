"""Every fact that the orchestrator records, in the past tense, with its name in the log.

A fact is a NamedTuple: `at` is its time (milliseconds since 1970, UTC), which the log keeps as the CloudEvents `time`;
the other fields are the members of `data`, in camelCase, None left out. Facts about a run carry `sagaId` and `saga`
besides. docs/events.md shows an example of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

RESERVED: Final = ("saga.", "hitl.")
"""Types that begin so are the orchestrator's own and refused from outside."""


class EventRef(NamedTuple):
    """The triggering event: `seq` is its position in the log, `time` its CloudEvents time (RFC 3339)."""

    seq: int
    id: str
    source: str
    type: str
    time: str | None = None


class Started(NamedTuple):
    """A run exists. `depth` counts the sagas that led to this one."""

    at: int
    revision: str
    event: EventRef
    depth: int = 0


class Skipped(NamedTuple):
    """No run, on purpose: the chain of sagas is too deep, or a lock says skip."""

    at: int
    revision: str
    event: EventRef
    reason: str


class FilterFailed(NamedTuple):
    """No run: the filter could not be evaluated on this event."""

    at: int
    revision: str
    event: EventRef
    reason: str


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


class StepSucceeded(NamedTuple):
    """The step took effect. `answer` is the JSON answer, `output` what later steps read if the file maps it."""

    at: int
    step: str
    attempt: int
    status: int | None = None
    answer: Any = None
    output: dict[str, Any] | None = None
    summary: str | None = None


class StepFailed(NamedTuple):
    """The step is over without success. `undo` says whether it may have taken effect and is undone with the rest."""

    at: int
    step: str
    attempt: int
    outcome: str
    undo: bool
    reason: str
    status: int | None = None


class StepSkipped(NamedTuple):
    """The step's `when` was false, or a person skipped it."""

    at: int
    step: str
    reason: str


class Compensating(NamedTuple):
    """The run turns back: no forward step begins any more. `cause`: step, deadline, cancel."""

    at: int
    cause: str
    reason: str


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


class Completed(NamedTuple):
    """Every step is done. Durations are milliseconds since the start of the run."""

    at: int
    duration_ms: int


class Failed(NamedTuple):
    """Everything that had to be undone is undone."""

    at: int
    reason: str
    duration_ms: int


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


RunFact = (
    Started
    | Skipped
    | FilterFailed
    | StepStarted
    | StepAccepted
    | StepDoubted
    | StepRetrying
    | StepSucceeded
    | StepFailed
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
)

RUN_FACTS: Final[Mapping[str, type[RunFact]]] = {
    "saga.started": Started,
    "saga.skipped": Skipped,
    "saga.filter.failed": FilterFailed,
    "saga.step.started": StepStarted,
    "saga.step.accepted": StepAccepted,
    "saga.step.doubted": StepDoubted,
    "saga.step.retrying": StepRetrying,
    "saga.step.succeeded": StepSucceeded,
    "saga.step.failed": StepFailed,
    "saga.step.skipped": StepSkipped,
    "saga.compensating": Compensating,
    "saga.compensate": Compensate,
    "saga.step.compensated": StepCompensated,
    "saga.step.stuck": StepStuck,
    "saga.completed": Completed,
    "saga.failed": Failed,
    "saga.cancelled": Cancelled,
    "saga.stuck": Stuck,
    "saga.abandoned": Abandoned,
}
"""Name in the log -> fact, for the facts about a run (streams `run/…`)."""

TYPES: Final[Mapping[type[RunFact], str]] = {fact: name for name, fact in RUN_FACTS.items()}
"""Fact -> name in the log."""

DEPLOYED: Final = "saga.deployed"
"""A revision of a definition holds from this position on; `content` is the YAML as plain values."""

UNDEPLOYED: Final = "saga.undeployed"
"""From this position on the definition starts no run; runs in flight keep their revision."""


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


_MEMBERS: Final = {fact: tuple(_camel(name) for name in fact._fields[1:]) for fact in TYPES}
_OF_A_STEP: Final = frozenset(fact for fact in TYPES if "step" in fact._fields)
_SHAPES: Final = {
    kind: (fact, tuple(name for name in _MEMBERS[fact] if name not in ("step", "context")))
    for kind, fact in RUN_FACTS.items()
}
"""Name in the log -> fact, and its members but those that lie within `step`: they are the first fields after `at`."""


def to_data(fact: RunFact, saga_id: str, saga: str) -> dict[str, Any]:
    """The `data` of a fact about the run `saga_id` of the definition `saga`, as plain JSON values."""
    data: dict[str, Any] = {"sagaId": saga_id, "saga": saga}
    for name, value in zip(_MEMBERS[type(fact)], fact[1:], strict=True):
        if value is None:
            continue
        if name == "step":
            data["step"] = {"name": value}
        elif name == "event":
            data["event"] = {member: part for member, part in value._asdict().items() if part is not None}
        elif name == "context":
            data["step"]["context"] = value
        else:
            data[name] = value
    return data


def from_data(kind: str, data: Mapping[str, Any], at: int) -> RunFact:
    """The fact that `to_data` wrote under the wire name `kind`. Raises KeyError for a type that is no run fact."""
    fact, members = _SHAPES[kind]
    if fact in _OF_A_STEP:
        step = data["step"]
        name = step["name"]
        head = (at, name, step.get("context")) if fact is Compensate else (at, name)
        return tuple.__new__(fact, (*head, *map(data.get, members)))
    if "event" in members:
        data = {**data, "event": EventRef(**data["event"])}
    return tuple.__new__(fact, (at, *map(data.get, members)))


def is_reserved(event_type: str) -> bool:
    """Whether only the orchestrator may record this type."""
    return event_type.startswith(RESERVED)
