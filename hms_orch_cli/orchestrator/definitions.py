"""Which definitions hold at a position of the log: a fold of `saga.deployed` and `saga.undeployed`; and which of them
are paused (streams `pause/<id>`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from hms_orch_cli.errors import NotFound
from hms_orch_cli.orchestrator.compiled import CompiledSaga, compile_saga
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.store import Event, LogReader
from hms_orch_cli.saga.definition import Saga, saga_from
from hms_orch_cli.saga.event_types import DEPLOYED, HELD_BACK, UNDEPLOYED
from hms_orch_cli.saga.reserved import RESERVED


class Pause(NamedTuple):
    """A definition whose events behind position `after`, up to `to`, may have waited; it was resumed at `ended_at`."""

    saga: str
    after: int
    to: int
    ended_at: int


class Definitions:
    """The definitions as of the last event given to `apply`, and every revision a run may still need."""

    def __init__(self, store: LogReader, expressions: Callable[[], Expressions]) -> None:
        self._store = store
        self._expressions = expressions
        self.current: dict[str, str] = {}
        """id -> revision that holds"""
        self.held_back: dict[str, int] = {}
        """id -> position behind which the events of a paused definition wait: they wait from when a person wants it,
        wherever that stands in the log"""
        self.caught_up: dict[str, int] = {}
        """id -> where the last pause ended whose events have all met the definition"""
        self._sagas: dict[str, Saga] = {}
        self._compiled: dict[str, CompiledSaga] = {}
        self._by_type: dict[str, list[CompiledSaga]] | None = None
        self._to_runs = False

    def apply(self, event: Event) -> None:
        """Folds one event; other types are passed over."""
        if event.type not in (DEPLOYED, UNDEPLOYED) or not event.stream.startswith("definition/"):
            return
        data = orjson.loads(event.data or "{}")
        if event.type == DEPLOYED:
            if data["saga"] not in self.current:
                self._read_pauses(data["saga"], 0)
            self.current[data["saga"]] = data["revision"]
        else:
            self.current.pop(data["saga"], None)
        self._by_type = None

    def pauses_over(self, to: int) -> list[Pause]:
        """Takes up which definitions are paused, and returns the pauses that are over whose events, up to position
        `to`, may not all have met them yet."""
        return [pause for saga_id in {**self.current, **self.caught_up} for pause in self._read_pauses(saga_id, to)]

    def waiting_behind(self, saga_id: str, dispatched: int) -> int:
        """The position behind which events have to wait from now on: those too that waited before, and that a pause
        which is over has not let go yet."""
        return min([dispatched, *(pause.after for pause in self._read_pauses(saga_id, dispatched))])

    def hold_back(self, saga_id: str, after: int) -> None:
        """The events of a definition behind position `after` wait."""
        self.held_back[saga_id] = after
        self.caught_up.setdefault(saga_id, 0)  # remembered so even if it is undeployed meanwhile

    def _read_pauses(self, saga_id: str, to: int) -> list[Pause]:
        """The pauses that are over and not made up for. One that is not over holds events back."""
        over: list[Pause] = []
        begun: int | None = None
        for event in self._store.read(f"pause/{saga_id}"):
            if event.type == HELD_BACK:
                begun = int(orjson.loads(event.data or "{}")["from"])
            elif begun is not None:
                if event.seq > self.caught_up.get(saga_id, 0):
                    over.append(Pause(saga_id, begun, to, event.seq))
                begun = None
        if begun is not None:
            self.hold_back(saga_id, begun)
        return over

    def waits(self, saga_id: str, seq: int) -> bool:
        """Whether the definition is paused for the event at this position."""
        return saga_id in self.held_back and seq > self.held_back[saga_id]

    def compiled_at(self, saga_id: str, seq: int) -> CompiledSaga | None:
        """The revision that held at a position, None if none did."""
        revision: str | None = None
        for event in self._store.read(f"definition/{saga_id}"):
            if event.seq > seq:
                break
            revision = orjson.loads(event.data or "{}")["revision"] if event.type == DEPLOYED else None
        return None if revision is None else self.compiled(saga_id, revision)

    def listening(self, event_type: str) -> list[CompiledSaga]:
        """The definitions that this type of event triggers."""
        if self._by_type is None:
            self._by_type = {}
            for saga_id, revision in self.current.items():
                compiled = self.compiled(saga_id, revision)
                for trigger in compiled.saga.triggers:
                    self._by_type.setdefault(trigger, []).append(compiled)
            self._to_runs = any(kind.startswith(RESERVED) for kind in self._by_type)
        return self._by_type.get(event_type, [])

    @property
    def listens_to_runs(self) -> bool:
        """Whether some definition is triggered by what the orchestrator itself records."""
        if self._by_type is None:
            self.listening("")
        return self._to_runs

    def saga(self, saga_id: str, revision: str) -> Saga:
        """One revision of a definition. Raises NotFound."""
        name = f"{saga_id} {revision}"
        found = self._sagas.get(name)
        if found is None:
            found = self._sagas[name] = saga_from(self.content(saga_id, revision), revision)
        return found

    def compiled(self, saga_id: str, revision: str) -> CompiledSaga:
        """One revision, ready to run. Raises NotFound."""
        name = f"{saga_id} {revision}"
        found = self._compiled.get(name)
        if found is None:
            found = self._compiled[name] = compile_saga(self.saga(saga_id, revision), self._expressions())
        return found

    def know(self, compiled: CompiledSaga) -> None:
        """Takes over a revision that is compiled already."""
        saga = compiled.saga
        self._sagas[f"{saga.id} {saga.revision}"] = saga
        self._compiled[f"{saga.id} {saga.revision}"] = compiled

    def content(self, saga_id: str, revision: str) -> dict[str, Any]:
        """The YAML of one revision as plain values. Raises NotFound."""
        for event in reversed(self._store.read(f"definition/{saga_id}")):
            if event.type == DEPLOYED:
                data = orjson.loads(event.data or "{}")
                if data["revision"] == revision:
                    content: dict[str, Any] = data["content"]
                    return content
        raise NotFound(
            f"revision {revision[:12]} of {saga_id} is not in the log", "check the log with: hms-orch replay --verify"
        )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"current": self.current, "caughtUp": self.caught_up}

    def restore(self, written: Mapping[str, Any]) -> None:
        """Takes over what `to_json` wrote."""
        self.current = dict(written["current"])
        self.caught_up = dict(written.get("caughtUp", {}))
        self._by_type = None
