"""What people and other systems do: publish, deploy, cancel, abandon. Whoever gets no answer asks again."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from hms_orch_cli.application import deploy
from hms_orch_cli.application.alone import Alone, drive
from hms_orch_cli.application.operations import Operations
from hms_orch_cli.application.publish import publish, publish_live
from hms_orch_cli.errors import EventConflict, HmsError
from hms_orch_cli.orchestrator.definition_pause import paused_behind
from hms_orch_cli.ports.store import NewEvent

from .process import EXPRESSIONS
from .sagas import AWAITED, TRIGGERS, Definition, Writer

if TYPE_CHECKING:
    from .process import Process
    from .simulation import Simulation

SOURCE = "tests"

MOST_ROUNDS = 120
"""Looks at what waits for a person; the last one is some fifteen hours after the first."""

Wish = Callable[[Operations, str], Coroutine[Any, Any, Any]]


def _let_go_on(hands: Operations, saga_id: str) -> Coroutine[Any, Any, Any]:
    return hands.redrive(saga_id, "ann", keep_revision=True)


class People:
    """Everybody outside. What is planned is planned at the start; what it meets is chance."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._rng = simulation.rng
        self._writer = Writer(simulation.rng, simulation.plan)
        self._sagas: list[str] = []
        self._kinds: list[str] = []
        self._thought_better: set[str] = set()

    def plan(self, safety_s: float) -> None:
        """Deploys, and lays down who will do what when."""
        rng, agenda, plan = self._rng, self._simulation.agenda, self._simulation.plan
        for number in range(rng.choice((1, 1, 2))):
            triggers = (TRIGGERS[number],) if rng.random() < 0.7 else TRIGGERS
            self._kinds += triggers
            self._deploy_offline(self._writer.definition(f"s{number}", triggers))
        if rng.random() < 0.08:
            end = rng.choice(("saga.completed", "saga.failed", "saga.cancelled"))
            self._deploy_offline(self._writer.definition("follower", (end,)))
        times: list[float] = []
        for _ in range(rng.choice((3, 4, 6, 8))):
            together = times and rng.random() < 0.25
            times.append(times[-1] if together else rng.random() ** 2 * safety_s / 2)
        for number, at in enumerate(times):
            agenda.at(at, self._publish, self._event(number))
        for kind, act in (
            ("cancel", self._cancel),
            ("abandon", self._abandon),
            ("deploy", self._deploy),
            ("undeploy", self._undeploy),
            ("pause", self._pause),
            ("pause definition", self._pause_definition),
            ("redrive", self._redrive),
            ("release lock", self._release),
            ("decide", self._decide),
            ("decide twice", self._decide_twice),
            ("decide alone", self._decide_alone),
        ):
            if kind in plan:
                for at in times:
                    agenda.at(at + rng.random() ** 3 * 3, act)
        if self._writer.awaits:
            for number in range(rng.choice((2, 4, 8))):
                agenda.at(rng.random() ** 2 * safety_s, self._publish, self._event(100 + number, AWAITED))

    # -- events

    def _event(self, number: int, kinds: Sequence[str] = ()) -> NewEvent:
        rng = self._rng
        data: Any = {"n": rng.randint(0, 3), "kind": rng.choice("ab"), "key": rng.choice((1, 1, "1", 2, {"a": 1}))}
        if rng.random() < 0.06:
            del data[rng.choice(("n", "kind", "key"))]
        return NewEvent(
            f"e{number}",
            SOURCE,
            rng.choice(kinds or self._kinds),
            "2027-01-15T08:00:00.000Z",
            orjson.dumps(data).decode(),
        )

    def _publish(self, event: NewEvent, tries: int = 6) -> None:
        simulation, rng, plan = self._simulation, self._rng, self._simulation.plan
        process = simulation.process
        if plan.wants("event twice"):
            simulation.agenda.after(rng.random() * 10, self._publish, event, 0)
        if plan.strikes("event in conflict"):
            other = event._replace(data='{"other": true}')
            simulation.agenda.after(rng.random() * 10, self._publish, other, 0)
        heard: list[bool] = []
        if process is not None:
            process.do(self._publishing(process, event, heard))
        elif simulation.nobody_holds and plan.strikes("event while down"):
            try:
                self._published(event, publish(simulation.disk_as_store(), [event])[0].position)
            except EventConflict:
                simulation.note("refused", event.id)
            heard.append(True)

        def again() -> None:
            if not heard:
                self._publish(event, tries - 1)

        if tries > 0:
            simulation.agenda.after(0.5 + rng.random() * 3, again)

    async def _publishing(self, process: Process, event: NewEvent, heard: list[bool]) -> None:
        try:
            (published,) = await publish_live(process.journal, process.store, [event])  # type: ignore[arg-type]
        except EventConflict:
            self._simulation.note("refused", event.id)
            heard.append(True)
            return
        except HmsError as error:
            self._simulation.note("not published", event.id, type(error).__name__)
            return
        heard.append(True)
        if published.duplicate:
            self._simulation.plan.fire("event twice")
        process.orchestrator.wake()
        self._published(event, published.position)

    def _published(self, event: NewEvent, position: int) -> None:
        acknowledged = self._simulation.oracle.acknowledged
        before = acknowledged.setdefault((event.source, event.id), position)
        if before != position:
            self._simulation.violated("L3", f"{event.id} was acknowledged at {before} and at {position}")
        self._simulation.note("published", event.id, position)

    # -- definitions

    def _deploy_offline(self, definition: Definition) -> None:
        self._sagas.append(definition.saga)
        now = deploy.standing(self._simulation.disk.store, definition.saga)
        append = deploy.deploy_append(*definition[::2], definition.content, now.version, self._simulation.clock_ms)
        self._simulation.disk.write([append], None)

    def _deploy(self, tries: int = 20) -> None:
        process = self._simulation.process
        if process is not None:
            process.do(self._deploying(process, self._rng.choice(self._sagas)))
        elif tries:
            self._simulation.agenda.after(0.3, self._deploy, tries - 1)

    async def _deploying(self, process: Process, saga: str) -> None:
        held = deploy.standing(process.store, saga)  # type: ignore[arg-type]
        triggers = ("saga.completed",) if saga == "follower" else (self._rng.choice(TRIGGERS),)
        new = self._writer.definition(saga, triggers)
        if held.revision == new.revision:
            return
        append = deploy.deploy_append(saga, new.revision, new.content, held.version, process.clock.now_ms())
        try:
            await process.journal.append(*append)
        except HmsError:
            return
        process.orchestrator.wake()
        self._simulation.plan.fire("deploy")

    def _undeploy(self, tries: int = 20) -> None:
        process = self._simulation.process
        if process is not None:
            process.do(self._undeploying(process, self._rng.choice(self._sagas)))
        elif tries:
            self._simulation.agenda.after(0.3, self._undeploy, tries - 1)

    async def _undeploying(self, process: Process, saga: str) -> None:
        try:
            append = deploy.undeploy_append(process.store, saga, process.clock.now_ms())  # type: ignore[arg-type]
            await process.journal.append(*append)
        except HmsError:
            return
        process.orchestrator.wake()
        self._simulation.plan.fire("undeploy")

    # -- runs

    def _cancel(self) -> None:
        self._wish("cancel", self._moving, lambda hands, saga_id: hands.cancel(saga_id, "ann"))

    def _abandon(self) -> None:
        self._wish("abandon", self._moving, lambda hands, saga_id: hands.abandon(saga_id, "ann", "of no use"))

    def _pause(self) -> None:
        self._wish("pause", self._moving, lambda hands, saga_id: hands.pause(saga_id, "ann"))
        resume = lambda hands, saga_id: hands.resume(saga_id, "bob")  # noqa: E731
        self._simulation.agenda.after(self._rng.random() ** 2 * 10, self._wish, "resume", self._paused, resume, 0)

    def _pause_definition(self) -> None:
        resume = lambda hands, saga: hands.resume_definition(saga, "bob")  # noqa: E731
        pause = lambda hands, saga: hands.pause_definition(saga, "ann")  # noqa: E731
        self._wish("pause definition", lambda: self._sagas, pause)
        self._simulation.agenda.after(self._rng.random() ** 2 * 10, self._wish, "resume", self._held_back, resume, 0)

    def _redrive(self) -> None:
        self._wish("redrive", self._failed, _let_go_on)

    def _release(self) -> None:
        keys = lambda: list(self._simulation.oracle.holders)  # noqa: E731
        self._wish("release lock", keys, lambda hands, key: hands.release(key, "ann", "it is needed"))

    def _decide(self) -> None:
        self._wish("decide", self._items, self._deciding("ann"))

    def _decide_twice(self) -> None:
        """Two people decide the same item, in whatever they think of."""

        def both(hands: Operations, item: str) -> Coroutine[Any, Any, Any]:
            process = self._simulation.process
            if process is not None:
                process.do(self._wishing(process, "decide", self._deciding("bob"), item))
            return self._deciding("ann")(hands, item)

        self._wish("decide twice", self._items, both)

    def _decide_alone(self, tries: int = 20) -> None:
        """A command decides while nobody is up."""
        simulation, items = self._simulation, self._items()
        if not items or not simulation.nobody_holds:
            if tries:
                simulation.agenda.after(0.2, self._decide_alone, tries - 1)
            return
        store = simulation.disk_as_store()
        alone = Alone(store, lambda: EXPRESSIONS, lambda: simulation.now_ms)
        try:
            drive(self._deciding("cli")(Operations(alone, store, lambda: simulation.now_ms), items[0]))
        except HmsError as error:
            simulation.note("objected", "decide alone", items[0], type(error).__name__)
            return
        simulation.note("decide alone", items[0])
        simulation.plan.fire("decide alone")

    def _deciding(self, actor: str) -> Wish:
        def decide(hands: Operations, item: str) -> Coroutine[Any, Any, Any]:
            decision = self._rng.choice(self._items_with_decisions().get(item) or ["done"])
            if decision == "abandon" and "redrive" in self._simulation.plan:
                self._simulation.agenda.after(1, self._think_better, item.rpartition(".")[0])
            return hands.decide(item, decision, actor, "as it seems right")

        return decide

    def _think_better(self, saga_id: str) -> None:
        """A run that was abandoned since its undo was stuck is to go on after all; once each."""
        if saga_id not in self._thought_better:
            self._thought_better.add(saga_id)
            self._wish("redrive", lambda: [saga_id] if saga_id in self._failed() else [], _let_go_on)

    def tend(self, rounds: int = 0) -> None:
        """Once the faults are healed: whatever waits for a person gets one, ever more slowly."""
        simulation = self._simulation
        wishes: list[tuple[str, Sequence[str], Wish]] = [
            ("resume", self._held_back(), lambda hands, saga: hands.resume_definition(saga, "eve")),
            ("resume", self._paused(), lambda hands, saga_id: hands.resume(saga_id, "eve")),
            ("decide", [item for item, _ in self._items_with_decisions().items()], self._deciding("eve")),
            ("cancel", self._waiting(), lambda hands, saga_id: hands.cancel(saga_id, "eve")),
        ]
        process = simulation.process
        for kind, about, wish in wishes:
            for each in about:
                if process is not None:
                    process.do(self._wishing(process, kind, wish, each))
        # Some rounds more than seem to be needed: what was published last may still be on its way.
        if rounds < 10 or (rounds < MOST_ROUNDS and (self._moving() or self._held_back() or process is None)):
            simulation.agenda.after(3 * 1.06**rounds + self._rng.random(), self.tend, rounds + 1)

    # -- what there is

    def _moving(self) -> list[str]:
        return [story.id for story in self._simulation.oracle.runs if not story.end]

    def _paused(self) -> list[str]:
        return [story.id for story in self._simulation.oracle.runs if story.paused]

    def _failed(self) -> list[str]:
        ends = ("Failed", "Cancelled", "Abandoned")
        return [story.id for story in self._simulation.oracle.runs if story.end in ends and not story.replaced_by]

    def _waiting(self) -> list[str]:
        """Runs that wait for an event, for ever: somebody gives up."""
        return [
            story.id
            for story in self._simulation.oracle.runs
            if not story.cause and any(call.waiting and not call.due_at for call in story.calls.values())
            if not story.items
        ]

    def _held_back(self) -> list[str]:
        return [saga for saga in self._sagas if paused_behind(self._simulation.disk.store, saga) is not None]

    def _items(self) -> list[str]:
        return list(self._items_with_decisions())

    def _items_with_decisions(self) -> dict[str, list[str]]:
        oracle = self._simulation.oracle
        found = {item.id: item.decisions for story in oracle.runs for item in story.items.values()}
        return {**found, **{item: ["done"] for item in oracle.questions}}

    def _wish(self, kind: str, things: Callable[[], Sequence[str]], wish: Wish, tries: int = 20) -> None:
        """Somebody wants something of one of the things that there are; if there is none, a little later."""
        process, about = self._simulation.process, things()
        if about and process is not None:
            process.do(self._wishing(process, kind, wish, self._rng.choice(about)))
        elif tries:
            self._simulation.agenda.after(0.1 * self._rng.random(), self._wish, kind, things, wish, tries - 1)

    async def _wishing(self, process: Process, kind: str, wish: Wish, about: str) -> None:
        try:
            await wish(Operations(process.orchestrator, process.store, process.clock.now_ms), about)  # type: ignore[arg-type]
        except HmsError as error:
            self._simulation.note("objected", kind, about, type(error).__name__)
            return
        self._simulation.note(kind, about)
        self._simulation.plan.fire(kind)
