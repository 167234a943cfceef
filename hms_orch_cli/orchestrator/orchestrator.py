"""The whole of it: takes up what is unfinished, dispatches what arrives, writes the derived tables behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import orjson

from hms_orch_cli.orchestrator.answers import answered
from hms_orch_cli.orchestrator.definitions import Definitions
from hms_orch_cli.orchestrator.dispatcher import Dispatcher
from hms_orch_cli.orchestrator.gate import Gate
from hms_orch_cli.orchestrator.history import fact_of, load_run, read_run
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.projection import DEFINITIONS, DISPATCHED, TOTALS, Projection, row_of
from hms_orch_cli.orchestrator.requests import RequestWriter
from hms_orch_cli.orchestrator.runner import Runner
from hms_orch_cli.ports import Clock, Derived, DerivedTables, Expressions, Journal, LogReader, Observer, Participants
from hms_orch_cli.saga.event_types import RUN_FACTS
from hms_orch_cli.saga.events import RunFact
from hms_orch_cli.saga.inputs import Input
from hms_orch_cli.saga.outcome import Answer, Op, Verdict
from hms_orch_cli.saga.state import PENDING, Phase, Run, Status
from hms_orch_cli.views.totals import Totals

FLUSH_S = 0.2
"""Seconds that a change may wait before it is written to the derived tables."""

IDLE_LOOK_S = 0.02
"""Seconds between two looks whether everything has come to rest."""

GRACE_S = 5.0
"""Seconds that calls in flight get at a stop."""

PAGE = 1_000


class Orchestrator:
    """Runs sagas until it is stopped, or idle. Everything it knows it has read from the log."""

    def __init__(
        self,
        journal: Journal,
        reader: LogReader,
        tables: DerivedTables,
        participants: Participants,
        expressions: Expressions,
        clock: Clock,
        writer: RequestWriter,
        observers: Sequence[Observer],
        *,
        calls: int,
        calls_per_service: int,
    ) -> None:
        self._journal = journal
        self._reader = reader
        self._tables = tables
        self._participants = participants
        self.definitions = Definitions(reader, lambda: expressions)
        self.gate = Gate(calls, calls_per_service)
        self.projection = Projection(journal, self.definitions.to_json, self._arm_flush)
        heard = (*observers, self)
        self.runner = Runner(journal, participants, clock, self.gate, writer, self.projection, heard, self.fail)
        self._clock = clock
        self._dispatcher: Dispatcher | None = None
        self._work: asyncio.Task[None] | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Folds the tail of the log and lets every unfinished run go on."""
        tail = self._fold_tail(self._tables.folded_to(), self._reader.last_seq())
        looked_to = self._looked_to(tail)
        dispatcher = Dispatcher(
            self._reader,
            self.definitions,
            self.runner,
            self.gate,
            self.projection,
            self._clock,
            exists=self._exists,
            looked_to=looked_to,
        )
        self._dispatcher = dispatcher
        self.gate.on_room = dispatcher.wake
        before: str | None = None
        while rows := self._tables.run_rows(unfinished=True, before=before, limit=PAGE):
            for row in rows:
                if row.state != Status.STUCK.value and row.saga_id not in tail:
                    self.runner.take(load_run(self._reader, self.definitions, row.saga_id))
            before = rows[-1].saga_id
        self._work = asyncio.get_running_loop().create_task(dispatcher.work())
        self._work.add_done_callback(self._work_ended)

    def wake(self) -> None:
        """Something was appended: look at the log."""
        if self._dispatcher is not None:
            self._dispatcher.wake()

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """See `ports.Observer.on_facts`: what a run records may start another one."""
        if self.definitions.listens_to_runs:
            self.wake()

    async def tell(self, saga_id: str, happened: Input) -> Run:
        """Brings an input from outside to a run and returns the run after it, once durable. An input that does not
        fit changes nothing. Raises NotFound."""
        run = self._live(saga_id)
        await self.runner.tell(run, happened)
        return run.state

    async def report(self, saga_id: str, step: str, op: Op, verdict: Verdict, answer: Answer) -> bool:
        """Brings the end of a 202 that the participant itself reports. False if the step waits for nothing and has
        had no answer yet; a second report changes nothing. Raises NotFound."""
        run = self._live(saga_id)
        progress = (run.state.calls if op == "call" else run.state.undos).get(step, PENDING)
        if progress.phase in (Phase.RUNNING, Phase.ACCEPTED):
            compiled = run.compiled.steps[step]
            told = answered(run.state, run.trigger, compiled, op, progress.attempt, verdict, answer)
            await self.runner.tell(run, told)
            return True
        return not progress.phase.moving and progress.phase is not Phase.PENDING

    @property
    def is_idle(self) -> bool:
        """Whether nothing moves any more without a person, an event or a callback."""
        dispatcher = self._dispatcher
        return dispatcher is not None and dispatcher.is_idle and self.runner.is_idle

    async def until_idle(self) -> None:
        """Ends when nothing moves any more. Raises what stopped the orchestrator, if something did."""
        while not self._failed.done() and not self.is_idle:
            await asyncio.wait({self._failed}, timeout=IDLE_LOOK_S)
        if self._failed.done():
            self._failed.result()

    async def until_failed(self) -> None:
        """Never ends by itself. Raises what stopped the orchestrator, if something did."""
        await asyncio.shield(self._failed)

    async def stop(self) -> None:
        """No new attempt starts, those in flight get five seconds, and everything is resumable."""
        if self._work is not None:
            self._work.cancel()
        await self.runner.stop(GRACE_S)
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        if not self._failed.done():
            self.projection.flush()
            self._failed.cancel()
        await self._participants.close()

    # -- inside

    def _fold_tail(self, folded_to: int, head: int) -> Mapping[str, Run]:
        """Brings the derived tables from where they were written to the end of the log, and lets the runs in between
        go on. Returns those: their rows are on their way."""
        if (written := self._tables.mark(TOTALS)) is not None:
            self.projection.totals = Totals.from_json(orjson.loads(written))
        if (written := self._tables.mark(DEFINITIONS)) is not None:
            self.definitions.restore(orjson.loads(written))
        self.projection.dispatched = int(self._tables.mark(DISPATCHED) or 0)
        touched: dict[str, None] = {}
        while folded_to < head:
            events = self._reader.read_all(folded_to, PAGE)
            for event in events:
                if event.type in RUN_FACTS and event.stream.startswith("run/"):
                    self.projection.totals.add(orjson.loads(event.data or "{}")["saga"], fact_of(event))
                    touched[event.stream.removeprefix("run/")] = None
            folded_to = events[-1].seq
        runs = {saga_id: read_run(self._reader, self.definitions, saga_id) for saga_id in touched}
        rows = [row_of(run) for run in runs.values() if run.status is not Status.SKIPPED]
        if touched:
            self._journal.derive(Derived(rows, self.projection.marks()))
        for run in runs.values():
            if not run.status.ended and run.status is not Status.STUCK:
                self.runner.take(load_run(self._reader, self.definitions, run.id))
        return runs

    def _looked_to(self, tail: Mapping[str, Run]) -> int:
        """The last event that may have met the definitions although the mark does not say so. What it started, or what
        refused it, is in the tail, or in the rows (the newest row has the last event), or, where the tables were
        rewritten from the log alone, it is the very next event behind the mark."""
        begun = [run.event.seq for run in tail.values() if run.event is not None]
        newest = [row.event_seq for row in self._tables.run_rows(limit=1)]
        return max(*begun, *newest, self.projection.dispatched + 1, 0)

    def _live(self, saga_id: str) -> LiveRun:
        found = self.runner.live.get(saga_id)
        return load_run(self._reader, self.definitions, saga_id) if found is None else found

    def _exists(self, saga_id: str) -> bool:
        return bool(self._reader.read(f"run/{saga_id}"))

    def _arm_flush(self) -> None:
        if self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        self.projection.flush()

    @property
    def failure(self) -> BaseException | None:
        """What stopped it, None while it can go on."""
        return self._failed.exception() if self._failed.done() and not self._failed.cancelled() else None

    def fail(self, error: BaseException) -> None:
        """Something happened that nothing can go on after: `until_idle` and `until_failed` raise it."""
        if not self._failed.done():
            self._failed.set_exception(error)

    def _work_ended(self, work: asyncio.Task[None]) -> None:
        if not work.cancelled() and (error := work.exception()) is not None:
            self.fail(error)
