"""Runs in whatever state a test needs, made by the machine alone; and an `up` over them that goes no further by itself.

shop.deploy(TWO_STEPS)
stuck = shop.run(pay=OK, ship=NO, undo_pay=NO)
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from hms_orch_cli.application.deploy import deploy_append, standing
from hms_orch_cli.application.incoming import event_from
from hms_orch_cli.application.overview import definitions_that_hold
from hms_orch_cli.application.publish import append_of
from hms_orch_cli.dashboard.serve import bind
from hms_orch_cli.event_store.holder import Holder
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader
from hms_orch_cli.orchestrator.definitions import Definitions
from hms_orch_cli.orchestrator.history import read_run
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.locks import lock_key
from hms_orch_cli.orchestrator.projection import DEFINITIONS, DISPATCHED, row_of
from hms_orch_cli.orchestrator.runner import events_of
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.ports.store import Append, Derived, Event, NewEvent
from hms_orch_cli.saga.commands import Acquire, Begin, Command, Send
from hms_orch_cli.saga.decide import advance
from hms_orch_cli.saga.due import due
from hms_orch_cli.saga.events import EventRef
from hms_orch_cli.saga.identity import run_id
from hms_orch_cli.saga.inputs import Answered, Asked, Attempt, Input, Trigger
from hms_orch_cli.saga.machine import begin
from hms_orch_cli.saga.outcome import Answer, Verdict, Wire
from hms_orch_cli.saga.state import Run
from hms_orch_cli.sagafile.check import check
from hms_orch_cli.wiring import expressions
from tests.dashboard.house import open_house

OK, NO, LATER = Verdict.SUCCESS, Verdict.FAILED, Verdict.RETRY

ORDER = """\
id: shop.order.v1
trigger: order.placed
steps:
  - {name: pay, call: "pay-svc:/pay", compensate: "pay-svc:/refund"}
  - {name: ship, call: "ship-svc:/ship", compensate: "ship-svc:/return"}
"""
HOLDS = ORDER.replace('"ship-svc:/return"', '"ship-svc:/return", onExhausted: hitl, output: {no: response.no}')
APPROVAL = """\
id: shop.refund.v1
trigger: refund.wanted
steps:
  - {name: reserve, call: "pay-svc:/reserve", compensate: "pay-svc:/free"}
  - name: second_eyes
    approval: {prompt: "Pay ${data.n}?", ttlMs: 60000}
  - {name: pay, call: "pay-svc:/pay"}
"""
LOCKED = """\
id: shop.stock.v1
trigger: stock.counted
lock: data.n
steps:
  - {name: count, call: "stock-svc:/count", compensate: "stock-svc:/forget"}
