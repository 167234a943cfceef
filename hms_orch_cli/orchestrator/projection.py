"""The derived tables, written behind: rows of the run list, the totals, and how far the log has been looked at.

Everything here can be thrown away and folded again from the log (`hms-orch replay`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from hms_orch_cli.ports.journal import Journal
from hms_orch_cli.ports.store import Derived, RunRow
from hms_orch_cli.saga.events import RunFact
from hms_orch_cli.saga.state import Run, Status
from hms_orch_cli.views.questions import QUEUED, Questions
from hms_orch_cli.views.runs import awaits_of, due_at, items_of, reason_of, state_of, steps_of, waits_for_others
from hms_orch_cli.views.totals import Totals

DISPATCHED = "dispatched"
DEFINITIONS = "definitions"
TOTALS = "totals"
QUESTIONS = "questions"
TOLD = "told"


class Projection:
    """Gathers what changed and hands it to the journal, at the latest when `flush` is called. It is told of facts in
    the order in which they are appended, before they are durable: the journal keeps that order, so the tables never
    get ahead of the log, and what they say they are folded to they are."""

    def __init__(self, journal: Journal, definitions: Callable[[], object], arm: Callable[[], None]) -> None:
        self._journal = journal
        self._definitions = definitions
        self._arm = arm
        self._changed: dict[str, Run] = {}
        self.totals = Totals()
        self.questions = Questions()
        self.dispatched = 0
        self.told: int | None = None
        """how far the webhook has come, None if there never was one"""
        self._marked = -1

    def fold(self, run: Run, facts: Sequence[RunFact]) -> None:
        """Takes in the facts of one run; `run` is the state after them."""
        for fact in facts:
            self.totals.add(run.saga.id, fact)
        if run.status.ended:
            for fact in facts:
                self.questions.add(run.saga.id, fact)
        if run.status is not Status.SKIPPED:
            self._changed[run.id] = run
        self._arm()

    def fold_item(self, kind: str, time: str, data: Mapping[str, Any]) -> None:
        """Takes in an event of a stream `hitl/<saga>`."""
        self.totals.count_item(data["saga"], data["kind"], queued=kind == QUEUED)
        self.questions.add_event(kind, time, data)
        self.marks_changed()

    def marks_changed(self) -> None:
        """What is remembered beside the rows has to be written, though no row has changed."""
        self._marked = -1
        self._arm()

    def told_to(self, seq: int) -> None:
        """The webhook has told of every item up to this position."""
        self.told = seq
        self.marks_changed()

    def dispatched_to(self, seq: int) -> None:
        """Every event up to this position has met the definitions."""
        self.dispatched = seq
        self._arm()

    def flush(self) -> None:
        """Hands over what has gathered."""
        if not self._changed and self._marked == self.dispatched:
            return
        rows = [row_of(run) for run in self._changed.values()]
        self._changed.clear()
        self._marked = self.dispatched
        self._journal.derive(Derived(rows, self.marks()))

    def marks(self) -> dict[str, str]:
        """What is remembered beside the rows."""
        return {
            DISPATCHED: str(self.dispatched),
            DEFINITIONS: orjson.dumps(self._definitions()).decode(),
            TOTALS: orjson.dumps(self.totals.to_json()).decode(),
            QUESTIONS: orjson.dumps(self.questions.to_json()).decode(),
            **({} if self.told is None else {TOLD: str(self.told)}),
        }


def row_of(run: Run) -> RunRow:
    """The row of the run list that shows this state."""
    event = run.event
    assert event is not None, "a run that has begun knows its event"  # noqa: S101  # only a NEW run has none
    return RunRow(
        saga_id=run.id,
        saga=run.saga.id,
        revision=run.saga.revision,
        state=state_of(run),
        reason=reason_of(run),
        started_at=run.started_at,
        ended_at=run.ended_at,
        due_at=due_at(run),
        event_seq=event.seq,
        event_id=event.id,
        event_source=event.source,
        event_type=event.type,
        steps=orjson.dumps(steps_of(run)).decode(),
        **_waiting(run),
    )


def _waiting(run: Run) -> dict[str, Any]:
    """The columns of what an unfinished run waits for, by which it is found while it is not in memory."""
    if run.status.ended:
        return {}
    claim, items, awaits = run.claim, items_of(run), awaits_of(run)
    locked = claim is not None and not claim.released
    return {
        "parked": int(waits_for_others(run)),
        "lock_key": claim.key if claim is not None and locked else None,
        "fence": claim.fence or None if claim is not None and locked else None,
        "awaits": orjson.dumps(awaits).decode() if awaits else None,
        "items": orjson.dumps(items).decode() if items else None,
    }
