"""One run: read, fold, due, act, decide, append. The same loop starts a run, moves it, and takes it up after a crash.

A turn folds what happened, begins what can begin, and appends all of it at once; only when that is durable are the
calls made that it owes. What was appended as begun and has no answer when a run is read from the log was cut off, and
is begun again with the same key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeGuard

import orjson

from hms_orch_cli.errors import ConfigError, ExpressionError
from hms_orch_cli.orchestrator.alarms import Alarms
from hms_orch_cli.orchestrator.compiled import CompiledStep
from hms_orch_cli.orchestrator.errands import Act, Errands
from hms_orch_cli.orchestrator.gate import Gate
from hms_orch_cli.orchestrator.listening import heard, waiting_steps
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.projection import Projection
from hms_orch_cli.orchestrator.requests import RequestWriter, names_of
from hms_orch_cli.orchestrator.waits import Waits
from hms_orch_cli.ports.clock import Clock
from hms_orch_cli.ports.journal import Journal
from hms_orch_cli.ports.observer import Observer
from hms_orch_cli.ports.participants import Participants
from hms_orch_cli.ports.store import Event, NewEvent
from hms_orch_cli.saga.commands import Acquire, Begin, Check, Command, Expire, Listen, Poll, Send, Wake
from hms_orch_cli.saga.decide import advance
from hms_orch_cli.saga.due import due, is_announced
from hms_orch_cli.saga.encoding import to_data
from hms_orch_cli.saga.event_types import TYPES
from hms_orch_cli.saga.events import RunFact
from hms_orch_cli.saga.inputs import Attempt, CutOff, Granted, Heard, Input, Tick
from hms_orch_cli.saga.machine import evolve
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.saga.outcome import Op
from hms_orch_cli.saga.reserved import SOURCE
from hms_orch_cli.saga.state import PENDING, Phase, Run, Status
from hms_orch_cli.saga.waiting import has_heard
from hms_orch_cli.views.runs import waits_for_others

_log = logging.getLogger(__name__)

_ACTS: Final = (Send, Poll, Check)
_ASKS: Final = (Acquire, Listen, Expire)
"""Tuples, as `A | B` would be made anew at each of the many times a run is asked what it owes."""


class Runner:
    """Moves all runs that are in memory. One task goes along with each call in flight; a run that pauses has none."""

    def __init__(
        self,
        journal: Journal,
        participants: Participants,
        clock: Clock,
        gate: Gate,
        writer: RequestWriter,
        waits: Waits,
        projection: Projection,
        observers: Sequence[Observer],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._gate = gate
        self._writer = writer
        self._errands = Errands(participants, clock, gate, writer)
        self._waits = waits
        self._projection = projection
        self._observers = observers
        self._on_fatal = on_fatal
        self._alarms = Alarms(clock, self._ring)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.live: dict[str, LiveRun] = {}

    # -- from outside

    def take(self, run: LiveRun, happened: Input | None = None) -> None:
        """Takes a run into memory and lets it go on; `happened` is what it starts with. When this returns, the first
        facts are on their way into the log, in front of whatever is appended later."""
        self.live[run.state.id] = run
        self._spawn(run, *self._begin_turn(run, happened))

    def offer(self, run: LiveRun, event: Event) -> None:
        """An event that the run may wait for: the first of its steps that it matches takes it."""
        for step in waiting_steps(run.state, event.type):
            if step not in run.listening or has_heard(run.state, event.seq):
                continue
            found = heard(run, run.state, step, event)
            if found is not None:
                self.take(run, found)
            if isinstance(found, Heard):
                return

    def grant(self, run: LiveRun, fence: int) -> None:
        """The run's turn for its lock has come, if it still is one that goes on."""
        if self._goes_on(run.state):
            self.take(run, Granted(fence))

    async def tell(self, run: LiveRun, happened: Input) -> Run:
        """Brings an input from outside (a callback, a cancel) to a run; ends when what follows from it is durable, with
        the run after it."""
        if run.state.status.ended:
            # It goes on by a person's wish, if at all. What was under way belongs to the run that has ended.
            run = LiveRun(run.state, run.compiled, run.trigger)
        recorded, acts = self._begin_turn(run, happened)
        if recorded is not None or self._goes_on(run.state):
            self.live[run.state.id] = run  # also what has ended, until the log says so: nobody reads an older state
        durable = asyncio.ensure_future(recorded) if recorded is not None else None
        self._spawn(run, durable, acts)
        if durable is not None:
            await asyncio.shield(durable)
        return run.state

    @property
    def is_idle(self) -> bool:
        """Whether nothing moves any more without a person, an event or a callback."""
        return not self._tasks and all(waits_for_others(run.state) for run in self.live.values())

    @property
    def stopping(self) -> bool:
        """Whether nothing begins any more in this process."""
        return self._stopping

    @property
    def in_flight(self) -> int:
        """Runs with something under way in this process."""
        return len(self._tasks)

    async def stop(self, grace_s: float) -> None:
        """No new attempt begins; those in flight get `grace_s` seconds. Whatever is left can be taken up again."""
        self._stopping = True
        self._errands.stop()
        self._alarms.stop()
        for run in self.live.values():
            run.stir()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # -- the loop of one run

    def _spawn(self, run: LiveRun, recorded: Awaitable[None] | None, acts: list[Act]) -> None:
        """Goes on in a task of its own with what a turn left."""
        if recorded is None and not acts:
            return
        task = asyncio.get_running_loop().create_task(self._go_on(run, recorded, acts))
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_fatal(error)

    async def _go_on(self, run: LiveRun, recorded: Awaitable[None] | None, acts: list[Act]) -> None:
        """Turn after turn, as long as each leaves something to do for this task."""
        while True:
            if recorded is not None:
                await recorded
            if not acts:
                return
            first, *others = acts
            for other in others:
                self._spawn(run, None, [other])
            try:
                happened = await self._errands.carry_out(run, first)
            finally:
                run.acting.discard(_name(first))
            if happened is None or self.live.get(run.state.id, run) is not run:
                return  # nobody wants to know; or the run had ended, and goes on by a person's wish: it is another one
            recorded, acts = self._begin_turn(run, happened)

    def _begin_turn(self, run: LiveRun, happened: Input | None) -> tuple[Awaitable[None] | None, list[Act]]:
        """A turn, and its facts on their way into the log; the acts may be carried out once those are durable."""
        facts, acts = self._turn(run, happened)
        recorded = self._record(run, run.state, facts) if facts else None
        self._waits.settle(run)  # behind the append: whoever is next in line stands behind it in the log
        return recorded, acts

    def _turn(self, run: LiveRun, happened: Input | None) -> tuple[list[RunFact], list[Act]]:
        """Folds an input, begins what may begin, and says what to append and then to carry out."""
        now = self._clock.now_ms()
        state, facts = advance(run.state, happened, now) if happened is not None else (run.state, [])
        self._settle_places(run, state)
        owed = due(state, now)
        while (step := self._next_input(run, state, owed)) is not None:
            state, more = advance(state, step, now)
            self._settle_places(run, state)  # an attempt may be given up at the moment when it could begin again
            if not more:  # what is owed and what fits do not agree: the others go on while this one stands
                _log.error("run %s is owed something that changes nothing: %s", state.id, type(step).__name__)
                break
            facts += more
            owed = due(state, now)
        run.state = state
        if run.granted:
            self._return_granted(run)
        run.stir()
        acts: list[Act] = []
        wake_at: int | None = None
        for command in owed:
            if isinstance(command, Wake):
                wake_at = command.at if wake_at is None else min(wake_at, command.at)
            elif isinstance(command, _ACTS):
                name = _name(command)
                if name not in run.acting and not self._stopping:
                    run.acting.add(name)
                    acts.append(command)
        if wake_at is not None and not self._stopping:
            self._alarms.set(state.id, wake_at)
        else:
            self._alarms.clear(state.id)
        return facts, acts

    def _next_input(self, run: LiveRun, state: Run, owed: list[Command]) -> Input | None:
        """The next thing that can begin: an attempt that is owed, or one that was cut off; or that a wait ends."""
        if self._stopping:
            return None
        for command in owed:
            if isinstance(command, _ASKS):
                if (answer := self._waits.answer(run, state, command)) is not None:
                    return answer
                continue
            if isinstance(command, Begin):
                key = (command.step, command.op)
            elif _sends(command) and (command.step, command.op) not in run.requests:
                key = (command.step, command.op)  # begun before this process took the run: cut off
                if command.op == "call" and state.saga.steps[command.step].check is not None:
                    return CutOff(command.step, command.attempt)
            else:
                continue
            if key in run.waiting:
                continue
            happened = self._begin(run, state, command.step, command.op)
            if happened is not None:
                return happened
        return None

    def _begin(self, run: LiveRun, state: Run, name: str, op: Op) -> Attempt | None:
        """Evaluates what an attempt needs. None if there is no room for it now: it waits in line."""
        step = run.compiled.steps[name]
        before = (state.calls if op == "call" else state.undos).get(name, PENDING)
        try:
            if op == "call" and not before.attempt and not self._is_wanted(run, state, step):
                return Attempt(name, op, skip=True)
            if op == "call" and step.step.call is None:
                return Attempt(name, op, prompt=_prompt(run, state, step))
            if is_announced(step.step, op):
                return Attempt(name, op)
            compiled = step.requests.get(op)
            if compiled is None:
                return Attempt(name, op, error="the step has no request")  # the schema sees to it that it has
            again = before.phase in (Phase.PENDING, Phase.RETRYING)
            attempt = before.attempt + 1 if again else before.attempt
            request = self._writer.attempt(state, run.trigger, compiled, name, op, attempt)
        except (ExpressionError, ConfigError) as error:
            return Attempt(name, op, error=error.message)
        key = (name, op)
        if run.granted.pop(key, None) is None and not self._gate.enter(request.service):
            run.waiting.add(key)
            self._gate.wait(request.service, lambda: self._admitted(run, key, request.service))
            return None
        run.places[key] = request.service
        run.requests[key] = request
        return Attempt(name, op)

    def _is_wanted(self, run: LiveRun, state: Run, step: CompiledStep) -> bool:
        """Whether the step's `when` lets it begin. Raises ExpressionError."""
        if step.when is None:
            return True
        try:
            return bool(step.when.evaluate(names_of(state, run.trigger, step.step.name)))
        except ExpressionError as error:
            raise ExpressionError(f"when: {error.message}", error.hint) from error

    def _admitted(self, run: LiveRun, key: tuple[str, Op], service: str) -> None:
        """There is a place now: the run, if it still is one, looks again at what it may begin."""
        run.waiting.discard(key)
        if self._stopping or self.live.get(run.state.id) is not run:
            self._gate.leave(service)
            return
        run.granted[key] = service
        # Later, not here: whoever gave the place back is in the middle of its own turn.
        asyncio.get_running_loop().call_soon(self._look, run, None)

    def _return_granted(self, run: LiveRun) -> None:
        """A place that came too late: the run has turned back, or ended, meanwhile."""
        granted, run.granted = run.granted, {}
        for service in granted.values():
            self._gate.leave(service)

    def _settle_places(self, run: LiveRun, state: Run) -> None:
        """Gives back the places of calls that are not under way any more."""
        for key in list(run.places):
            step, op = key
            progress = state.progress(step, op)
            if progress.phase is not Phase.RUNNING:
                self._gate.leave(run.places.pop(key))
                if progress.phase is not Phase.ACCEPTED:  # a 425 wants the same request again
                    run.requests.pop(key, None)

    def _record(self, run: LiveRun, state: Run, facts: list[RunFact]) -> Awaitable[None]:
        """Puts facts on their way into the log; the returned awaitable ends when they are durable and known."""
        version = state.version - len(facts)
        durable = self._journal.append(f"run/{state.id}", events_of(state, facts, version), version)
        self._projection.fold(state, facts)  # behind the append: what is derived never claims more than was handed over
        return self._known(run, state, facts, durable)

    async def _known(self, run: LiveRun, state: Run, facts: list[RunFact], durable: Awaitable[int]) -> None:
        await durable
        for observer in self._observers:
            observer.on_facts(state, facts)
        if state.version == run.state.version and not self._goes_on(state):  # else more is on its way into the log
            self._forget(run)

    @staticmethod
    def _goes_on(run: Run) -> bool:
        """Whether something other than a person's decision may move it."""
        return not run.status.ended and run.status is not Status.STUCK

    def refuse(self, run: LiveRun, fact: RunFact) -> None:
        """Records why an event started no run."""
        run.state = evolve(run.state, fact)
        self.live[run.state.id] = run  # until the log says so: nobody starts it meanwhile
        self._spawn(run, self._record(run, run.state, [fact]), [])

    def _forget(self, run: LiveRun) -> None:
        """Lets go of a run that has ended, or that only a decision can move."""
        for service in run.places.values():
            self._gate.leave(service)
        run.places.clear()
        if self.live.get(run.state.id, run) is not run:
            return  # it goes on already, by a person's wish
        self._alarms.clear(run.state.id)
        self._waits.forget(run.state)
        self.live.pop(run.state.id, None)

    def _ring(self, saga_id: str) -> None:
        run = self.live.get(saga_id)
        if run is not None:
            self._look(run, Tick())

    def _look(self, run: LiveRun, happened: Input | None) -> None:
        """A turn that the loop calls for: nobody else would hear of what it raises."""
        try:
            self._spawn(run, *self._begin_turn(run, happened))
        except Exception as error:  # noqa: BLE001  # whatever it is, nothing goes on after it
            self._on_fatal(error)


