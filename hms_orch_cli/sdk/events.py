"""An event as a handler gets it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

COMPENSATE: Final = "saga.compensate"


class Step(NamedTuple):
    """The step that is to be undone. `context` is its own output; None if nobody knows whether it took effect."""

    name: str
    context: Any


@dataclass(frozen=True)
class Event:
    """A CloudEvent and its position in the log. `document` is all of it, extension attributes included."""

    seq: int
    id: str
    source: str
    type: str
    time: str
    subject: str | None
    data: Any
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Undo(Event):
    """`saga.compensate`: a step of a run is to be undone. `key` is one for all attempts; `mode` is `event` if somebody
    who hears it has to undo, `http` if the orchestrator calls for it."""

    saga_id: str
    saga: str
    step: Step
    key: str
    attempt: int
    mode: str


def event_of(text: str) -> Event:
    """An event from its JSON, an Undo if it is one."""
    document = json.loads(text)
    common = {name: document.get(name) for name in ("seq", "id", "source", "type", "time", "subject", "data")}
    if document["type"] != COMPENSATE:
        return Event(**common, document=document)
    data = document["data"]
    return Undo(
        **common,
        document=document,
        saga_id=data["sagaId"],
        saga=data["saga"],
        step=Step(data["step"]["name"], data["step"].get("context")),
        key=data["key"],
        attempt=data["attempt"],
        mode=data["mode"],
    )
