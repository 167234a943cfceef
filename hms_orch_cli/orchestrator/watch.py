"""Asks a person about a definition: when so many of its runs have failed in a row, and when a chain was too deep.

The count and the open items are a fold of the log (`views/questions.py`); what is missing is appended whenever a run
has failed, and at a start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

import orjson

from hms_orch_cli.errors import NotAllowed
from hms_orch_cli.orchestrator.projection import Projection
from hms_orch_cli.ports.clock import Clock
from hms_orch_cli.ports.journal import Journal
from hms_orch_cli.ports.store import Append, NewEvent
from hms_orch_cli.saga.attention import DECISIONS
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.saga.reserved import SOURCE
from hms_orch_cli.views.questions import QUEUED, STREAM, Question, Questions

DECIDED = "hitl.decided"


class Watch:
    """Looks after the definitions of a running orchestrator."""

    def __init__(self, journal: Journal, projection: Projection, clock: Clock) -> None:
        self._journal = journal
        self._projection = projection
        self._clock = clock

    def look(self, saga: str, threshold: int) -> list[Awaitable[int]]:
        """The items that the definition lacks are on their way into the log: `threshold` failed runs in a row make
        one, and so does a chain that was cut; each stands for all that follow until it is decided."""
        questions = self._projection.questions
        found = []
        in_a_row = questions.in_a_row.get(saga, 0)
        if in_a_row >= threshold and questions.missing(saga, "failures"):
            found.append(self._queue(saga, "failures", f"{in_a_row} runs in a row have failed"))
        if saga in questions.too_deep and questions.missing(saga, "depth"):
            found.append(self._queue(saga, "depth", questions.too_deep[saga]))
        return found

    def decide(self, item: str, decision: str, actor: str, note: str) -> Awaitable[int]:
        """A person has looked at it. Raises NotAllowed."""
        decided = decision_of(self._projection.questions, item, decision, actor, note)
        return self._append(DECIDED, decided)

    def _queue(self, saga: str, kind: str, reason: str) -> Awaitable[int]:
        return self._append(QUEUED, self._projection.questions.queued(saga, kind, reason))

    def _append(self, kind: str, data: Mapping[str, Any]) -> Awaitable[int]:
        append = item_append(self._projection.questions, kind, data, self._clock.now_ms())
        durable = self._journal.append(*append)
        self._projection.fold_item(kind, append.events[0].time, data)
        return durable


def item_append(questions: Questions, kind: str, data: Mapping[str, Any], now_ms: int) -> Append:
    """The append that records an item about a definition, or what became of it."""
    saga = data["saga"]
    version = questions.asked.get(saga, 0)
    text = orjson.dumps(dict(data)).decode()
    event = NewEvent(f"{STREAM}{saga}.{version + 1}", SOURCE, kind, rfc3339(now_ms), text)
    return Append(f"{STREAM}{saga}", (event,), version)


def decision_of(questions: Questions, item: str, decision: str, actor: str, note: str) -> dict[str, Any]:
    """The `data` of a decision about a definition. Raises NotAllowed."""
    question: Question | None = questions.open.get(item)
    if question is None:
        raise NotAllowed(f"item {item} is not open: it is decided already", "hms-orch hitl list shows the open ones")
    if decision not in DECISIONS[question.kind]:
        raise NotAllowed(f"{decision!r} cannot be decided here", f"choose {' or '.join(DECISIONS[question.kind])}")
    return {
        "id": item,
        "kind": question.kind,
        "saga": question.saga,
        "decision": decision,
        "actor": actor,
        "note": note,
    }
