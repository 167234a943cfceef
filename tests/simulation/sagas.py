"""Random definitions over the whole language that runs, and what their expressions mean, told without CEL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from random import Random
from typing import Any, Final, NamedTuple

import orjson

from .faults import Plan

TRIGGERS: Final = ("order.placed", "order.changed")

Data = Mapping[str, Any]


class Unreadable(Exception):
    """The expression cannot be evaluated on this data."""


def _member(data: Any, name: str) -> Any:
    if not isinstance(data, dict) or name not in data:
        raise Unreadable(name)
    return data[name]


CONDITIONS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "data.n > 1": lambda data: bool(_member(data, "n") > 1),
    'data.kind == "a"': lambda data: _member(data, "kind") == "a",
    'has(data.kind) && data.kind == "b"': lambda data: data.get("kind") == "b",
}
"""Expressions that are true or false, and the same in Python: the oracle does not ask the one that it judges."""

MATCHES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "event.data.n == data.n": lambda event, data: _member(event, "n") == _member(data, "n"),
    "event.data.n >= 1": lambda event, data: bool(_member(event, "n") >= 1),
    'event.data.kind == "a"': lambda event, data: _member(event, "kind") == "a",
}
"""What an awaited event has to be, in the same way."""

AWAITED: Final = ("payment.done", "payment.seen")

LOCK_KEYS: Final = ("data.key", "data.n", '"one"')

OUTCOMES: Final = ((409, "success"), (422, "unknown"), (500, "failed"), (404, "retry"))


class Definition(NamedTuple):
    """A definition with its revision."""

    saga: str
    content: dict[str, Any]
    revision: str


class Writer:
    """Writes definitions by chance, with what the planned faults need to strike at."""

    def __init__(self, rng: Random, plan: Plan) -> None:
        self.rng = rng
        self._plan = plan
        self._written = 0
        self.event_undo = rng.random() < 0.2
        self.checks = rng.random() < 0.4
        self.groups = rng.random() < 0.5
        self.expressions = rng.random() < 0.5
        self.deadlines = rng.random() < 0.2
        self.filters = rng.random() < 0.3
        asked = any(kind.startswith("decide") for kind in plan.rates)
        self.locks = rng.random() < 0.3 or "release lock" in plan
        self.awaits = rng.random() < 0.25
        self.approvals = rng.random() < 0.15 or (asked and rng.random() < 0.6)
        self.holds = rng.random() < 0.2 or asked

    def definition(self, saga: str, triggers: tuple[str, ...], filter_: str | None = None) -> Definition:
        """A new revision of a saga."""
        rng = self.rng
        self._written += 1
        base = f"/{saga}/{self._written}"
        left = rng.choice((2, 3, 3, 4) if self._plan.undoes else (1, 2, 2, 3, 3, 4, 5))
        names = iter("abcdefgh")

        def several(depth: int, most: int) -> list[dict[str, Any]]:
            nonlocal left
            found: list[dict[str, Any]] = []
            while left > 0 and len(found) < most:
                if self.groups and depth < 2 and rng.random() < 0.4:
                    inner = several(depth + 1, rng.randint(1, 3))
                    if inner and rng.random() < 0.75:
                        found.append(
                            {"parallel": True, "steps": inner, "onSiblingFailure": rng.choice(("drain", "cancel"))}
                        )
                    elif inner:
                        found.append({"steps": inner})
                else:
                    left -= 1
                    found.append(self._step(next(names), base))
            return found

        content: dict[str, Any] = {
            "id": saga,
            "trigger": triggers[0] if len(triggers) == 1 else list(triggers),
            "steps": several(0, 8),
            "retry": {
                "attempts": 1 if "undo gone" in self._plan else rng.choice((1, 2, 3)),
                "backoffMs": rng.choice((0, 100, 1_000)),
                "factor": rng.choice((1, 2)),
                "jitter": rng.choice((0, 0.2)),
            },
            "timeoutMs": rng.choice((500, 2_000, 5_000)),
        }
        if filter_ is not None:
            content["filter"] = filter_
        elif self.filters and rng.random() < 0.7:
            content["filter"] = rng.choice(tuple(CONDITIONS))
        if self.deadlines and rng.random() < 0.7:
            content["deadlineMs"] = rng.randint(1, 8_000)
        if self.locks and rng.random() < 0.8:
            content["lock"] = self._lock()
        if self.holds and rng.random() < 0.5:
            content["onExhausted"] = "hitl"
        if rng.random() < 0.3:
            content["hitlAfter"] = rng.choice((1, 2))
        return Definition(saga, content, sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest())

    def _lock(self) -> Any:
        key = self.rng.choice(LOCK_KEYS)
        match self.rng.choice(("wait", "wait", "waitMs", "abort", "skip")):
            case "wait":
                return key
            case "waitMs":
                return {"key": key, "waitMs": self.rng.choice((10, 500, 5_000))}
            case conflict:
                return {"key": key, "onConflict": conflict}

    def _wait(self, name: str) -> dict[str, Any]:
        """A step that waits for an event or for a person."""
        rng = self.rng
        written: dict[str, Any] = {"name": name}
        if not self.approvals or (self.awaits and rng.random() < 0.5):
            awaits: dict[str, Any] = {"event": rng.choice(AWAITED)}
            if rng.random() < 0.6:
                awaits["match"] = rng.choice(tuple(MATCHES))
            if rng.random() < 0.6:
                awaits["timeoutMs"] = rng.choice((200, 3_000, 20_000))
            written["await"] = awaits
        else:
            written["approval"] = {"prompt": rng.choice(("Go on?", "Go on with ${data.n}?"))}
            if rng.random() < 0.6:
                written["approval"]["ttlMs"] = rng.choice((200, 3_000, 20_000))
                written["approval"]["onExpire"] = rng.choice(("compensate", "continue"))
        if self.expressions and rng.random() < 0.25:
            written["when"] = rng.choice(tuple(CONDITIONS))
        if self.holds and rng.random() < 0.3:
            written["onExhausted"] = "hitl"
        return written

    def _step(self, name: str, base: str) -> dict[str, Any]:
        rng = self.rng
        if (self.awaits or self.approvals) and rng.random() < 0.3:
            return self._wait(name)
        service = rng.choice(("pay", "ship"))
        written: dict[str, Any] = {"name": name, "call": f"{service}:{base}/call/{name}"}
        if self.holds and rng.random() < 0.4:
            written["onExhausted"] = "hitl"
        undo: Any = f"{service}:{base}/undo/{name}"
        chance = rng.random()
        if (self.event_undo and chance < 0.4 and not self._plan.undoes) or any(
            kind.startswith("acknowledge") for kind in self._plan.rates
        ):
            undo = {"event": True, "retry": {"attempts": rng.randint(1, 3)}, "timeoutMs": rng.choice((500, 5_000))}
        elif chance < 0.3:
            undo = {
                "service": service,
                "path": f"{base}/undo/{name}",
                "retry": {"attempts": rng.randint(1, 4)},
                "timeoutMs": rng.choice((500, 5_000)),
            }
            if rng.random() < 0.3:
                undo["outcomes"] = {"409": "success"}
        elif chance > 0.93 and not self._plan.undoes:
            undo = None
        if undo is not None:
            written["compensate"] = undo
        if (self.checks and rng.random() < 0.6) or "check in doubt" in self._plan:
            written["check"] = f"{service}:{base}/check/{name}"
        if rng.random() < 0.2:
            written["retry"] = {"attempts": rng.randint(1, 4)}
            if rng.random() < 0.3:
                written["retry"]["budgetMs"] = rng.randint(0, 3_000)
        if rng.random() < 0.1:
            status, outcome = rng.choice(OUTCOMES)
            written["outcomes"] = {str(status): outcome}
        if self.expressions or "call unreadable" in self._plan:
            if rng.random() < 0.25:
                written["when"] = rng.choice(tuple(CONDITIONS))
            if rng.random() < 0.3 or "call unreadable" in self._plan:
                written["output"] = {"done": "response.done"}
            if rng.random() < 0.2:
                written["summary"] = "${response.done} done"
        return written


def steps_of(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The steps of a definition by name, as they are written."""
    found: dict[str, dict[str, Any]] = {}

    def look(items: list[dict[str, Any]]) -> None:
        for item in items:
            if "steps" in item:
                look(item["steps"])
            else:
                found[item["name"]] = item

    look(content["steps"])
    return found


def matches(text: str | None, event: Any, data: Any) -> bool:
    """Whether an event is what a step waits for. Raises Unreadable."""
    return True if text is None else MATCHES[text](event, data)


def condition(text: str | None, data: Any) -> bool:
    """What a condition says of the data of an event. Raises Unreadable."""
    return True if text is None else CONDITIONS[text](data)
