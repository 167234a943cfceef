"""One `up`: the real orchestrator over the simulated disk, wire and clock, from its start to its end or its crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from hms_orch_cli.errors import StoreFailed, StoreFull
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.orchestrator.orchestrator import Orchestrator
from hms_orch_cli.orchestrator.requests import RequestWriter
from hms_orch_cli.ports.expressions import Expression, Template
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.rehearsal.virtual_time import Loop
from hms_orch_cli.saga.outcome import Answer

from .disk import Journal, ProcessStore

if TYPE_CHECKING:
    from .simulation import Simulation

START_MS: Final = 1_800_000_000_000
"""The wall clock at the first start of every simulation."""


class CachedExpressions:
    """CEL, each text compiled once for all seeds."""

    def __init__(self) -> None:
        self._cel = CelExpressions()
        self._compiled: dict[tuple[str, tuple[str, ...], bool], Expression] = {}
        self._templates: dict[tuple[str, tuple[str, ...]], Template | None] = {}

    def compile(self, text: str, names: Sequence[str], *, boolean: bool = False) -> Expression:
        """See `ports.Expressions.compile`."""
        key = (text, tuple(names), boolean)
        if key not in self._compiled:
            self._compiled[key] = self._cel.compile(text, names, boolean=boolean)
        return self._compiled[key]

    def template(self, text: str, names: Sequence[str]) -> Template | None:
        """See `ports.Expressions.template`."""
        if "${" not in text:
            return None
        key = (text, tuple(names))
        if key not in self._templates:
            self._templates[key] = self._cel.template(text, names)
        return self._templates[key]


EXPRESSIONS: Final = CachedExpressions()


class WallClock:
    """The clock of one process: it jumps between processes only."""

    def __init__(self, simulation: Simulation, start_ms: int) -> None:
        self._agenda = simulation.agenda
        self._start_ms = start_ms

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return self._start_ms + int(self._agenda.now * 1000 + 1e-6)


class Wire:
    """`ports.Participants`: into the world."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def call(self, request: CallRequest) -> Answer:
        """See `ports.Participants.call`."""
        simulation = self._process.simulation
        simulation.oracle.sending(request)
        return await simulation.world.send(self._process, request)

    async def close(self) -> None:
        """Nothing to close."""


class Process:
    """An orchestrator that is up. `ended` is called once, when it has come down by itself."""

    def __init__(self, simulation: Simulation, ended: Callable[[Process, bool], None]) -> None:
        self.simulation = simulation
        self.loop = Loop(simulation.agenda)
        self.clock = WallClock(simulation, simulation.clock_ms)
        self.store = ProcessStore(simulation.disk, self.loop, simulation.violated)
        self.up = False
        self._ended = ended
        simulation.agenda.soon(self._start, loop=self.loop)

    def _start(self) -> None:
        simulation = self.simulation
        rng, plan = simulation.rng, simulation.plan
        slow = plan.strikes("disk slow")
        reach = 0.3 if slow else 0.002
        self.journal = Journal(self.store, simulation.agenda, lambda: rng.random() ** 2 * reach)
        narrow = plan.strikes("gate narrow")
        self.orchestrator = Orchestrator(
            self.journal,
            self.store,  # type: ignore[arg-type]  # the reading verbs are looked up by name
            self.store,  # type: ignore[arg-type]
            Wire(self),
            lambda: EXPRESSIONS,
            self.clock,
            RequestWriter(lambda *named: f"http://here/v1/callbacks/{':'.join(named)}", lambda name: f"secret {name}"),
            [simulation.oracle],
            calls=rng.choice((1, 2)) if narrow else 64,
            calls_per_service=rng.choice((1, 2)) if narrow else 64,
        )
        orchestrator = self.orchestrator
        # A revision is its content, and compiling is pure: what one process has compiled serves the next.
        orchestrator.definitions._sagas, orchestrator.definitions._compiled = simulation.compiled
        if simulation.inline:
            self.journal.inline = lambda: orchestrator.runner.in_flight <= 1
        self.journal.on_failure = orchestrator.fail
        if plan.wants("crash in recovery"):
            self.store.reads_to_live = rng.choice((0, 3, 6, 10, 15, 25))
        self.orchestrator.start()
        self.store.reads_to_live = None
        self.wide = not narrow
        self._stopping: asyncio.Future[None] = self.loop.create_future()
        self._work = self.loop.create_task(self._run())
        self.up = True

    async def _run(self) -> None:
        """As `cli/up.py` goes: until something fails or it is told to stop, then down in good order."""
        waiting = asyncio.ensure_future(self.orchestrator.until_failed())
        await asyncio.wait({waiting, self._stopping}, return_when=asyncio.FIRST_COMPLETED)
        self.up = False
        error = waiting.exception() if waiting.done() else None
        await self.orchestrator.stop()
        await self.journal.close()
        waiting.cancel()
        if error is not None and not isinstance(error, StoreFull | StoreFailed):
            self.simulation.violated("bug", f"the orchestrator stopped: {error!r}")
        self.loop.agenda.soon(self._ended, self, error is None)

    def stop(self) -> None:
        """SIGTERM."""
        if not self._stopping.done():
            self._stopping.set_result(None)

    def crash(self) -> None:
        """SIGKILL."""
        self.up = False
        self.loop.kill()

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Does something in the process, as a request to its API would."""
        if not self.up or self.loop.dead:
            work.close()
            return
        self.loop.agenda.soon(self._spawn, work, loop=self.loop)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        self.loop.create_task(self._doing(work))

    async def _doing(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.simulation.violated("bug", f"a request to the process: {error!r}")
