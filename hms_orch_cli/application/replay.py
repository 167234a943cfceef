"""Folding the whole log anew: the proof that the derived tables say what the log says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import orjson

from hms_orch_cli.orchestrator.history import fact_of
from hms_orch_cli.orchestrator.projection import TOTALS, row_of
from hms_orch_cli.ports import DerivedTables, Event, RunRow
from hms_orch_cli.saga.definition import Saga, saga_from
from hms_orch_cli.saga.events import DEPLOYED, RUN_FACTS
from hms_orch_cli.saga.machine import begin, evolve
from hms_orch_cli.saga.state import Run, Status
from hms_orch_cli.views.totals import Totals

PAGE = 1_000


class Difference(NamedTuple):
    """A row or a mark that is not what the log says; None where one side has nothing."""

    what: str
    stored: object
    folded: object


class Rebuilt:
    """The derived tables, folded from the log alone. Ended runs are kept as rows, the others as states."""

    def __init__(self) -> None:
        self.seq = 0
        self.rows: dict[str, RunRow] = {}
        self.totals = Totals()
        self._moving: dict[str, Run] = {}
        self._sagas: dict[str, Saga] = {}

    def add(self, event: Event) -> None:
        """Folds one event."""
        self.seq = event.seq
        if event.type in RUN_FACTS:
            self._add_fact(event)
        elif event.type == DEPLOYED:
            data = orjson.loads(event.data or "{}")
            self._sagas[f"{data['saga']} {data['revision']}"] = saga_from(data["content"], data["revision"])

    def all_rows(self) -> dict[str, RunRow]:
        """Every row, those of unfinished runs as well."""
        return {**self.rows, **{saga_id: row_of(run) for saga_id, run in self._moving.items()}}

    def _add_fact(self, event: Event) -> None:
        saga_id = event.stream.removeprefix("run/")
        fact = fact_of(event)
        run = self._moving.get(saga_id)
        if run is None:
            data = orjson.loads(event.data or "{}")
            run = begin(self._sagas[f"{data['saga']} {data['revision']}"], saga_id)
        run = evolve(run, fact)
        self.totals.add(run.saga.id, fact)
        if run.status is Status.SKIPPED:
            return
        if run.status.ended:
            self._moving.pop(saga_id, None)
            self.rows[saga_id] = row_of(run)
        else:
            self._moving[saga_id] = run


def rebuild(events: Iterable[Event], to_seq: int | None = None) -> Rebuilt:
    """The tables as of `to_seq`, or of the last event."""
    rebuilt = Rebuilt()
    for event in events:
        if to_seq is not None and event.seq > to_seq:
            break
        rebuilt.add(event)
    return rebuilt


def differences(rebuilt: Rebuilt, tables: DerivedTables) -> list[Difference]:
    """Where the stored tables are not what was folded, in the order of the run ids."""
    found: list[Difference] = []
    expected = rebuilt.all_rows()
    before: str | None = None
    while rows := tables.run_rows(before=before, limit=PAGE):
        for row in rows:
            folded = expected.pop(row.saga_id, None)
            if folded != row:
                found.append(Difference(f"run {row.saga_id}", row, folded))
        before = rows[-1].saga_id
    found += [Difference(f"run {saga_id}", None, row) for saga_id, row in expected.items()]
    stored = tables.mark(TOTALS)
    if (orjson.loads(stored) if stored else Totals().to_json()) != rebuilt.totals.to_json():
        found.append(Difference("totals", stored, rebuilt.totals.to_json()))
    return sorted(found, key=lambda difference: difference.what)
