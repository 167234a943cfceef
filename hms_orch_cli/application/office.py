"""What can be asked of a running orchestrator: the one face that the HTTP API, the page and `up` itself see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from hms_orch_cli.application import activity, deploy, overview, run_list
from hms_orch_cli.application.backlog import Backlog
from hms_orch_cli.application.exchanges import exchanges
from hms_orch_cli.application.explain import explain
from hms_orch_cli.application.instruments import Instruments
from hms_orch_cli.application.items import item_json
from hms_orch_cli.application.operations import Operations
from hms_orch_cli.application.overview import RunView
from hms_orch_cli.application.plan import plan_undo
from hms_orch_cli.application.publish import Published, publish_live
from hms_orch_cli.application.run_list import Reader
from hms_orch_cli.errors import NotAllowed, NotFound, Overloaded
from hms_orch_cli.orchestrator.definition_pause import paused_behind
from hms_orch_cli.orchestrator.orchestrator import Orchestrator
from hms_orch_cli.ports.clock import Clock
from hms_orch_cli.ports.journal import Journal
from hms_orch_cli.ports.services import Service
from hms_orch_cli.ports.store import Event, NewEvent, RunRow
from hms_orch_cli.saga.identity import round_of
from hms_orch_cli.saga.moment import from_rfc3339
from hms_orch_cli.saga.outcome import Answer, Verdict, Wire
from hms_orch_cli.views.activity import Activity
from hms_orch_cli.views.totals import Totals

BACKLOG: Final = 100_000
"""Events that may wait to meet the definitions."""

COUNTED: Final = 1_000_000
"""How far the events that wait are counted for the metrics, so that a look at them is bounded."""


class Checked(NamedTuple):
    """A definition that has passed validation."""

    saga: str
    revision: str
    content: dict[str, Any]


class Gauges(NamedTuple):
    """What holds at this moment, beside the totals of the log."""

    in_flight: Mapping[tuple[str, str], int]
    """(saga, state) -> runs that have not ended"""
    oldest_unfinished_ms: int
    calls_in_flight: int
    calls_waiting: int
    """calls that wait for a place among those in flight"""
    calls_limit: int
    backlog: int
    """events that have not met the definitions yet"""
    oldest_item_ms: int
    """age of the oldest open item, 0 if there is none"""
    lock_waits: int
    """runs that stand in line for a lock"""
    oldest_in_line_ms: int
    """age of the oldest run that stands in line for a lock, 0 if none does"""
    deployed: Sequence[str]
    """definitions that hold"""
    paused: Sequence[str]
    """those whose events wait"""
    last_seq: int


class Office:
    """Use cases on a live orchestrator; every write goes through its journal."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        journal: Journal,
        reader: Reader,
        clock: Clock,
        *,
        jwks: Callable[[], dict[str, Any]],
        read_callback: Callable[[str], tuple[str, str, str] | None],
        check: Callable[[bytes], Checked],
        event_bytes: int,
        backlog: int = BACKLOG,
        instruments: Instruments | None = None,
        heard: Activity | None = None,
        services: Mapping[str, Service] | None = None,
        began_at: int | None = None,
    ) -> None:
        self._orchestrator = orchestrator
        self._journal = journal
        self._reader = reader
        self.clock = clock
        self._jwks = jwks
        self._read_callback = read_callback
        self._check = check
        self.instruments = instruments or Instruments()
        self.event_bytes = event_bytes
        self._waiting = Backlog(reader, lambda: orchestrator.projection.dispatched, clock, backlog)
        self.operations = Operations(orchestrator, reader, clock.now_ms)
        self.refused = 0
        """events that were not taken because too much was on its way into the log"""
        self._heard = heard or Activity()
        self._past: Activity | None = None
        self._services = services or {}
        self._began_at = clock.now_ms() if began_at is None else began_at

    async def publish(self, events: Sequence[NewEvent]) -> list[Published]:
        """Positions, once durable. Raises EventConflict, Overloaded, StoreFull, and then none of them is taken."""
        try:
            self._waiting.take(len(events))
            published = await publish_live(self._journal, self._reader, events)
        except Overloaded:
            self.refused += len(events)
            raise
        self._orchestrator.wake()
        return published

    async def deploy(self, text: bytes, allow: Callable[[str], None] = lambda _: None) -> deploy.Deployment:
        """Validates a definition (YAML or JSON) and records it, if `allow` does not raise for its id. Raises
        SagaFileError."""
        checked = self._check(text)
        allow(checked.saga)
        in_flight = run_list.in_flight(self._reader).get(checked.saga, {})
        now = deploy.standing(self._reader, checked.saga)
        deployment = deploy.plan(now, checked.saga, checked.revision, checked.content, in_flight)
        if deployment.change != "unchanged":
            append = deploy.deploy_append(
                checked.saga, checked.revision, checked.content, now.version, self.clock.now_ms()
            )
            await self._journal.append(*append)
            self._orchestrator.wake()
        return deployment

    async def undeploy(self, saga: str) -> None:
        """From here on the definition starts no run. Raises NotFound."""
        await self._journal.append(*deploy.undeploy_append(self._reader, saga, self.clock.now_ms()))
        self._orchestrator.wake()

    def definitions(self) -> list[dict[str, Any]]:
        """The definitions that hold, each with how many of its runs have not ended, by revision."""
        in_flight = run_list.in_flight(self._reader)
        return [
            {
                "id": data["saga"],
                "revision": data["revision"],
                "deployedAt": event.time,
                "paused": paused_behind(self._reader, data["saga"]) is not None,
                "inFlight": in_flight.get(data["saga"], {}),
                "content": data["content"],
            }
            for event, data in deploy.deployed(self._reader, self.saga_ids(), self._orchestrator.projection.dispatched)
        ]

    def saga_ids(self) -> list[str]:
        """The definitions that events meet now, in order."""
        return sorted(self._orchestrator.definitions.current)

    def definition(self, saga: str, revision: str | None) -> dict[str, Any]:
        """One that holds, or that held: see `deploy.definition_json`. Raises NotFound."""
        return deploy.definition_json(self._reader, saga, revision)

    def is_paused(self, saga: str) -> bool:
        """Whether the events of a definition wait."""
        return paused_behind(self._reader, saga) is not None

    def revisions(self, saga: str) -> list[dict[str, Any]]:
        """What was ever deployed of a definition, the newest first. Raises NotFound."""
        return deploy.revisions_json(self._reader, saga, run_list.in_flight(self._reader).get(saga, {}))

    def runs(
        self,
        *,
        saga: str | None = None,
        states: Sequence[str] = (),
        event_seq: int | None = None,
        text: str = "",
        before: str | None = None,
        limit: int = 100,
        tail_limit: int | None = None,
    ) -> list[RunRow]:
        """The run list, newest first: see `run_list.list_runs`."""
        return run_list.list_runs(
            self._reader,
            saga=saga,
            states=states,
            event_seq=event_seq,
            text=text,
            before=before,
            limit=limit,
            tail_limit=tail_limit,
        )

    def is_dispatched(self, seq: int) -> bool:
        """Whether the event at this position has met the definitions."""
        return self._orchestrator.projection.dispatched >= seq

    def run(self, saga_id: str) -> RunView:
        """One run. Raises NotFound."""
        return overview.one_run(self._reader, saga_id)

    def events(self, after: int, limit: int, kind: str | None = None) -> list[Event]:
        """Events behind a position. With `kind` the page may hold fewer than there are: go on from the last seq
        looked at."""
        events = self._reader.read_all(after, limit)
        return events if kind is None else [event for event in events if event.type == kind]

    def last_seq(self) -> int:
        """The last position of the log."""
        return self._reader.last_seq()

    def folded_to(self) -> int:
        """The position that the run list is written to."""
        return self._reader.folded_to()

    async def callback(self, token: str, outcome: str, result: Any, reason: str) -> None:
        """A participant reports the end of a 202, `outcome` success or failed; durable when this returns. Raises
        NotFound for a token that is not ours, NotAllowed if nothing waits for it; a second report changes nothing."""
        named = self._read_callback(token)
        if named is None:
            raise NotFound("there is no such callback", "use the URL of the request as it is")
        saga_id, step, word = named
        op, number = round_of(word)
        verdict = Verdict.SUCCESS if outcome == "success" else Verdict.FAILED
        answer = Answer(Wire.ANSWERED, body=result, reason=reason)
        known = await self._orchestrator.report(saga_id, step, op, verdict, answer, number)
        if not known:
            raise NotAllowed(f"the {op} of step {step} waits for no answer now", "answer while it is in progress")

    async def compensated(self, saga_id: str, step: str) -> None:
        """A participant acknowledges an undo by event (`compensate: event`). Raises NotFound, NotAllowed."""
        run = self._orchestrator.run(saga_id)
        known = run.state.saga.steps.get(step)
        if known is None:
            raise NotFound(f"run {saga_id} has no step {step}", "hms-orch status SAGA_ID lists its steps")
        if known.compensate is None or known.compensate.mode != "event":
            raise NotAllowed(f"step {step} is not undone by an event", "what is called answers its call")
        done = Answer(Wire.ANSWERED)
        if not await self._orchestrator.report(saga_id, step, "compensate", Verdict.SUCCESS, done):
            raise NotAllowed(f"the undo of step {step} waits for nothing now", "acknowledge what saga.compensate asks")

    def items(self) -> list[dict[str, Any]]:
        """The open items, the oldest first."""
        return overview.items_json(self._reader)

    def open_items(self) -> int:
        """How many items are open."""
        counts = self._orchestrator.projection.totals.counts
        return sum(counts.get("hitl_queued", {}).values()) - sum(counts.get("hitl_settled", {}).values())

    def item(self, item: str) -> dict[str, Any]:
        """One item, and what became of it. Raises NotFound."""
        return item_json(self._reader, item)

    def locks(self) -> list[dict[str, Any]]:
        """Every lock with its holder and its line."""
        return overview.locks_json(self._reader)

    def claimed_since(self, saga_id: str) -> int:
        """When a run got its lock, or came into line for it (milliseconds since 1970)."""
        return overview.claimed_since(self._reader, saga_id)

    def explain(self, saga_id: str) -> dict[str, Any]:
        """Why a run does not move. Raises NotFound."""
        return explain(self._reader, saga_id, self.clock.now_ms())

    def plan(self, saga_id: str, fail_at: str | None) -> list[dict[str, Any]]:
        """The calls that an undo would make. Raises NotFound, NotAllowed."""
        return plan_undo(self._orchestrator.run(saga_id), fail_at, self.clock.now_ms())

    def exchanges(self, saga_id: str) -> list[dict[str, Any]]:
        """What was sent for a run, and what was kept of the answers. Raises NotFound."""
        return exchanges(self._orchestrator.run(saga_id))

    async def activity(self, window: str, saga: str | None = None) -> dict[str, Any]:
        """Runs that begin and end, by time: see `activity.activity_json`. Who asks first waits for a look at the runs
        of before this process; nobody else does."""
        if self._past is None:
            self._past = await asyncio.to_thread(activity.before, self._reader, self._began_at)
        return activity.activity_json((self._past, self._heard), window, self.clock.now_ms(), saga)

    def services(self) -> list[dict[str, Any]]:
        """The participants with their health: see `activity.services_json`."""
        definitions = self._orchestrator.definitions
        sagas = [definitions.saga(*each) for each in definitions.current.items()]
        return activity.services_json(self._services, sagas, self._heard.health, self.clock.now_ms())

    def jwks(self) -> dict[str, Any]:
        """The public keys that verify the tokens of calls."""
        return self._jwks()

    def totals(self) -> Totals:
        """What the log counts up to."""
        return self._orchestrator.projection.totals

    def gauges(self) -> Gauges:
        """What holds at this moment."""
        now = self.clock.now_ms()
        oldest, oldest_item = self._reader.oldest_run(), self._oldest_item()
        locks, gate = self._orchestrator.waits.locks, self._orchestrator.gate
        first = locks.first_in_line()
        in_line = None if first is None else self._reader.run_row(first)
        return Gauges(
            in_flight=self._reader.count_by_state(),
            oldest_unfinished_ms=0 if oldest is None else max(now - oldest.started_at, 0),
            calls_in_flight=gate.taken,
            calls_waiting=gate.in_line,
            calls_limit=gate.total,
            backlog=self._backlog(),
            oldest_item_ms=0 if oldest_item is None else max(now - oldest_item, 0),
            lock_waits=locks.in_line,
            oldest_in_line_ms=0 if in_line is None else max(now - in_line.started_at, 0),
            deployed=sorted(self._orchestrator.definitions.current),
            paused=sorted(self._orchestrator.definitions.held_back),
            last_seq=self._reader.last_seq(),
        )

    def _oldest_item(self) -> int | None:
        """When the oldest open item was queued. Of a run it is found by the oldest run that has one."""
        questions = [from_rfc3339(each.since) for each in self._orchestrator.projection.questions.open.values()]
        run = self._reader.oldest_run("items")
        items = [] if run is None else [from_rfc3339(item["since"]) for item in orjson.loads(run.items or "[]")]
        return min((*questions, *items), default=None)

    def _backlog(self) -> int:
        return self._reader.arrivals(self._orchestrator.projection.dispatched, COUNTED)

    def objection(self) -> str:
        """Why it is not ready for work; empty if it is."""
        return self._orchestrator.objection()
