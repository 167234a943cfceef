"""The derived tables, written behind: rows of the run list, the totals, and how far the log has been looked at.

Everything here can be thrown away and folded again from the log (`hms-orch replay`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson

from hms_orch_cli.ports import Derived, Journal, RunRow
from hms_orch_cli.saga.events import RunFact
from hms_orch_cli.saga.state import Run, Status
from hms_orch_cli.views.runs import due_at, reason_of, state_of, steps_of
from hms_orch_cli.views.totals import Totals

DISPATCHED = "dispatched"
DEFINITIONS = "definitions"
TOTALS = "totals"


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
        self.dispatched = 0
        self._marked = -1

    def fold(self, run: Run, facts: Sequence[RunFact]) -> None:
        """Takes in the facts of one run; `run` is the state after them."""
        for fact in facts:
            self.totals.add(run.saga.id, fact)
        if run.status is not Status.SKIPPED:
            self._changed[run.id] = run
        self._arm()

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
    )
