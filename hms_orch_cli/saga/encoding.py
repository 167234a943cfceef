"""From a fact to the `data` of its event, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hms_orch_cli.saga.event_types import RUN_FACTS, TYPES
from hms_orch_cli.saga.events import Compensate, EventRef, RunFact


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
