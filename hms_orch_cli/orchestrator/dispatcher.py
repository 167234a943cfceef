"""From event to runs: each event meets the definitions that hold at its position, once, in the order of the log."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import orjson

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.orchestrator.cloud_event import attributes_of
from hms_orch_cli.orchestrator.compiled import CompiledSaga
from hms_orch_cli.orchestrator.definitions import Definitions
from hms_orch_cli.orchestrator.gate import Gate
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.projection import Projection
from hms_orch_cli.orchestrator.requests import data_of
from hms_orch_cli.orchestrator.runner import SOURCE, Runner
from hms_orch_cli.ports import Clock, Event, LogReader
from hms_orch_cli.saga.event_types import TYPES
from hms_orch_cli.saga.events import EventRef, FilterFailed, Skipped
from hms_orch_cli.saga.identity import run_id
from hms_orch_cli.saga.inputs import Trigger
from hms_orch_cli.saga.machine import begin

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
        clock: Clock,
        *,
        exists: Callable[[str], bool],
        looked_to: int,
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._runner = runner
        self._gate = gate
        self._projection = projection
        self._clock = clock
        self._exists = exists
        self._looked_to = looked_to
        self._look = asyncio.Event()
        self._page: deque[Event] = deque()
        self._seen_all = False

    @property
    def is_idle(self) -> bool:
        """Whether every event in the log has been dispatched, as far as this process knows."""
        return self._seen_all and not self._look.is_set()

    def wake(self) -> None:
        """There may be new events, or room for new runs."""
        self._look.set()

    async def work(self) -> None:
        """Goes along the log until cancelled."""
        while True:
            self._look.clear()
            while self._advance():
                # Let the runs that were just started make their first move before the next ones.
                await asyncio.sleep(0)
            await self._look.wait()

    def _advance(self) -> bool:
        """Dispatches what there is room for; False if there is nothing to do now."""
        self._seen_all = False
        if not self._page:
            arrivals = not self._definitions.listens_to_runs
            self._page.extend(self._store.read_all(self._projection.dispatched, PAGE, arrivals=arrivals))
            self._seen_all = not self._page
        moved = False
        while self._page and self._gate.has_room:
            event = self._page.popleft()
            self._dispatch(event)
            self._projection.dispatched_to(event.seq)
            moved = True
            if event.stream.startswith("definition/"):
                self._page.clear()  # what was read ahead may lack facts that are listened to from here on
        return moved

    def _dispatch(self, event: Event) -> None:
        self._definitions.apply(event)
        for compiled in self._definitions.listening(event.type):
            saga_id = run_id(compiled.saga.id, event.seq, event.hash)
            if event.seq <= self._looked_to and self._exists(saga_id):
                continue
            self._start(compiled, saga_id, event)

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
                self._runner.refuse(run, Skipped(now, revision, source, reason))
        elif failed:
            self._runner.refuse(run, FilterFailed(now, revision, source, failed))
        else:
            self._runner.take(run, Trigger(source, depth))

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
    saga = {"id": saga_id, "definition": compiled.saga.id}
    passed: bool = compiled.filter.evaluate({"data": data_of(event), "event": attributes_of(event), "saga": saga})
    return passed
