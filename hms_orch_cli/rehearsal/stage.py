"""One test is played: the real orchestrator over a store in memory, in virtual time, from the event until nothing moves
any more."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Final

import orjson

from hms_orch_cli.application.operations import MISSING, Operations
from hms_orch_cli.application.publish import append_of
from hms_orch_cli.errors import HmsError
from hms_orch_cli.event_store.inline import InlineJournal
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.orchestrator.locks import Claimed
from hms_orch_cli.orchestrator.orchestrator import Orchestrator
from hms_orch_cli.orchestrator.requests import RequestWriter
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.rehearsal.cases import START_MS, Case, Decision, HeldLock, Later, Operation
from hms_orch_cli.rehearsal.cast import Cast
from hms_orch_cli.rehearsal.record import Played, Ran, Refusal, Sent
from hms_orch_cli.rehearsal.repertoire import Ready
from hms_orch_cli.rehearsal.virtual_time import Agenda, Endless, Loop
from hms_orch_cli.saga.events import Compensate, Queued, RunFact
from hms_orch_cli.saga.identity import run_id
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.saga.state import Run
from hms_orch_cli.views.questions import QUEUED, STREAM

MOST_STEPS: Final = 200_000
"""Callbacks of one test; a hundred times what a long one needs."""

CALLS: Final = 256
"""Calls at a time, in all and to one service: the default of `up`."""

CALLS_PER_SERVICE: Final = 64

FOR_EVER: Final = float("inf")


class Stage:
    """Plays one test over sagas, of which the first is the one that it is about. It is observer, clock and event loop
    of its orchestrator."""

    def __init__(self, sagas: Sequence[Ready], case: Case, expressions: Expressions) -> None:
        self._sagas = sagas
        self._case = case
        self._expressions = expressions
        self._agenda = Agenda()
        self._loop = Loop(self._agenda)
        self._store = MemoryStore()
        self._runs: dict[str, Ran] = {}
        self._taken: set[int] = set()
        self._planned = 0
        self._refusals: list[Refusal] = []
        self._cast = Cast(case.replies, self._after, self._sent, self._report)

    def play(self) -> Played:
        """The test, from its start to its end. Raises what stopped the orchestrator, which nothing in a test may."""
        case = self._case
        self._agenda.soon(self._begin, loop=self._loop)
        endless = False
        try:
            self._agenda.run(FOR_EVER if case.at_ms is None else case.at_ms / 1000, MOST_STEPS, self._is_over)
        except Endless:
            endless = True
        finally:
            self._loop.kill()
        if (problem := next(iter(self._loop.problems), self._orchestrator.failure)) is not None:
            raise problem
        main = self._runs.pop(self._main, None)
        return Played(
            main=main,
            others=tuple(self._runs.values()),
            asked_about=self._asked_about(),
            given=self._cast.given,
            taken=frozenset(self._taken),
            refusals=self._refusals,
            at_ms=self._elapsed_ms,
            endless=endless,
        )

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return START_MS + self._elapsed_ms

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """See `ports.Observer.on_facts`."""
        ran = self._ran(run)
        ran.run = run
        ran.told.append((run, facts))
        for fact in facts:
            if isinstance(fact, Queued):
                self._ask(fact)
            elif isinstance(fact, Compensate) and fact.mode == "event":
                self._cast.hear(run.id, fact.step)

    # -- the beginning

    def _begin(self) -> None:
        case, store = self._case, self._store
        journal = InlineJournal(store)
        self._orchestrator = orchestrator = Orchestrator(
            journal,
            store,
            store,
            self._cast,
            lambda: self._expressions,
            self,
            RequestWriter(
                lambda *named: f"http://localhost:7600/v1/callbacks/{'.'.join(named)}",
                lambda name: case.secrets.get(name, f"secret {name}"),
            ),
            [self],
            calls=CALLS,
            calls_per_service=CALLS_PER_SERVICE,
        )
        self._operations = Operations(orchestrator, store, self.now_ms)
        for ready in self._sagas:
            orchestrator.definitions.know(ready.compiled)
        store.append([*(ready.deployment for ready in self._sagas), append_of(case.event)])
        (event,) = store.read_all(len(self._sagas), 1)
        self._main = run_id(self._sagas[0].saga.id, event.seq, event.hash)
        orchestrator.start()
        self._hold_locks(case.locks)
        for later in case.events:
            self._after(later.after_ms, self._publish, later)
        for operation in case.operations:
            self._after(operation.after_ms, self._operate, operation)

    def _hold_locks(self, held: Sequence[HeldLock]) -> None:
        """Somebody else was there first."""
        if not held:
            return
        locks = self._orchestrator.waits.locks
        others = [f"other-run-{place}" if place else "other-run" for place in range(len(held))]
        claims = [
            Claimed(lock.key, 0, other, fence) for fence, (lock, other) in enumerate(zip(held, others, strict=True), 1)
        ]
        locks.restore(claims, len(held))
        for lock, other in zip(held, others, strict=True):
            if lock.for_ms is not None:
                self._after(lock.for_ms, locks.leave, other)

    # -- what happens on the way

    def _publish(self, later: Later) -> None:
        event = later.event if later.event.time else later.event._replace(time=rfc3339(self.now_ms()))
        self._store.append([append_of(event)])
        self._orchestrator.wake()

    def _ask(self, question: Queued) -> None:
        """Somebody decides, if the test says who and what."""
        for decision in self._case.decisions:
            if decision.number not in self._taken and decision.fits(question.kind, question.step):
                self._taken.add(decision.number)
                self._after(decision.after_ms, self._decide, question.id, decision)
                return

    def _decide(self, item: str, decision: Decision) -> None:
        output = decision.output[0] if decision.output else MISSING
        wish = self._operations.decide(item, decision.decision, decision.actor, decision.note, output)
        self._spawn(self._wish("decisions", decision.number, wish))

    def _operate(self, operation: Operation) -> None:
        verb = getattr(self._operations, operation.verb)
        self._spawn(self._wish("operations", operation.number, verb(self._main, operation.actor, operation.note)))

    async def _wish(self, key: str, number: int, wish: Coroutine[Any, Any, Any]) -> None:
        try:
            await wish
        except HmsError as error:
            self._refusals.append(Refusal(key, number, error.message))

    def _sent(self, saga_id: str, target: str, request: CallRequest | None) -> None:
        ran = self._runs.get(saga_id)
        if ran is not None:  # the intent is durable, so it has told of itself
            ran.sent.append(Sent(self._elapsed_ms, target, request))

    def _report(self, *told: Any) -> None:
        self._spawn(self._orchestrator.report(*told))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        self._loop.create_task(work).add_done_callback(self._done)

    def _done(self, task: Any) -> None:
        task.result()

    def _after(self, ms: int, callback: Any, *args: Any) -> None:
        self._planned += 1
        self._agenda.after(ms / 1000, self._as_planned, callback, args, loop=self._loop)

    def _as_planned(self, callback: Any, args: tuple[Any, ...]) -> None:
        self._planned -= 1
        callback(*args)

    def _is_over(self) -> bool:
        """Whether every run has ended and nobody wants anything any more: what is left is housekeeping."""
        return not self._planned and not self._orchestrator.runner.live

    # -- the end

    def _ran(self, run: Run) -> Ran:
        ran = self._runs.get(run.id)
        if ran is None:
            ran = self._runs[run.id] = Ran(run)
        return ran

    @property
    def _elapsed_ms(self) -> int:
        return int(self._agenda.now * 1000 + 1e-6)  # a float may fall a hair short of its millisecond

    def _asked_about(self) -> list[dict[str, Any]]:
        found = []
        for ready in self._sagas:
            events = self._store.read(f"{STREAM}{ready.saga.id}")
            found += [orjson.loads(event.data or "{}") for event in events if event.type == QUEUED]
        return found