def _prompt(run: LiveRun, state: Run, step: CompiledStep) -> str | None:
    """What a person is asked, None in a step that waits for an event. Raises ExpressionError."""
    approval = step.step.approval
    if approval is None or step.prompt is None:
        return approval and approval.prompt
    try:
        return str(step.prompt.render(names_of(state, run.trigger, step.step.name)))
    except ExpressionError as error:
        raise ExpressionError(f"prompt: {error.message}", error.hint) from error


def _sends(command: Command) -> TypeGuard[Send | Poll]:
    """Whether a request goes out for it: an attempt, or the same request again after a 425."""
    return isinstance(command, Send) or (isinstance(command, Poll) and command.status == 425)


def _name(act: Act) -> tuple[type[Act], str, Op, int]:
    # The kind belongs to it: a check begins while the last poll of the same attempt may still be under way.
    return type(act), act.step, "call" if isinstance(act, Check) else act.op, act.attempt


def events_of(run: Run, facts: Sequence[RunFact], version: int) -> list[NewEvent]:
    """The events of a run's next facts; `version` is where its stream stands before them."""
    return [_event(run, version + place, fact) for place, fact in enumerate(facts, 1)]


def _event(run: Run, version: int, fact: RunFact) -> NewEvent:
    data = orjson.dumps(to_data(fact, run.id, run.saga.id)).decode()
    return NewEvent(f"{run.id}.{version}", SOURCE, TYPES[type(fact)], rfc3339(fact.at), data)
