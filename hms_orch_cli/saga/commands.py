"""Everything `due` may ask for: what the world is still owed. The shell carries it out and answers with an input."""

from __future__ import annotations

from typing import NamedTuple

from hms_orch_cli.saga.outcome import Op


class Acquire(NamedTuple):
    """Evaluate the key of the lock and ask for it, then answer with `Asked`."""


class Listen(NamedTuple):
    """Offer events of this type behind the triggering one, in order, those of the past first; answer with `Heard` at
    the first that matches."""

    step: str
    event_type: str


class Expire(NamedTuple):
    """The step has waited long enough; answer with `Expired`."""

    step: str


class Begin(NamedTuple):
    """Evaluate `when` and the request (or the prompt), then answer with `Attempt`: its intent makes the call owed."""

    step: str
    op: Op


class Send(NamedTuple):
    """The intent of this attempt is durable: make the call, then answer with `Answered`. A shell that finds this owed
    when it loads a run knows that the attempt was cut off."""

    step: str
    op: Op
    attempt: int


class Poll(NamedTuple):
    """The participant works on it: ask at `location`, or without one wait for the callback (202) or send the same
    request again (425). Answer with `Answered`."""

    step: str
    op: Op
    attempt: int
    status: int
    location: str | None


class Check(NamedTuple):
    """Ask the step's `check` whether the call took effect, then answer with `Checked`."""

    step: str
    attempt: int


class Wake(NamedTuple):
    """Nothing before this time (milliseconds since 1970); then look again, with a `Tick`."""

    at: int


Command = Acquire | Listen | Expire | Begin | Send | Poll | Check | Wake
