"""What a person is asked about a definition: after so many failed runs in a row, and of a chain that is too deep.

A fold of the runs' ends and of the streams `hitl/<saga>`; what is asked about a run stands in the run itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hms_orch_cli.saga.attention import DECISIONS, REASON_LIMIT
from hms_orch_cli.saga.event_types import TYPES
from hms_orch_cli.saga.events import Completed, Failed, RunFact, Skipped

STREAM: Final = "hitl/"
"""What the streams of these items begin with."""

QUEUED: Final = "hitl.queued"

ENDS: Final = (TYPES[Completed], TYPES[Failed], TYPES[Skipped])
"""The facts of runs that count."""


class Question(NamedTuple):
    """An open item about a definition. `since` is RFC 3339."""

    id: str
    kind: str
    saga: str
    reason: str
    since: str


class Questions:
    """Failures in a row, and the open items, by definition."""

    def __init__(self) -> None:
        self.in_a_row: dict[str, int] = {}
        """definition -> failed runs since the last that completed, or since a person was asked"""
        self.too_deep: dict[str, str] = {}
        """definition -> why its last chain was cut, until a person has looked at it"""
        self.open: dict[str, Question] = {}
        self.asked: dict[str, int] = {}
        """definition -> version of its stream"""
        self._items: dict[str, int] = {}

    def add(self, saga: str, fact: RunFact) -> None:
        """Takes in the end of a run. One that only found its lock taken says nothing about the definition."""
        kind = type(fact)
        if kind is Failed:
            if fact.cause != "lock":  # type: ignore[union-attr]  # a Failed has one
                self.in_a_row[saga] = self.in_a_row.get(saga, 0) + 1
        elif kind is Completed:
            self.in_a_row.pop(saga, None)
        elif kind is Skipped and fact.cause == "depth":  # type: ignore[union-attr]  # a Skipped has both
            self.too_deep[saga] = fact.reason  # type: ignore[union-attr]

    def add_event(self, kind: str, time: str, data: Mapping[str, Any]) -> None:
        """Folds an event of a stream `hitl/<saga>`."""
        saga = data["saga"]
        self.asked[saga] = self.asked.get(saga, 0) + 1
        if kind == QUEUED:
            self.open[data["id"]] = Question(data["id"], data["kind"], saga, data["reason"], time)
            self._items[saga] = self._items.get(saga, 0) + 1
        else:
            self.open.pop(data["id"], None)
            (self.in_a_row if data["kind"] == "failures" else self.too_deep).pop(saga, None)

    def missing(self, saga: str, kind: str) -> bool:
        """Whether no item of this kind is open for the definition."""
        return not any(item.saga == saga and item.kind == kind for item in self.open.values())

    def queued(self, saga: str, kind: str, reason: str) -> dict[str, Any]:
        """The `data` of the next item."""
        id_ = f"{saga}.{self._items.get(saga, 0) + 1}"
        decisions = list(DECISIONS[kind])
        return {"id": id_, "kind": kind, "saga": saga, "reason": reason[:REASON_LIMIT], "decisions": decisions}

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "inARow": self.in_a_row,
            "tooDeep": self.too_deep,
            "open": [list(item) for item in self.open.values()],
            "asked": self.asked,
            "items": self._items,
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Questions:
        """What `to_json` wrote."""
        questions = cls()
        questions.in_a_row = dict(written["inARow"])
        questions.too_deep = dict(written["tooDeep"])
        questions.open = {item[0]: Question(*item) for item in written["open"]}
        questions.asked = dict(written["asked"])
        questions._items = dict(written["items"])
        return questions
