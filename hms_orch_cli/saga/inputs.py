"""Everything that can happen to a run. The shell brings times, ids and the results of expressions as values."""

from __future__ import annotations

from typing import Any, NamedTuple

from hms_orch_cli.saga.events import EventRef
from hms_orch_cli.saga.outcome import Op, Verdict


class Trigger(NamedTuple):
    """An event asks for a run."""

    event: EventRef
    depth: int = 0


class Attempt(NamedTuple):
    """The answer to `Begin`: go, skip (`when` is false), or `error` (an expression failed; nothing was sent)."""

    step: str
    op: Op
    skip: bool = False
    error: str = ""


class CutOff(NamedTuple):
    """A call with a `check` was in flight when the process ended: its outcome is in doubt."""

    step: str
    attempt: int


class Answered(NamedTuple):
    """The end of an attempt, or of a poll. `reason` is the participant's own words or what the wire said. On success
    `answer` is the JSON kept, `output` the file's mapping, `error` says that the mapping failed."""

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


class Tick(NamedTuple):
    """Time passed: look at deadlines."""


class Cancel(NamedTuple):
    """A person asks for the undo of a run that has not turned back yet."""

    reason: str


class Abandon(NamedTuple):
    """A person closes a run without undo."""

    reason: str
    actor: str


Input = Trigger | Attempt | CutOff | Answered | Checked | Tick | Cancel | Abandon
