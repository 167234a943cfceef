"""Which runs wait for which type of event, and what an event means to a step that waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.orchestrator.answers import mapped
from hms_orch_cli.orchestrator.cloud_event import attributes_of
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.requests import data_of, names_of
from hms_orch_cli.ports.store import Event, LogReader
from hms_orch_cli.saga.inputs import Heard, Mismatched
from hms_orch_cli.saga.reserved import is_reserved
from hms_orch_cli.saga.state import Phase, Run
from hms_orch_cli.saga.waiting import has_heard

PAGE = 256


class Listeners:
    """Type of event -> runs that may wait for it. A run that waits no more is passed over when its type comes."""

    def __init__(self) -> None:
        self._by_type: dict[str, dict[str, None]] = {}

    def add(self, event_type: str, saga_id: str) -> None:
        """The run waits for events of this type."""
        self._by_type.setdefault(event_type, {})[saga_id] = None

    def drop(self, run: Run) -> None:
        """The run waits for nothing any more."""
        if not self._by_type:
            return
        for step in run.saga.steps.values():
            if step.awaits is not None and (listening := self._by_type.get(step.awaits.event)) is not None:
                listening.pop(run.id, None)
                if not listening:
                    del self._by_type[step.awaits.event]

    def of(self, event_type: str) -> tuple[str, ...]:
        """The runs that may wait for this type."""
        return tuple(self._by_type.get(event_type, ()))

    @property
    def to_runs(self) -> bool:
        """Whether somebody waits for what the orchestrator itself records."""
        return any(map(is_reserved, self._by_type))


def waiting_steps(run: Run, event_type: str) -> list[str]:
    """The steps that wait for this type now, in the order of the file."""
    return [
        name
        for name, step in run.saga.steps.items()
        if step.awaits is not None
        and step.awaits.event == event_type
        and name in run.calls
        and run.calls[name].phase is Phase.WAITING
    ]


def heard(run: LiveRun, state: Run, step: str, event: Event) -> Heard | Mismatched | None:
    """What an event means to a step that waits for its type; None if it does not match."""
    compiled = run.compiled.steps[step]
    data = data_of(event)
    if compiled.match is not None:
        names = names_of(state, run.trigger, step)
        names["event"] = {**attributes_of(event), "data": data}
        try:
            if not compiled.match.evaluate(names):
                return None
        except ExpressionError as error:
            return Mismatched(step, event.seq, f"match: {error.message}")
    return Heard(step, event.seq, *mapped(state, run.trigger, compiled, data))


def past(run: LiveRun, state: Run, step: str, store: LogReader, to_seq: int) -> Iterator[Heard | Mismatched]:
    """What the events mean that came before the step began to wait: behind the triggering one, and behind the last that
    could not be matched, up to `to_seq`."""
    awaits = state.saga.steps[step].awaits
    assert awaits is not None, "only a step that waits for an event listens"  # noqa: S101
    after = max(run.trigger.seq, state.calls[step].heard)
    while events := store.read_type(awaits.event, after, to_seq, PAGE):
        yield from _found(run, state, step, events)
        after = events[-1].seq


def _found(run: LiveRun, state: Run, step: str, events: Iterable[Event]) -> Iterator[Heard | Mismatched]:
    for event in events:
        if not has_heard(state, event.seq) and (found := heard(run, state, step, event)) is not None:
            yield found
