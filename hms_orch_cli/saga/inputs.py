"""Everything that can happen to a run. The shell brings times, ids and the results of expressions as values."""

from __future__ import annotations

from typing import Any, NamedTuple

from hms_orch_cli.saga.events import EventRef
from hms_orch_cli.saga.outcome import Op, Verdict


class Trigger(NamedTuple):
    """An event asks for a run; `redrive_of` is the run whose place it takes."""

    event: EventRef
    depth: int = 0
    redrive_of: str | None = None


class Asked(NamedTuple):
    """The answer to `Acquire`: the lock's `key` (canonical JSON) and its `fence` if the run has it now, else who holds
    it; `error` says that there is no key."""

    key: str = ""
    fence: int = 0
    holder: str = ""
    error: str = ""


class Granted(NamedTuple):
    """The run is first in line and the lock is free."""

    fence: int


class Released(NamedTuple):
    """A person takes the lock from the run."""

    actor: str
    note: str


class Attempt(NamedTuple):
    """The answer to `Begin`: go, skip (`when` is false), or `error` (an expression failed; nothing was sent)."""

    step: str
    op: Op
    skip: bool = False
    error: str = ""
    prompt: str | None = None


class CutOff(NamedTuple):
    """A call with a `check` was in flight when the process ended: its outcome is in doubt."""

    step: str
    attempt: int


class Answered(NamedTuple):
    """The end of an attempt, or of a poll. `reason` is the participant's own words or what the wire said. On success
    `answer` is the JSON kept, `output` the file's mapping, `error` says that the mapping failed. `reported`: by the
    participant itself, so that it counts in a pause before the next attempt too."""

    step: str
    op: Op
    attempt: int
    verdict: Verdict
    status: int = 0
    reason: str = ""
    retry_after_ms: int | None = None
    location: str | None = None
    answer: Any = None
    output: dict[str, Any] | None = None
    summary: str | None = None
    error: str = ""
    reported: bool = False


class Checked(NamedTuple):
    """What the `check` said: SUCCESS it took effect, FAILED it did not, UNKNOWN still in doubt."""

    step: str
    attempt: int
    verdict: Verdict
    reason: str = ""
    status: int = 0
    answer: Any = None
    output: dict[str, Any] | None = None
    summary: str | None = None
    error: str = ""


class Heard(NamedTuple):
    """An event at position `event_seq` matches what a step waits for; `answer` is its data."""

    step: str
    event_seq: int
    answer: Any = None
    output: dict[str, Any] | None = None
    summary: str | None = None
    error: str = ""


class Mismatched(NamedTuple):
    """The step's `match` could not be evaluated on the event at this position."""

    step: str
    event_seq: int
    reason: str


class Expired(NamedTuple):
    """The answer to `Expire`; `answer`, `output` and `summary` are those of an approval that goes on without one."""

    step: str
    answer: Any = None
    output: dict[str, Any] | None = None
    summary: str | None = None
    error: str = ""


class Tick(NamedTuple):
    """Time passed: look at deadlines."""


class Cancel(NamedTuple):
    """A person asks for the undo of a run that has not turned back yet."""

    reason: str
    actor: str = ""


class Abandon(NamedTuple):
    """A person closes a run without undo."""

    reason: str
    actor: str


class Pause(NamedTuple):
    """A person lets a run begin nothing any more."""

    actor: str
    note: str = ""


class Resume(NamedTuple):
    """A person lets a run go on."""

    actor: str
    note: str = ""


class Redrive(NamedTuple):
    """A person lets an ended run go on, or notes that the run `by` takes its place."""

    actor: str
    note: str = ""
    by: str | None = None


class Decide(NamedTuple):
    """A person decides an item. `given` is what `--output` gave, `answer` that or what the decision itself says;
    `output` and `summary` are the file's mapping of it, `error` says that it failed."""

    item: str
    decision: str
    actor: str
    note: str
    given: Any = None
    answer: Any = None
    output: dict[str, Any] | None = None
    summary: str | None = None
    error: str = ""


Input = (
    Trigger
    | Asked
    | Granted
    | Released
    | Attempt
    | CutOff
    | Answered
    | Checked
    | Heard
    | Mismatched
    | Expired
    | Tick
    | Cancel
    | Abandon
    | Pause
    | Resume
    | Redrive
    | Decide
)
