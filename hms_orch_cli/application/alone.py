"""The hands of a command that holds the store itself while no orchestrator runs: it records what a person wants, and
makes no call. Whatever follows from it is done by the next `up`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import orjson

from hms_orch_cli.application.overview import claimed, questions_of
from hms_orch_cli.application.run_list import Reader
from hms_orch_cli.orchestrator.definition_pause import pause_append, resume_append
from hms_orch_cli.orchestrator.definitions import Definitions
from hms_orch_cli.orchestrator.history import load_run
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.projection import DEFINITIONS, DISPATCHED
from hms_orch_cli.orchestrator.runner import events_of
from hms_orch_cli.orchestrator.watch import DECIDED, decision_of, item_append
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.store import Append, EventStore
from hms_orch_cli.saga.decide import advance
from hms_orch_cli.saga.inputs import Input, Trigger
from hms_orch_cli.saga.machine import begin
from hms_orch_cli.saga.state import Run

Done = TypeVar("Done")


class Store(EventStore, Reader, Protocol):
    """A store that is written by whoever holds it."""


class Alone:
    """See `operations.Hands`. Nothing here waits, so `drive` needs no event loop."""

    def __init__(self, store: Store, expressions: Callable[[], Expressions], now: Callable[[], int]) -> None:
        self._store = store
        self._definitions = Definitions(store, expressions)
        self._now = now

    def run(self, saga_id: str) -> LiveRun:
        """See `Hands.run`."""
        return load_run(self._store, self._definitions, saga_id)

    async def tell(self, run: LiveRun, happened: Input) -> Run:
        """See `Hands.tell`."""
        self._record(run, happened)
        return run.state

    def start_anew(self, run: LiveRun, saga_id: str) -> None:
        """See `Hands.start_anew`."""
        state = run.state
        assert state.event is not None, "a run that has ended knows its event"  # noqa: S101
        anew = LiveRun(begin(state.saga, saga_id), run.compiled, run.trigger)
        self._record(anew, Trigger(state.event, state.depth, redrive_of=state.id))

    def exists(self, saga_id: str) -> bool:
        """See `Hands.exists`."""
        return bool(self._store.read(f"run/{saga_id}"))

    def holder(self, key: str) -> str:
        """See `Hands.holder`."""
        return next((row.saga_id for row in claimed(self._store) if row.lock_key == key and row.fence), "")

    async def decide_about_definition(self, item: str, decision: str, actor: str, note: str) -> None:
        """See `Hands.decide_about_definition`."""
        questions = questions_of(self._store)
        data = decision_of(questions, item, decision, actor, note)
        self._append(item_append(questions, DECIDED, data, self._now()))

    async def pause(self, saga: str, actor: str, note: str) -> None:
        """See `Hands.pause`."""
        if (written := self._store.mark(DEFINITIONS)) is not None:
            self._definitions.restore(orjson.loads(written))
        after = self._definitions.waiting_behind(saga, int(self._store.mark(DISPATCHED) or 0))
        self._append(pause_append(self._store, saga, after, actor, note, self._now()))

    async def resume(self, saga: str, actor: str, note: str) -> None:
        """See `Hands.resume`."""
        self._append(resume_append(self._store, saga, actor, note, self._now()))

    def _record(self, run: LiveRun, happened: Input) -> None:
        before = run.state
        run.state, facts = advance(before, happened, self._now())
        if facts:
            self._append(Append(f"run/{before.id}", events_of(before, facts, before.version), before.version))

    def _append(self, append: Append) -> None:
        (result,) = self._store.append([append])
        if isinstance(result, Exception):
            raise result


def drive(use_case: Coroutine[Any, Any, Done]) -> Done:
    """The result of a use case over hands that never wait."""
    try:
        use_case.send(None)
    except StopIteration as end:
        done: Done = end.value
        return done
    raise AssertionError("hands that hold the store alone wait for nothing")
