"""A test as the stage plays it: what its file says, with what holds for every test laid under it, and defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import rfc8785

from hms_orch_cli.ports.store import NewEvent
from hms_orch_cli.rehearsal.replies import Reply, replies_from
from hms_orch_cli.saga.definition import Saga

START_MS: Final = 1_800_000_000_000
"""The clock when the event of a test comes in: 2027-01-15T08:00:00Z."""

START: Final = "2027-01-15T08:00:00.000Z"
SOURCE: Final = "hms-bus"

_LAID_OVER: Final = ("event", "answers")
"""Keys of what is given whose members are laid over those of the file."""


class Later(NamedTuple):
    """An event that comes in so many milliseconds after the triggering one. Its time is empty if it is to be when it
    comes in."""

    after_ms: int
    event: NewEvent


class Decision(NamedTuple):
    """What a person decides so many milliseconds after the question; `number` is its place in the list."""

    number: int
    decision: str
    step: str | None
    kind: str | None
    after_ms: int
    actor: str
    note: str
    refused: bool
    output: tuple[Any, ...]
    """the output, none at all if it is empty"""

    def fits(self, kind: str, step: str) -> bool:
        """Whether it may be the answer to a question."""
        return self.kind in (None, kind) and self.step in (None, step)


class Operation(NamedTuple):
    """What a person does so many milliseconds after the triggering event."""

    number: int
    verb: str
    after_ms: int
    actor: str
    note: str
    refused: bool


class HeldLock(NamedTuple):
    """A lock that somebody holds: its key as canonical JSON, and for how many milliseconds."""

    key: str
    for_ms: int | None


class Case(NamedTuple):
    """One test. `number` is its place in the file, `own_answers` names those that the test itself says."""

    number: int
    name: str
    event: NewEvent
    replies: Mapping[str, tuple[Reply, ...]]
    own_answers: frozenset[str]
    events: Sequence[Later]
    decisions: Sequence[Decision]
    operations: Sequence[Operation]
    locks: Sequence[HeldLock]
    secrets: Mapping[str, str]
    expect: Mapping[str, Any]
    at_ms: int | None


def cases_from(content: Mapping[str, Any], saga: Saga) -> Iterator[Case]:
    """The tests of a file that has passed its check; `saga` is the one that they are about first."""
    shared = content.get("given", {})
    for number, written in enumerate(content["tests"]):
        own = written.get("given", {})
        given = {**shared, **own}
        for key in _LAID_OVER:
            given[key] = {**shared.get(key, {}), **own.get(key, {})}
        expect = written["expect"]
        yield Case(
            number=number,
            name=written["name"],
            event=_event(given["event"], saga.triggers[0], "event-1", START),
            replies={target: replies_from(answers) for target, answers in given["answers"].items()},
            own_answers=frozenset(own.get("answers", ())),
            events=tuple(_later(place, each) for place, each in enumerate(given.get("events", ()))),
            decisions=tuple(_decision(place, each) for place, each in enumerate(given.get("decisions", ()))),
            operations=tuple(_operation(place, each) for place, each in enumerate(given.get("operations", ()))),
            locks=tuple(
                HeldLock(rfc8785.dumps(each["key"]).decode(), each.get("forMs")) for each in given.get("locks", ())
            ),
            secrets=given.get("secrets", {}),
            expect=expect,
            at_ms=expect.get("atMs"),
        )


def _event(written: Mapping[str, Any], kind: str, name: str, time: str) -> NewEvent:
    extensions = written.get("extensions")
    return NewEvent(
        id=written.get("id", name),
        source=written.get("source", SOURCE),
        type=written.get("type", kind),
        time=written.get("time", time),
        data=orjson.dumps(written["data"]).decode() if "data" in written else None,
        subject=written.get("subject"),
        extensions=orjson.dumps(extensions).decode() if extensions else None,
    )


def _later(place: int, written: Mapping[str, Any]) -> Later:
    return Later(written.get("afterMs", 0), _event(written, "", f"event-{place + 2}", ""))


def _decision(place: int, written: Mapping[str, Any]) -> Decision:
    return Decision(
        number=place,
        decision=written["decision"],
        step=written.get("step"),
        kind=written.get("kind"),
        after_ms=written.get("afterMs", 0),
        actor=written.get("actor", "ann"),
        note=written.get("note", "as the test says"),
        refused=written.get("refused", False),
        output=(written["output"],) if "output" in written else (),
    )


def _operation(place: int, written: Mapping[str, Any]) -> Operation:
    return Operation(
        number=place,
        verb=written["do"],
        after_ms=written.get("afterMs", 0),
        actor=written.get("actor", "ann"),
        note=written.get("note", "as the test says"),
        refused=written.get("refused", False),
    )
