"""What people and other systems do: publish, deploy, cancel, abandon. Whoever gets no answer asks again."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import orjson

from hms_orch_cli.application import deploy
from hms_orch_cli.application.operations import Operations
from hms_orch_cli.application.publish import publish, publish_live
from hms_orch_cli.errors import EventConflict, HmsError
from hms_orch_cli.ports import NewEvent

from .sagas import TRIGGERS, Definition, Writer

if TYPE_CHECKING:
    from .process import Process
    from .simulation import Simulation

SOURCE = "tests"


class People:
    """Everybody outside. What is planned is planned at the start; what it meets is chance."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._rng = simulation.rng
        self._writer = Writer(simulation.rng, simulation.plan)
        self._sagas: list[str] = []
        self._kinds: list[str] = []

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
        events = rng.choice((2, 3, 4, 6, 8))
        times = [rng.random() ** 2 * safety_s / 2 for _ in range(events)]
        for number, at in enumerate(times):
            agenda.at(at, self._publish, self._event(number))
        for kind, act in (
            ("cancel", self._cancel),
            ("abandon", self._abandon),
            ("deploy", self._deploy),
            ("undeploy", self._undeploy),
        ):
            if kind in plan:
                for at in times:
                    agenda.at(at + rng.random() ** 3 * 3, act)

    # -- events

    def _event(self, number: int) -> NewEvent:
        rng = self._rng
        data: Any = {"n": rng.randint(0, 3), "kind": rng.choice("ab")}
        if rng.random() < 0.1:
            del data[rng.choice(("n", "kind"))]
        return NewEvent(
            f"e{number}", SOURCE, rng.choice(self._kinds), "2027-01-15T08:00:00.000Z", orjson.dumps(data).decode()
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
        self._wish("cancel", lambda hands, saga_id: hands.cancel(saga_id, "ann"))

    def _abandon(self) -> None:
        self._wish("abandon", lambda hands, saga_id: hands.abandon(saga_id, "ann", "of no use"))

    def _wish(self, kind: str, wish: Callable[[Operations, str], Coroutine[Any, Any, Any]], tries: int = 20) -> None:
        unfinished = [story.id for story in self._simulation.oracle.runs if not story.end]
        process = self._simulation.process
        if unfinished and process is not None:
            process.do(self._wishing(process, kind, wish, self._rng.choice(unfinished)))
        elif tries:
            self._simulation.agenda.after(0.1 * self._rng.random(), self._wish, kind, wish, tries - 1)

    async def _wishing(self, process: Process, kind: str, wish: Any, about: str) -> None:
        try:
            await wish(Operations(process.orchestrator, process.store, process.clock.now_ms), about)
        except HmsError as error:
            self._simulation.note("objected", kind, about, type(error).__name__)
            return
        self._simulation.note(kind, about)
        self._simulation.plan.fire(kind)
