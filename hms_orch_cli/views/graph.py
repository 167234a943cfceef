"""A saga as a drawing: the way forward and the way back, with what its steps do; and a run's state on it.

Nothing here knows how it is drawn. A renderer walks `forward` and `undo` part by part (a terminal), or takes the points
and arrows that `flow` makes of them (Mermaid, DOT, a page).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, pairwise
from typing import Any, Final, Literal, NamedTuple

from hms_orch_cli.saga.definition import Group, Item, Lock, Saga, Step
from hms_orch_cli.saga.moment import span


class Mark(NamedTuple):
    """Where a step of a run stands; `said` is its summary or reason, empty if there is none."""

    state: str
    attempts: int
    said: str


class Node(NamedTuple):
    """A step. `undo` is None if nothing undoes it; `notes` are what else the file says that a reader of a drawing wants
    to know; `mark` is None without a run."""

    name: str
    kind: Literal["call", "await", "approval"]
    does: str
    undo: str | None
    notes: tuple[str, ...] = ()
    irreversible: bool = False
    mark: Mark | None = None


class Series(NamedTuple):
    """Parts one after another."""

    parts: tuple[Part, ...]


class Beside(NamedTuple):
    """Parts side by side; `cancels`: once one has failed, the others do not try again. `number` is the
    same on both ways."""

    parts: tuple[Part, ...]
    number: int
    cancels: bool = False


Part = Node | Series | Beside


class Graph(NamedTuple):
    """A definition, or one run of it: then `run`, `state` and `reason` say where that stands. `undo` is the way back,
    so its first part is undone first; only what has an undo is in it."""

    saga: str
    revision: str
    triggers: tuple[str, ...]
    notes: tuple[str, ...]
    forward: Series
    undo: Series
    run: str = ""
    state: str = ""
    reason: str = ""


def graph_of(saga: Saga, run: Mapping[str, Any] | None = None) -> Graph:
    """The drawing of a definition. `run` is a run of it, in the JSON of the contract."""
    marks = {} if run is None else {step["name"]: _mark(step) for step in run["steps"]}
    numbers = count(1)
    forward = Series(_flat(tuple(_part(item, marks, numbers) for item in saga.body.items)))
    back = _way_back(forward)
    about = Graph(saga.id, saga.revision, saga.triggers, tuple(_notes_of(saga)), forward, Series(()))
    if back is not None:
        about = about._replace(undo=back if isinstance(back, Series) else Series((back,)))
    return about if run is None else about._replace(run=run["sagaId"], state=run["state"], reason=run["reason"])


UNDO_STATES: Final = ("COMPENSATING", "COMPENSATED", "STUCK")
"""States of a step that are about its undo."""


class Point(NamedTuple):
    """Something that arrows lead to: a step, the undo of one, or where branches part and meet again. `node` is None
    for the latter. `opposite` is the id of the point of the other way that stands beside this one, empty if there is
    none."""

    id: str
    kind: Literal["step", "undo", "fork", "join"]
    node: Node | None = None
    cancels: bool = False
    opposite: str = ""

    @property
    def state(self) -> str:
        """Where a run stands here, empty if it says nothing: what becomes of an undo shows at the undo alone."""
        mark = self.node.mark if self.node is not None else None
        if mark is None:
            return ""
        return mark.state if (mark.state in UNDO_STATES) == (self.kind == "undo") else ""


class Flow(NamedTuple):
    """Points and arrows (from id, to id); `first` and `last` are the points where it begins and ends, empty if there is
    none."""

    points: tuple[Point, ...]
    arrows: tuple[tuple[str, str], ...]
    first: str
    last: str


def flow(way: Series, kind: Literal["step", "undo"]) -> Flow:
    """The points and arrows of one of the two ways. What is undone from its end stands beside it: the branches of the
    way back part where those of the way forward meet."""
    points: list[Point] = []
    arrows: list[tuple[str, str]] = []

    def draw(part: Part) -> tuple[str, str]:
        if isinstance(part, Node):
            point = Point(f"{kind} {part.name}", kind, part, opposite=f"{other} {part.name}")
            points.append(point)
            return point.id, point.id
        if isinstance(part, Series):
            ends = [draw(each) for each in part.parts]
            arrows.extend((last, first) for (_, last), (first, _) in pairwise(ends))
            return ends[0][0], ends[-1][1]
        fork = Point(f"{kind} fork {part.number}", "fork", None, part.cancels, f"{other} join {part.number}")
        join = Point(f"{kind} join {part.number}", "join", None, part.cancels, f"{other} fork {part.number}")
        points.extend((fork, join))
        for first, last in map(draw, part.parts):
            arrows.extend(((fork.id, first), (last, join.id)))
        return fork.id, join.id

    other = "undo" if kind == "step" else "step"
    first, last = draw(way) if way.parts else ("", "")
    return Flow(tuple(points), tuple(arrows), first, last)


def _part(item: Item, marks: Mapping[str, Mark], numbers: Iterator[int]) -> Part:
    if isinstance(item, Step):
        return _node(item, marks.get(item.name))
    parts = tuple(_part(inner, marks, numbers) for inner in item.items)
    if len(parts) == 1:
        return parts[0]
    if isinstance(item, Group):
        return Beside(parts, next(numbers), item.on_sibling_failure == "cancel")
    return Series(_flat(parts))


def _flat(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """A sequence in a sequence is one."""
    return tuple(inner for part in parts for inner in (part.parts if isinstance(part, Series) else (part,)))


def _way_back(part: Part) -> Part | None:
    """What undoes a part, None if nothing does: the same structure backwards."""
    if isinstance(part, Node):
        return None if part.undo is None else part
    back = [each for each in map(_way_back, part.parts) if each is not None]
    if len(back) <= 1:
        return back[0] if back else None
    if isinstance(part, Beside):
        return Beside(tuple(back), part.number)  # no undo is cancelled for the sake of another
    return Series(_flat(tuple(reversed(back))))


def _node(step: Step, mark: Mark | None) -> Node:
    kind, does = _does(step)
    return Node(step.name, kind, does, _undo(step), tuple(_notes(step)), step.irreversible, mark)


def _does(step: Step) -> tuple[Literal["call", "await", "approval"], str]:
    if step.call is not None:
        return "call", step.call.request.address
    if step.awaits is not None:
        return "await", f"waits for {step.awaits.event}"
    return "approval", "asks a person"


def _undo(step: Step) -> str | None:
    if step.compensate is None:
        return None
    call = step.compensate.call
    return "saga.compensate, to be acknowledged" if call is None else call.request.address


def _notes(step: Step) -> Iterator[str]:
    if step.when is not None:
        yield f"only if {step.when}"
    if step.awaits is not None:
        if step.awaits.match is not None:
            yield f"if {step.awaits.match}"
        if step.awaits.timeout_ms is not None:
            yield f"at most {span(step.awaits.timeout_ms)}"
    if step.approval is not None:
        yield f"“{step.approval.prompt}”"
        if step.approval.ttl_ms is not None:
            then = "as if approved" if step.approval.on_expire == "continue" else "undone"
            yield f"at most {span(step.approval.ttl_ms)}, then {then}"
    if step.check is not None:
        yield f"in doubt asks {step.check.address}"
    if step.on_exhausted == "hitl":
        yield "asks before undoing"


def _notes_of(saga: Saga) -> Iterator[str]:
    if saga.filter is not None:
        yield f"only if {saga.filter}"
    if saga.lock is not None:
        yield f"lock {saga.lock.key}, {_conflict(saga.lock)}"
    if saga.deadline_ms is not None:
        yield f"undone after {span(saga.deadline_ms)}"


def _conflict(lock: Lock) -> str:
    if lock.on_conflict == "wait":
        return "waits" + ("" if lock.wait_ms is None else f" at most {span(lock.wait_ms)}")
    return "gives up if it is taken" if lock.on_conflict == "abort" else "no run if it is taken"


def _mark(step: Mapping[str, Any]) -> Mark:
    return Mark(step["state"], step["attempts"], step["summary"] or "")
