"""One seed: a safety phase in which faults strike, a liveness phase in which they are healed, and the reckoning."""

from __future__ import annotations

import logging
from collections.abc import Callable
from hashlib import blake2b
from random import Random
from typing import Any, Final, NamedTuple

from hms_orch_cli.ports.store import EventStore
from hms_orch_cli.rehearsal.virtual_time import Agenda, Endless

from .disk import Disk
from .faults import Plan
from .oracle import Oracle
from .people import People
from .process import START_MS, Process
from .world import World

MOST_STEPS: Final = 60_000
"""Callbacks of one seed; many times what the busiest one needs."""

CALM_S: Final = 10_000.0
"""Virtual time in which everything has to come to rest once the faults are healed, beside what the clock lost."""

HOUR_MS: Final = 3_600_000


class Result(NamedTuple):
    """What came of a seed."""

    seed: int
    trace: str
    violation: str
    """`id: what`, empty if there is none"""
    unreached: tuple[str, ...]
    """faults of the plan that never took effect"""
    fired: dict[str, int]
    runs: int
    events: int
    virtual_s: float

    @property
    def passed(self) -> bool:
        """Whether it counts: no violation, and every planned fault was seen to strike."""
        return not self.violation and not self.unreached


class _Logged(logging.Handler):
    """What the real code logs as an error is one: it says so of what it cannot explain."""

    simulation: Simulation | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.simulation is not None:
            self.simulation.violated("bug", f"it logs: {record.getMessage()}")


_LOGGED: Final = _Logged(logging.ERROR)
_LOGGER: Final = logging.getLogger("hms_orch_cli")
_LOGGER.addHandler(_LOGGED)


