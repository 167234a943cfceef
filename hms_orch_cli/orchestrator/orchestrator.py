"""The whole of it: takes up what is unfinished, dispatches what arrives, writes the derived tables behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from hms_orch_cli.errors import HmsError
from hms_orch_cli.orchestrator.answers import answered
from hms_orch_cli.orchestrator.definition_pause import pause_append, paused_already, paused_behind, resume_append
from hms_orch_cli.orchestrator.definitions import Definitions, Pause
from hms_orch_cli.orchestrator.dispatcher import Dispatcher
from hms_orch_cli.orchestrator.gate import Gate
from hms_orch_cli.orchestrator.history import fact_of, load_run, read_run
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.locks import Claimed, Locks
from hms_orch_cli.orchestrator.parked import Parked
from hms_orch_cli.orchestrator.projection import DEFINITIONS, DISPATCHED, QUESTIONS, TOLD, TOTALS, Projection, row_of
from hms_orch_cli.orchestrator.requests import RequestWriter
from hms_orch_cli.orchestrator.runner import Runner
from hms_orch_cli.orchestrator.waits import Waits
from hms_orch_cli.orchestrator.watch import Watch
from hms_orch_cli.ports.clock import Clock
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.journal import Journal
from hms_orch_cli.ports.observer import Observer
from hms_orch_cli.ports.participants import Participants
from hms_orch_cli.ports.store import Derived, DerivedTables, Event, LogReader, RunRow
from hms_orch_cli.saga.definition import DEFAULT_HITL_AFTER
from hms_orch_cli.saga.event_types import RUN_FACTS
from hms_orch_cli.saga.events import RunFact
from hms_orch_cli.saga.inputs import Input, Trigger
from hms_orch_cli.saga.machine import begin
from hms_orch_cli.saga.outcome import Answer, Op, Verdict
from hms_orch_cli.saga.state import Phase, Run, Status
from hms_orch_cli.views.questions import STREAM, Questions
from hms_orch_cli.views.totals import Totals

FLUSH_S = 0.2
"""Seconds that a change may wait before it is written to the derived tables."""

IDLE_LOOK_S = 0.02
"""Seconds between two looks whether everything has come to rest."""

GRACE_S = 5.0
"""Seconds that calls in flight get at a stop."""

PAGE = 1_000

_ASKED_ABOUT = (Status.FAILED, Status.SKIPPED)
"""Ends of runs after which a person may have to look at the definition."""


class Orchestrator:
    """Runs sagas until it is stopped, or idle. Everything it knows it has read from the log."""

    def __init__(
        self,
        journal: Journal,
        reader: LogReader,
        tables: DerivedTables,
        participants: Participants,
        expressions: Callable[[], Expressions],
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
        self.definitions = Definitions(reader, expressions)
        self.gate = Gate(calls, calls_per_service)
        self.projection = Projection(journal, self.definitions.to_json, self._arm_flush)
        self.waits = Waits(reader, Locks(self._grant))
        self.watch = Watch(journal, self.projection, clock)
        heard = (*observers, self)
        self.runner = Runner(
            journal, participants, clock, self.gate, writer, self.waits, self.projection, heard, self.fail
        )
        self._parked = Parked(
            tables,
            clock,
            due=lambda now: self._rows(unfinished=True, parked=True, due_to=now),
            take_up=self._take_up,
            room=journal.room,
            fail=self.fail,
        )
        self.clock = clock
        self._granting = 0
        self._pausing: set[str] = set()
        self.on_question: Callable[[], None] = lambda: None
        """hears of each item about a definition, once durable"""
        self._dispatcher: Dispatcher | None = None
        self._work: asyncio.Task[None] | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Folds the tail of the log and lets every unfinished run go on. Runs that only a person, an event, a callback
        or a far time moves stay where they are until then."""
        tail = self._fold_tail(self._tables.folded_to(), self._reader.last_seq())
        dispatcher = Dispatcher(
            self._reader,
            self.definitions,
            self.runner,
            self.gate,
            self.projection,
            self.waits,
            self.clock,
            exists=self.exists,
            offer=self._offer,
            room=self._journal.room,
            # The mark of how far the log was dispatched may be of any earlier moment; but what started a run, or was
            # refused, stands in front of an event of that run.
            looked_to=self._reader.last_of_runs(),
        )
        self._dispatcher = dispatcher
        self.gate.on_room = dispatcher.wake
        self.waits.position = self.projection.dispatched
        self._restore_waits(tail)
        for run in tail.values():
            self._take_up(run.id)
        for row in self._rows(unfinished=True, parked=False):
            if row.saga_id not in tail:
                self._take_up(row.saga_id)
        for saga, threshold in self._thresholds().items():
            self._appended(*self.watch.look(saga, threshold))
        for pause in self.definitions.pauses_over(self.projection.dispatched):
            dispatcher.catch_up(pause)
        self._parked.wake()
        self._work = asyncio.get_running_loop().create_task(dispatcher.work())
        self._work.add_done_callback(self._work_ended)

    def wake(self) -> None:
        """Something was appended: look at the log."""
        if self._dispatcher is not None:
            self._dispatcher.wake()

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """See `ports.Observer.on_facts`: what a run records may start another one, or be what one waits for."""
        if self.definitions.listens_to_runs or self.waits.listeners.to_runs:
            self.wake()
        if run.status in _ASKED_ABOUT and self.failure is None:  # else what counts may not be in the log
            self._appended(*self.watch.look(run.saga.id, run.saga.hitl_after))

    def run(self, saga_id: str) -> LiveRun:
        """A run as it stands now. Raises NotFound."""
        found = self.runner.live.get(saga_id)
        return load_run(self._reader, self.definitions, saga_id) if found is None else found

    async def tell(self, run: LiveRun, happened: Input) -> Run:
        """Brings an input from outside to a run that `run` gave in the same turn of the loop; returns the run after it,
        once durable. An input that does not fit changes nothing."""
        return await self.runner.tell(run, happened)

    async def report(
        self, saga_id: str, step: str, op: Op, verdict: Verdict, answer: Answer, number: int | None = None
    ) -> bool:
        """Brings the end of a 202, or of an undo by event, that the participant itself reports. False if the step waits
        for nothing, or was given up meanwhile; a second report changes nothing, also if it comes when a person has had
        a new round begun: `number` is the round that it speaks of, None for the one that stands. Raises NotFound."""
        run = self.run(saga_id)
        progress = run.progress(step, op)
        if number is not None and number < progress.round:
            return True  # a round ends with a definite no: this one was told of, or has no say any more
        open_ = progress.phase in (Phase.RUNNING, Phase.ACCEPTED, Phase.RETRYING)
        if open_ and not run.state.status.ended:
            compiled = run.compiled.steps[step]
            told = answered(run.state, run.trigger, compiled, op, progress.attempt, verdict, answer)
            await self.runner.tell(run, told._replace(reported=True))
            return True
        return progress.phase is Phase.SUCCEEDED or progress.refused

    def start_anew(self, run: LiveRun, saga_id: str) -> None:
        """Starts a run in the place of one that has undone something."""
        state = run.state
        assert state.event is not None, "a run that has ended knows its event"  # noqa: S101
        anew = LiveRun(begin(state.saga, saga_id), run.compiled, run.trigger)
        self.runner.take(anew, Trigger(state.event, state.depth, redrive_of=state.id))

    def exists(self, saga_id: str) -> bool:
        """Whether there is a run of this id, in memory or in the log."""
        return saga_id in self.runner.live or bool(self._reader.read(f"run/{saga_id}"))

    def holder(self, key: str) -> str:
        """The run that holds a lock, empty if none does."""
        return self.waits.locks.holder(key)

    async def decide_about_definition(self, item: str, decision: str, actor: str, note: str) -> None:
        """Decides an item that is about a definition. Raises NotAllowed."""
        decided = asyncio.ensure_future(self.watch.decide(item, decision, actor, note))
        self._appended(decided)
        await asyncio.shield(decided)

    async def pause(self, saga: str, actor: str, note: str) -> None:
        """From now on the definition starts no run; its events wait in the log. Raises NotFound, NotAllowed."""
        after = self.definitions.waiting_behind(saga, self.projection.dispatched)
        append = pause_append(self._reader, saga, after, actor, note, self.clock.now_ms())
        if saga in self._pausing:
            raise paused_already(saga)  # by somebody whose wish is on its way into the log
        self._pausing.add(saga)
        try:
            await self._journal.append(*append)
        finally:
            self._pausing.remove(saga)
        # Not before: an event that was passed over for a pause that is on no record would never be met. One that is
        # met meanwhile is looked at again with those that wait, and starts nothing twice.
        self.definitions.hold_back(saga, after)

    async def resume(self, saga: str, actor: str, note: str) -> None:
        """The definition meets the events that have waited. Raises NotAllowed."""
        after = paused_behind(self._reader, saga)
        seq = await self._journal.append(*resume_append(self._reader, saga, actor, note, self.clock.now_ms()))
        self.definitions.held_back.pop(saga, None)
        if self._dispatcher is not None and after is not None:
            # Up to where the dispatcher looks at this moment: that event has met the other definitions.
            self._dispatcher.catch_up(Pause(saga, after, self.waits.position, seq))

    @property
    def is_idle(self) -> bool:
        """Whether nothing moves any more without a person, an event or a callback."""
        dispatcher = self._dispatcher
        if dispatcher is None or self._granting or self._parked.is_waking:
            return False
        return dispatcher.is_idle and self.runner.is_idle

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
        self._parked.stop()
        await self.runner.stop(GRACE_S)
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self.flush()
        self._failed.cancel()
        await self._participants.close()

    def flush(self) -> None:
        """Writes what is derived down to the end of the log. After a stop as well: a person may have decided meanwhile.
        Nothing after a failure, since what it counts may not be in the log."""
        if self.failure is None:
            self.projection.flush()

    # -- inside

    def _fold_tail(self, folded_to: int, head: int) -> Mapping[str, Run]:
        """Brings the derived tables from where they were written to the end of the log. Returns the runs in between:
        their rows are on their way."""
        if (written := self._tables.mark(TOTALS)) is not None:
            self.projection.totals = Totals.from_json(orjson.loads(written))
        if (written := self._tables.mark(QUESTIONS)) is not None:
            self.projection.questions = Questions.from_json(orjson.loads(written))
        if (written := self._tables.mark(DEFINITIONS)) is not None:
            self.definitions.restore(orjson.loads(written))
        self.projection.dispatched = int(self._tables.mark(DISPATCHED) or 0)
        told = self._tables.mark(TOLD)
        self.projection.told = None if told is None else int(told)
        touched: dict[str, None] = {}
        while folded_to < head:
            events = self._reader.read_all(folded_to, PAGE)
            for event in events:
                if event.type in RUN_FACTS and event.stream.startswith("run/"):
                    saga, fact = orjson.loads(event.data or "{}")["saga"], fact_of(event)
                    self.projection.totals.add(saga, fact)
                    self.projection.questions.add(saga, fact)
                    touched[event.stream.removeprefix("run/")] = None
                elif event.stream.startswith(STREAM):
                    self.projection.fold_item(event.type, event.time, orjson.loads(event.data or "{}"))
            folded_to = events[-1].seq
        runs = {saga_id: read_run(self._reader, self.definitions, saga_id) for saga_id in touched}
        rows = [row_of(run) for run in runs.values() if run.status is not Status.SKIPPED]
        if touched:
            self._journal.derive(Derived(rows, self.projection.marks()))
        return runs

    def _restore_waits(self, tail: Mapping[str, Run]) -> None:
        """Locks and listeners as the log has them."""
        claims = [
            Claimed(row.lock_key or "", row.event_seq, row.saga_id, row.fence or 0)
            for row in self._rows(unfinished=True, having="lock")
            if row.saga_id not in tail
        ]
        claims += [
            Claimed(run.claim.key, run.event.seq, run.id, run.claim.fence)
            for run in tail.values()
            if run.claim is not None and run.event is not None and not run.status.ended and not run.claim.released
        ]
        self.waits.locks.restore(claims, self.projection.totals.fence)
        for row in self._rows(unfinished=True, having="awaits"):
            for event_type in orjson.loads(row.awaits or "[]") if row.saga_id not in tail else ():
                self.waits.listeners.add(event_type, row.saga_id)

    def _rows(self, **wanted: Any) -> Iterator[RunRow]:
        before: str | None = None
        while rows := self._tables.run_rows(before=before, limit=PAGE, **wanted):
            yield from rows
            before = rows[-1].saga_id

    def _thresholds(self) -> dict[str, int]:
        """Definitions with failed runs in a row, and how many of those make a question."""
        head = self._reader.last_seq()  # how far definitions were dispatched lags behind what their runs recorded
        held = {
            saga: self.definitions.compiled_at(saga, head)
            for saga in (*self.projection.questions.in_a_row, *self.projection.questions.too_deep)
        }
        return {
            saga: DEFAULT_HITL_AFTER if compiled is None else compiled.saga.hitl_after
            for saga, compiled in held.items()
        }

    def _grant(self, saga_id: str, fence: int) -> None:
        """A lock is the run's from now on. Later, not here: whoever gave it back is in the middle of its own turn."""
        self._granting += 1
        asyncio.get_running_loop().call_soon(self._watched, self._granted, saga_id, fence)

    def _granted(self, saga_id: str, fence: int) -> None:
        self._granting -= 1
        if not self.runner.stopping:  # else that is left to the next start
            self.runner.grant(self.run(saga_id), fence)

    def _offer(self, saga_id: str, event: Event) -> None:
        """An event that the run may wait for. One that is not in memory looks at the log by itself when it is taken."""
        if (run := self.runner.live.get(saga_id)) is not None:
            self.runner.offer(run, event)
        else:
            self._take_up(saga_id)

    def _take_up(self, saga_id: str) -> None:
        """A run that is not in memory goes on, unless it has come to its end: its row may be of an earlier moment."""
        if saga_id in self.runner.live:
            return
        run = load_run(self._reader, self.definitions, saga_id)
        if not run.state.status.ended and run.state.status is not Status.STUCK:
            self.runner.take(run)

    def _watched(self, work: Callable[..., None], *about: Any) -> None:
        """Work that the loop calls: nobody else would hear of what it raises."""
        try:
            work(*about)
        except Exception as error:  # noqa: BLE001  # whatever it is, nothing goes on after it
            self.fail(error)

    def _appended(self, *appended: Awaitable[int]) -> None:
        """Something is on its way into the log that nobody waits for; if it does not arrive, nothing goes on."""
        for each in appended:
            asyncio.ensure_future(each).add_done_callback(self._asked)

    def _arm_flush(self) -> None:
        if self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        self.flush()

    @property
    def failure(self) -> BaseException | None:
        """What stopped it, None while it can go on."""
        return self._failed.exception() if self._failed.done() and not self._failed.cancelled() else None

    def objection(self) -> str:
        """Why it is not ready for work; empty if it is."""
        if (failure := self.failure) is not None:
            return failure.message if isinstance(failure, HmsError) else "stopped by a bug"
        if self.runner.stopping:
            return "stopping"
        return "starting" if self._work is None else ""

    def fail(self, error: BaseException) -> None:
        """Something happened that nothing can go on after: `until_idle` and `until_failed` raise it."""
        if not self._failed.done():
            self._failed.set_exception(error)

    def _asked(self, appended: asyncio.Future[Any]) -> None:
        self._work_ended(appended)
        self.on_question()

    def _work_ended(self, work: asyncio.Future[Any]) -> None:
        if not work.cancelled() and (error := work.exception()) is not None:
            self.fail(error)
