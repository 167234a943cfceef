"""From event to runs: each event meets the definitions that hold at its position, once, in the order of the log."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import orjson

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.orchestrator.compiled import CompiledSaga
from hms_orch_cli.orchestrator.definitions import Definitions, Pause
from hms_orch_cli.orchestrator.gate import Gate
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.locks import lock_key
from hms_orch_cli.orchestrator.projection import Projection
from hms_orch_cli.orchestrator.requests import start_names
from hms_orch_cli.orchestrator.runner import Runner
from hms_orch_cli.orchestrator.waits import Waits
from hms_orch_cli.ports.clock import Clock
from hms_orch_cli.ports.store import Event, LogReader
from hms_orch_cli.saga.event_types import TYPES
from hms_orch_cli.saga.events import EventRef, FilterFailed, Skipped
from hms_orch_cli.saga.identity import run_id
from hms_orch_cli.saga.inputs import Trigger
from hms_orch_cli.saga.machine import begin
from hms_orch_cli.saga.reserved import SOURCE

MOST_DEPTH = 10
"""A chain of sagas longer than this is taken for a loop."""

PAGE = 64
"""Events read at once: with the largest event of 1 MiB, what may wait in memory stays bounded."""

DEPTH_EXTENSION = "sagadepth"
"""CloudEvents extension by which an event says how many sagas led to it."""


class Dispatcher:
    """Reads the log from where it stopped, as long as there is room for new runs: the rest waits in the log."""

    def __init__(
        self,
        store: LogReader,
        definitions: Definitions,
        runner: Runner,
        gate: Gate,
        projection: Projection,
        waits: Waits,
        clock: Clock,
        *,
        exists: Callable[[str], bool],
        offer: Callable[[str, Event], None],
        room: Callable[[], Awaitable[None]],
        looked_to: int,
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._runner = runner
        self._gate = gate
        self._projection = projection
        self._waits = waits
        self._clock = clock
        self._exists = exists
        self._offer = offer
        self._room = room
        self._looked_to = looked_to
        self._look = asyncio.Event()
        self._page: deque[Event] = deque()
        self._page_lacks_runs = False
        self._seen_all = False
        self._pauses: deque[Pause] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether every event in the log has been dispatched, as far as this process knows."""
        return self._seen_all and not self._look.is_set() and not self._pauses

    def wake(self) -> None:
        """There may be new events, or room for new runs."""
        self._look.set()

    def catch_up(self, pause: Pause) -> None:
        """A definition meets the events that have waited while it was paused, each once."""
        self._pauses.append(pause)
        self.wake()

    async def work(self) -> None:
        """Goes along the log until cancelled."""
        while True:
            self._look.clear()
            while self._catch_up() or await self._advance():
                # Let the runs that were just started make their first move before the next ones.
                await asyncio.sleep(0)
                await self._room()
            await self._look.wait()

    async def _advance(self) -> bool:
        """Dispatches what there is room for; False if there is nothing to do now."""
        self._seen_all = False
        moved = False
        self._read_ahead()
        while self._page and self._gate.has_room:
            event = self._page.popleft()
            self._waits.position = event.seq
            self._dispatch(event)
            if waiting := self._waits.listeners.of(event.type):
                await self._offer_to_all(event, waiting)
            self._projection.dispatched_to(event.seq)
            moved = True
            if event.stream.startswith("definition/") or (self._page_lacks_runs and self._hears_runs()):
                self._page.clear()  # what was read ahead may lack facts that are listened to from here on
        return moved

    def _read_ahead(self) -> None:
        if self._page and self._page_lacks_runs and self._hears_runs():
            self._page.clear()  # while there was no room, somebody began to listen to what it lacks
        if not self._page:
            self._page_lacks_runs = not self._hears_runs()
            after = self._projection.dispatched
            self._page.extend(self._store.read_all(after, PAGE, arrivals=self._page_lacks_runs))
            self._seen_all = not self._page

    def _hears_runs(self) -> bool:
        return self._definitions.listens_to_runs or self._waits.listeners.to_runs

    async def _offer_to_all(self, event: Event, waiting: Sequence[str]) -> None:
        """The event meets the runs with steps that wait for its type."""
        for count, saga_id in enumerate(waiting, 1):
            self._offer(saga_id, event)
            if count % PAGE == 0:
                await asyncio.sleep(0)
                await self._room()

    def _dispatch(self, event: Event) -> None:
        self._definitions.apply(event)
        for compiled in self._definitions.listening(event.type):
            saga_id = run_id(compiled.saga.id, event.seq, event.hash)
            if self._definitions.waits(compiled.saga.id, event.seq):
                continue
            if event.seq <= self._looked_to and self._exists(saga_id):
                continue
            self._start(compiled, saga_id, event)

    def _catch_up(self) -> bool:
        """A page of the events that have waited for a definition; False if there is none, or no room."""
        if not self._pauses or not self._gate.has_room:
            return False
        pause = self._pauses.popleft()
        events = [event for event in self._store.read_all(pause.after, PAGE) if event.seq <= pause.to]
        for event in events:
            if self._definitions.waits(pause.saga, event.seq):
                break  # it was paused again meanwhile, and this one waits for the end of that
            compiled = self._definitions.compiled_at(pause.saga, event.seq)
            if compiled is None or event.type not in compiled.saga.triggers:
                continue
            saga_id = run_id(pause.saga, event.seq, event.hash)
            if not self._exists(saga_id):
                self._start(compiled, saga_id, event)
        if events:
            self._pauses.appendleft(pause._replace(after=events[-1].seq))
        else:
            self._definitions.caught_up[pause.saga] = pause.ended_at
            self._projection.marks_changed()
        return True

    def _start(self, compiled: CompiledSaga, saga_id: str, event: Event) -> None:
        run = LiveRun(begin(compiled.saga, saga_id), compiled, event)
        source = EventRef(event.seq, event.id, event.source, event.type, event.time)
        revision, now = compiled.saga.revision, self._clock.now_ms()
        failed = ""
        try:
            if not _passes(compiled, saga_id, event):
                return
        except ExpressionError as error:
            failed = f"filter: {error.message}"
        depth = self._depth(event)
        if depth > MOST_DEPTH:
            if event.type != TYPES[Skipped]:  # a chain that ends is on record once; what hears of that adds nothing
                reason = f"{depth} sagas in a chain led here; more than {MOST_DEPTH} are taken for a loop"
                self._runner.refuse(run, Skipped(now, revision, source, reason, "depth"))
        elif failed:
            self._runner.refuse(run, FilterFailed(now, revision, source, failed))
        elif taken := self._taken(compiled, saga_id, event):
            self._runner.refuse(run, Skipped(now, revision, source, taken, "lock"))
        else:
            self._runner.take(run, Trigger(source, depth))

    def _taken(self, compiled: CompiledSaga, saga_id: str, event: Event) -> str:
        """Why a run whose lock says `skip` is none, empty if it is one: also where the key cannot be told, which is on
        record in the run itself."""
        if compiled.saga.lock is None or compiled.saga.lock.on_conflict != "skip":
            return ""
        try:
            key = lock_key(compiled, saga_id, event)
        except ExpressionError:
            return ""
        holder = self._waits.locks.holder(key)
        return f"lock {key} is held by run {holder}" if holder else ""

    def _depth(self, event: Event) -> int:
        """How many sagas led to this event."""
        if event.source == SOURCE and event.stream.startswith("run/"):
            first = orjson.loads(self._store.read(event.stream)[0].data or "{}")
            if "depth" in first:
                return int(first["depth"]) + 1
            # No run, but a skip or a filter that failed: it stands one behind the event that it refused.
            return self._depth(self._store.read_all(first["event"]["seq"] - 1, 1)[0]) + 1
        if event.extensions:
            told = orjson.loads(event.extensions).get(DEPTH_EXTENSION)
            if isinstance(told, int | str) and str(told).isdecimal():
                return int(str(told)[:6])
        return 0


def _passes(compiled: CompiledSaga, saga_id: str, event: Event) -> bool:
    """Whether the filter lets the event through. Raises ExpressionError."""
    if compiled.filter is None:
        return True
    passed: bool = compiled.filter.evaluate(start_names(saga_id, compiled.saga.id, event))
    return passed