class Simulation:
    """Everything of one seed."""

    def __init__(self, seed: int, tell: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.agenda = Agenda()
        self.plan = Plan(self.rng)
        self.violation = ""
        self._tell = tell
        self._lines: list[str] = []
        self.disk = Disk(self.plan, self._committed)
        self.world = World(self.agenda, self.rng, self.plan, lambda: self.process, self.violated, self.note)
        self.oracle = Oracle(self)
        self.people = People(self)
        self.inline = self.rng.random() < 0.5
        self.clock_ms = START_MS
        self.compiled: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        self.lost_s = 0.0
        self._current: Process | None = None
        self._healing = False

    # -- for everybody

    @property
    def process(self) -> Process | None:
        """The process that is up, if one is."""
        current = self._current
        return current if current is not None and current.up and not current.loop.dead else None

    @property
    def now_ms(self) -> int:
        """The wall clock."""
        return self.clock_ms + int(self.agenda.now * 1000 + 1e-6)

    @property
    def nobody_holds(self) -> bool:
        """Whether no process holds the store."""
        return self._current is None or self._current.loop.dead

    def disk_as_store(self) -> EventStore:
        """The store, for a command that runs while nobody holds it."""
        return _Offline(self.disk)  # type: ignore[return-value]  # it publishes, and nothing else

    def note(self, *words: object) -> None:
        """One line of the trace."""
        line = f"{self.agenda.now:.6f} {' '.join(map(str, words))}\n"
        self._lines.append(line)
        if self._tell is not None:
            self._tell(line)

    def violated(self, name: str, what: str) -> None:
        """An invariant does not hold."""
        if not self.violation:
            self.violation = f"{name}: {what}"
            if self._tell is not None:
                self._tell(f"VIOLATED {self.violation}\n")
            self.agenda.halted = True

    # -- from start to end

    def run(self) -> Result:
        """Runs the seed."""
        _LOGGED.simulation = self
        try:
            self._phases()
        except Endless as error:
            self.violated("G2", str(error))
        finally:
            if self._current is not None:
                self._current.loop.kill()
            _LOGGED.simulation = None
        return Result(
            self.seed,
            blake2b("".join(self._lines).encode(), digest_size=8).hexdigest(),
            self.violation,
            tuple(self.plan.unreached),
            dict(self.plan.fired),
            len(self.oracle.stories),
            self.disk.store.last_seq(),
            self.agenda.now,
        )

    def _phases(self) -> None:
        rng, agenda, plan = self.rng, self.agenda, self.plan
        safety_s = rng.choice((3.0, 10.0, 30.0))
        self.people.plan(safety_s)
        self._boot()
        self._plan_ends(safety_s)
        agenda.run(safety_s, MOST_STEPS)
        if self.violation:
            return
        plan.healed = True
        self._healing = True
        if self.nobody_holds:
            self._boot()
        agenda.after(1, self.people.tend)
        until = agenda.now + CALM_S + self.lost_s
        rested = agenda.run(until, MOST_STEPS)
        if self.violation:
            return
        if not rested:
            self.violated("G2", "it does not come to rest")
        self._reckon()

    def _reckon(self) -> None:
        self._problems()
        process = self.process
        if process is None:
            self.violated("bug", "nothing is up, and no fault is left")
        if self.violation or process is None:
            return
        if not process.orchestrator.is_idle:
            self.violated("G2", "everything has come to rest, and the orchestrator does not say so")
        if process.orchestrator.gate.taken:
            self.violated("G2", f"{process.orchestrator.gate.taken} places for calls were never given back")
        self.oracle.at_rest()
        if self.violation:
            return
        process.stop()
        self.agenda.soon(lambda: None)
        self.agenda.run(self.agenda.now + 60, MOST_STEPS)
        self._problems()
        if self.seed % 4 == 0:
            self.oracle.tables()
        if self.seed % 8 == 0:
            self.oracle.chain(self.rng.randrange(1 << 30))
        elif self.seed % 8 == 1:
            self._start_changes_nothing()

    def _start_changes_nothing(self) -> None:
        """L5: a log at rest is at rest for the next process as well."""
        head = self.disk.store.last_seq()
        self._boot()
        self.agenda.run(self.agenda.now + 60, MOST_STEPS)
        self._problems()
        if self.disk.store.last_seq() != head:
            self.violated("L5", "a start over a log at rest wrote to it")

    def _problems(self) -> None:
        current = self._current
        if current is not None and current.loop.problems:
            self.violated("bug", repr(current.loop.problems[0]))

    # -- processes

    def _boot(self) -> None:
        self._problems()
        self.note("boot")
        self._current = Process(self, self._ended)
        self.agenda.soon(self._booted, self._current)

    def _booted(self, process: Process) -> None:
        if process.loop.dead:  # the power went out while it started
            self._down(process)

    def _ended(self, process: Process, asked: bool) -> None:
        """It has come down by itself, in good order or because of the disk."""
        process.loop.kill()
        self._down(process)

    def _down(self, process: Process) -> None:
        if self._current is process and process.loop.dead:
            self.note("down")
            self.agenda.after(0.01 + self.rng.random() ** 2 * 3, self._boot_again, process)

    def _boot_again(self, process: Process) -> None:
        if self._current is not process or not process.loop.dead:
            return
        rng, plan = self.rng, self.plan
        if plan.strikes("clock forward"):
            self.clock_ms += rng.choice((500, 60_000, HOUR_MS))
        if plan.strikes("clock back"):
            jump = rng.choice((500, 60_000, HOUR_MS))
            self.clock_ms -= jump
            self.lost_s += jump / 1000
        if plan.strikes("tables lost"):
            self.disk.store.forget_derived()
            self.oracle.tables_lost()
        self._boot()

    def _plan_ends(self, safety_s: float) -> None:
        """When the process is killed or told to stop."""
        rng, agenda, plan = self.rng, self.agenda, self.plan
        for kind, end in (("crash any time", self._crash), ("stop in good order", self._stop)):
            if kind in plan:
                for _ in range(rng.choice((1, 1, 2, 4))):
                    agenda.at(rng.random() ** 2 * safety_s, end)
        agenda.after(0.5, self._watch)

    def _watch(self) -> None:
        """Whoever starts a process again when it is gone."""
        current = self._current
        if current is not None and current.loop.dead and not self.agenda.halted:
            self._down(current)
        if not self._healing:
            self.agenda.after(0.5, self._watch)

    def _crash(self) -> None:
        process = self.process
        if process is not None:
            self.plan.fire("crash any time")
            self.note("crash")
            process.crash()
            self._down(process)
        elif not self._healing:
            self.agenda.after(0.2, self._crash)

    def _stop(self) -> None:
        process = self.process
        if process is not None:
            self.plan.fire("stop in good order")
            self.note("stop")
            process.stop()
        elif not self._healing:
            self.agenda.after(0.2, self._stop)

    def _committed(self, *told: Any) -> None:
        self.oracle.committed(*told)


class _Offline:
    """The store for a short command: no process, no fault."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def append(self, batch: Any, derived: Any = None) -> list[int | Exception]:
        return self._disk.write(batch, derived)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk.store, name)


def simulate(seed: int, tell: Callable[[str], None] | None = None) -> Result:
    """Runs one seed. `tell` hears each line of its trace."""
    return Simulation(seed, tell).run()
