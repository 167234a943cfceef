"""An orchestrator over a store in memory, with services that are functions, and a power switch."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import orjson

from hms_orch_cli.application.alone import Alone, drive
from hms_orch_cli.application.clock import SystemClock
from hms_orch_cli.application.deploy import deploy_append, standing, undeploy_append
from hms_orch_cli.application.operations import Operations
from hms_orch_cli.application.publish import publish, publish_live
from hms_orch_cli.application.replay import Rebuilt, differences
from hms_orch_cli.application.run_list import list_runs
from hms_orch_cli.errors import StoreFailed
from hms_orch_cli.event_store.group_commit import BEGUN, GroupCommit
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.orchestrator.orchestrator import Orchestrator
from hms_orch_cli.orchestrator.requests import RequestWriter
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.ports.store import Append, Derived, Event, NewEvent, RunRow
from hms_orch_cli.saga.event_types import RUN_FACTS
from hms_orch_cli.saga.events import RunFact
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.saga.state import Run

from ..specs import content_of

TYPE = "order.placed"
SAGA = "shop.order.v1"
EAGER = {"retry": {"attempts": 3, "backoffMs": 0, "jitter": 0}}
CEL = CelExpressions()

Behaviour = Callable[[CallRequest], Answer | Awaitable[Answer]]
Wish = Callable[[Operations], Coroutine[Any, Any, Any]]


def ok(body: Any = None) -> Answer:
    """200."""
    return Answer(Wire.ANSWERED, 200, body)


def said(status: int, **members: Any) -> Answer:
    """Any other answer."""
    return Answer(Wire.ANSWERED, status, **{"reason": f"says {status}", **members})


def content(*steps: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A definition that does not pause between attempts."""
    return content_of(*steps, **{**EAGER, **keys})


class Services:
    """Every participant at once: `behave` answers, and each call is written down when it comes in."""

    def __init__(self, behave: Behaviour = lambda request: ok()) -> None:
        self.behave = behave
        self.calls: list[CallRequest] = []
        self.under_way = 0
        self.most = 0
        self.by_service: Counter[str] = Counter()
        self.most_by_service: Counter[str] = Counter()
        self.on_call: Callable[[CallRequest], None] = lambda request: None

    async def call(self, request: CallRequest) -> Answer:
        """See `ports.Participants.call`."""
        self.calls.append(request)
        self.on_call(request)
        self.under_way += 1
        self.by_service[request.service] += 1
        self.most = max(self.most, self.under_way)
        self.most_by_service |= self.by_service
        try:
            await asyncio.sleep(0)
            answer = self.behave(request)
            return answer if isinstance(answer, Answer) else await answer
        finally:
            self.under_way -= 1
            self.by_service[request.service] -= 1

    async def close(self) -> None:
        """Nothing to close."""

    def made(self, op: str | None = None) -> list[str]:
        """The steps of the calls made, in order."""
        return [each.step for each in self.calls if op in (None, each.op)]