"""


class Workshop:
    """A store at `path`. Nobody holds it between two calls."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cel = expressions()
        self._claims: dict[str, str] = {}
        self._events = 0

    def deploy(self, text: str) -> str:
        """Deploys a definition and returns its revision."""
        (document,) = check(text.encode(), "saga.yaml", self.cel).documents
        with SqliteStore(self.path) as store:
            version = standing(store, document.saga.id).version
            append = deploy_append(document.saga.id, document.revision, document.content, version, _now())
            (result,) = store.append([append])
            assert isinstance(result, int)
        return document.revision

    def run(
        self, saga: str = "shop.order.v1", *, n: Any = 1, at: int | None = None, fold: bool = True, **told: Verdict
    ) -> str:
        """A run that has come as far as its steps have `told` what they answer (`pay=OK`, of an undo `undo_pay=NO`);
        `at` is when, `fold` whether the derived tables know of it. Returns its id."""
        with SqliteStore(self.path) as store:
            definitions = Definitions(store, lambda: self.cel)
            revision = standing(store, saga).revision
            assert revision is not None
            compiled = definitions.compiled(saga, revision)
            trigger = self._published(store, next(iter(compiled.saga.triggers)), n)
            live = LiveRun(begin(compiled.saga, run_id(saga, trigger.seq, trigger.hash)), compiled, trigger)
            self._play(store, live, told, _now() if at is None else at)
            rows = [row_of(live.state)] if fold else []
            current = orjson.dumps({"current": definitions_that_hold(store)}).decode()
            marks = {DISPATCHED: str(store.last_seq()), DEFINITIONS: current}
            store.append([], Derived(rows, marks, None if fold else store.folded_to()))
        return live.state.id

    def last_seq(self) -> int:
        """The length of the log."""
        with SqliteReader(self.path) as reader:
            return reader.last_seq()

    def state(self, saga_id: str) -> Run:
        """A run as the log tells it."""
        with SqliteReader(self.path) as reader:
            return read_run(reader, Definitions(reader, lambda: self.cel), saga_id)

    def told(self, saga_id: str) -> list[str]:
        """The types of a run's events."""
        return [event.type for event in self.events(f"run/{saga_id}")]

    def events(self, stream: str) -> list[Event]:
        """The events of a stream."""
        with SqliteReader(self.path) as reader:
            return reader.read(stream)

    def data(self, stream: str, kind: str) -> dict[str, Any]:
        """The data of the last event of this type."""
        found = [event for event in self.events(stream) if event.type == kind]
        data: dict[str, Any] = orjson.loads(found[-1].data or "{}")
        return data

    @contextmanager
    def up(self) -> Iterator[str]:
        """An orchestrator that holds the store, in a thread; its participants answer when it stops. Gives its URL."""
        started, stop = threading.Event(), threading.Event()
        url: list[str] = []

        async def work() -> None:
            silent = Silent()
            server = bind("127.0.0.1", 0)
            with Holder.take(self.path) as holder, SqliteStore(self.path) as store:
                async with open_house(store=store, participants=silent) as house:
                    await house.office.publish([self._next_event("up.started", None)])  # behind all that it began with
                    await server.start(house.app)
                    holder.announce(server.url)
                    url.append(server.url)
                    started.set()
                    await asyncio.to_thread(stop.wait)
                    silent.speak.set()
                    await server.stop()

        thread = threading.Thread(target=asyncio.run, args=[work()])
        thread.start()
        try:
            assert started.wait(30)
            yield url[0]
        finally:
            stop.set()
            thread.join()

    def _published(self, store: SqliteStore, kind: str, n: Any) -> Event:
        (seq,) = store.append([append_of(self._next_event(kind, n))])
        assert isinstance(seq, int)
        return store.read_all(seq - 1, 1)[0]

    def _next_event(self, kind: str, n: Any) -> NewEvent:
        self._events += 1
        attributes = {"id": f"e{self._events}", "source": "tests", "type": kind}
        return event_from(attributes, orjson.dumps({"n": n}).decode(), _now(), 1 << 20)

    def _play(self, store: SqliteStore, live: LiveRun, told: Mapping[str, Verdict], now: int) -> None:
        event = live.trigger
        happened: Input | None = Trigger(EventRef(event.seq, event.id, event.source, event.type, event.time))
        while happened is not None:
            before = live.state
            live.state, facts = advance(before, happened, now)
            store.append([Append(f"run/{before.id}", events_of(before, facts, before.version), before.version)])
            happened = next(filter(None, (self._next(live, each, told) for each in due(live.state, now))), None)

    def _next(self, live: LiveRun, command: Command, told: Mapping[str, Verdict]) -> Input | None:
        match command:
            case Acquire():
                key = lock_key(live.compiled, live.state.id, live.trigger)
                if (holder := self._claims.setdefault(key, live.state.id)) != live.state.id:
                    return Asked(key, 0, holder)
                return Asked(key, len(self._claims))
            case Begin(step=step, op=op):
                approval = live.state.saga.steps[step].approval
                return Attempt(step, op, prompt=None if approval is None else "Pay?")
            case Send(step=step, op=op, attempt=attempt):
                verdict = told.get(step if op == "call" else f"undo_{step}")
                if verdict is None:
                    return None
                answer = {"no": 7} if verdict is OK else None
                return Answered(step, op, attempt, verdict, _STATUS[verdict], _SAID[verdict], answer=answer)
            case _:
                return None


_STATUS = {OK: 200, NO: 422, LATER: 429}
_SAID = {OK: "", NO: "no room", LATER: "later"}


class Silent:
    """Participants that answer nothing until `speak` is set."""

    def __init__(self) -> None:
        self.speak = asyncio.Event()

    async def call(self, _request: CallRequest) -> Answer:
        """Nothing is known of it."""
        await self.speak.wait()
        return Answer(Wire.LOST)

    async def close(self) -> None:
        """Nothing to close."""


def _now() -> int:
    return time.time_ns() // 1_000_000