class Mains:
    """A store with a power switch: from `die` on nothing is written any more. `dies_at` is the append at which that
    happens by itself, before or after it is in the log."""

    def __init__(self, store: MemoryStore, dies_at: int = 0, *, after: bool = False) -> None:
        self.store = store
        self.appends = 0
        self.dead = False
        self._dies_at = dies_at
        self._after = after

    def append(self, batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        """See `ports.EventStore.append`."""
        self.appends += 1
        last = self.appends == self._dies_at
        if self.dead or (last and not self._after):
            self.die()
            raise StoreFailed("the power is out")
        results = self.store.append(batch, derived)
        if last:
            self.die()
            raise StoreFailed("the power is out, and nobody knows")
        return results

    def die(self) -> None:
        """The power goes out."""
        self.dead = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


class Doors:
    """Calls about an event wait at a door of that event's id until it is opened, and are answered by `behave` then.
    Which events have a door says the test."""

    def __init__(self, *shut: str, behave: Callable[[CallRequest], Answer] = lambda request: ok()) -> None:
        self._doors = {name: asyncio.Event() for name in shut}
        self.behave = behave

    async def __call__(self, request: CallRequest) -> Answer:
        if (door := self._doors.get(event_id(request))) is not None:
            await door.wait()
        return self.behave(request)

    def open(self, *names: str) -> None:
        """Lets these through from now on, all of them if none is named."""
        for name in names or self._doors:
            self._doors[name].set()


class Wall:
    """A clock on the wall that a test can stop, and put forward."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._ahead_ms = 0
        self._stopped_at: int | None = None

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return (self._clock.now_ms() if self._stopped_at is None else self._stopped_at) + self._ahead_ms

    def stop(self) -> None:
        """From now on time passes only as `forward` says."""
        self._stopped_at = self._clock.now_ms()

    def forward(self, ms: int) -> None:
        """So much time has passed."""
        self._ahead_ms += ms


class Heard:
    """An observer that keeps what it hears."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, RunFact]] = []

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """See `ports.Observer.on_facts`."""
        self.facts += [(run.id, fact) for fact in facts]


class House:
    """A store, its services, and one process after another over it."""

    def __init__(self, *contents: dict[str, Any], services: Services | None = None) -> None:
        self.store = MemoryStore()
        self.services = services or Services()
        self.heard = Heard()
        self.clock = Wall()
        for each in contents:
            self.deploy(each)

    # -- while nobody is up

    def deploy(self, definition: dict[str, Any], revision: str | None = None) -> str:
        """Records a revision of a definition."""
        revision = revision or f"{abs(hash(orjson.dumps(definition))):064x}"[-64:]
        now = standing(self.store, definition["id"])
        self.store.append([deploy_append(definition["id"], revision, definition, now.version, 1)])
        return revision

    def undeploy(self, saga: str = SAGA) -> None:
        """The definition starts no run from here on."""
        self.store.append([undeploy_append(self.store, saga, 1)])

    def publish(self, *ids: str, **members: Any) -> None:
        """Events from outside, one for each id."""
        publish(self.store, [event(each, **members) for each in ids])

    def ask(self, wish: Wish) -> Any:
        """What a person wants, by a command that holds the store alone."""
        now = self.clock.now_ms
        return drive(wish(Operations(Alone(self.store, lambda: CEL, now), self.store, now)))

    # -- up

    def up(self, *, mains: Mains | None = None, calls: int = 64, calls_per_service: int = 64, **keys: Any) -> Process:
        """A process that holds the store."""
        return Process(self, mains or Mains(self.store), calls, calls_per_service, **keys)

    async def run(self, **keys: Any) -> Process:
        """Up until idle, and down again in good order."""
        process = self.up(**keys)
        await process.until_idle()
        await process.stop()
        return process

    # -- what came of it

    def rows(self) -> list[RunRow]:
        """The run list, oldest first, as of the last event."""
        return list_runs(self.store, limit=10_000)[::-1]

    def states(self) -> list[str]:
        """States of the runs, oldest first."""
        return [row.state for row in self.rows()]

    def steps(self) -> list[dict[str, str]]:
        """Step states of the runs, oldest first."""
        return [{each["name"]: each["state"] for each in orjson.loads(row.steps)} for row in self.rows()]

    def events(self, kind: str | None = None) -> list[Event]:
        """The facts of all runs in the order of the log."""
        of_runs = (e for e in self.store.scan() if e.type in RUN_FACTS and e.stream.startswith("run/"))
        return [e for e in of_runs if kind in (None, e.type)]

    def told(self, kind: str, saga_id: str | None = None) -> list[dict[str, Any]]:
        """What the facts of one type say, those of one run or of all."""
        return [
            orjson.loads(e.data or "{}") for e in self.events(kind) if saga_id in (None, e.stream.removeprefix("run/"))
        ]

    def ids(self) -> list[str]:
        """Ids of the runs in the order of their events."""
        return [row.saga_id for row in self.rows()]

    def kinds(self) -> list[str]:
        """Types of the facts, without `saga.`."""
        return [each.type.removeprefix("saga.") for each in self.events()]

    def prove(self) -> None:
        """The derived tables say what the log says."""
        rebuilt = Rebuilt()
        rebuilt.fold((e.seq, e.stream, e.type, e.time, e.data) for e in self.store.scan())
        assert differences(rebuilt, self.store) == []


class Process:
    """An orchestrator that is up."""

    def __init__(
        self, house: House, mains: Mains, calls: int, per_service: int, clock: Any = None, begun: int = BEGUN
    ) -> None:
        self.house = house
        self.mains = mains
        self.journal = GroupCommit(mains, begun_limit=begun)  # type: ignore[arg-type]  # the rest of the store is looked up by name
        self.orchestrator = Orchestrator(
            self.journal,
            house.store,
            house.store,
            house.services,
            lambda: CEL,
            clock or house.clock,
            RequestWriter(lambda *named: f"http://here/v1/callbacks/{':'.join(named)}", lambda name: f"secret {name}"),
            [house.heard],
            calls=calls,
            calls_per_service=per_service,
        )
        self.orchestrator.start()

    async def publish(self, *ids: str, **members: Any) -> None:
        """Events while it is up."""
        await publish_live(self.journal, self.house.store, [event(each, **members) for each in ids])
        self.orchestrator.wake()

    @property
    def ask(self) -> Operations:
        """What a person wants, while it is up."""
        return Operations(self.orchestrator, self.house.store, self.house.clock.now_ms)

    def is_live(self, saga_id: str) -> bool:
        """Whether the run is in memory."""
        return saga_id in self.orchestrator.runner.live

    async def until_idle(self) -> None:
        """Until nothing moves any more by itself."""
        await asyncio.wait_for(self.orchestrator.until_idle(), 30)

    async def stop(self) -> None:
        """In good order."""
        await self.orchestrator.stop()
        await self.journal.close()

    async def crash(self) -> None:
        """As if the power had gone: whatever is not in the log is lost."""
        self.mains.die()
        await self.stop()

    async def until_dead_or_idle(self) -> bool:
        """Whether it came to rest; if the power went out before, it is crashed."""
        try:
            await self.until_idle()
        except StoreFailed:
            await self.crash()
            return False
        await self.stop()
        return not self.mains.dead


def event(name: str, kind: str = TYPE, data: Any = None, **members: Any) -> NewEvent:
    """An event from outside."""
    text = None if data is None else orjson.dumps(data).decode()
    return NewEvent(name, "tests", kind, "2027-01-15T08:00:00.000Z", text, **members)


def event_id(request: CallRequest) -> str:
    """The id of the event that started the run which calls."""
    return str(orjson.loads(request.body or b'{"event": {"id": ""}}')["event"]["id"])


async def until(condition: Callable[[], object]) -> None:
    """Lets the loop go on until something holds."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)
