"""The two ways of a drawing: in the order of the file and backwards, nothing lost, and a run's marks on it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from hms_orch_cli.saga.compensation import next_undos
from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.saga.moment import span
from hms_orch_cli.saga.state import Phase, Progress
from hms_orch_cli.views.graph import Beside, Flow, Graph, Mark, Node, Part, Series, flow, graph_of

from ..saga.walks import random_saga
from ..specs import approval, group, saga_of, sequence, step, wait

SHOP = saga_of(
    step("pay", check="svc:/paid"),
    group(sequence(step("pick"), step("pack")), step("mail", compensate=None, irreversible=True)),
    wait("arrived", 60_000),
    approval("praise", 90_000, "continue"),
    lock={"key": "data.n", "onConflict": "wait", "waitMs": 1500},
    deadlineMs=86_400_000,
    filter="data.n > 1",
)


def shape(part: Part) -> Any:
    """Names; a list is one after another, a set side by side."""
    if isinstance(part, Node):
        return part.name
    inner = [shape(each) for each in part.parts]
    return inner if isinstance(part, Series) else tuple(inner)


def names(part: Part) -> list[str]:
    return [part.name] if isinstance(part, Node) else [name for each in part.parts for name in names(each)]


def test_the_way_forward_and_the_way_back() -> None:
    graph = graph_of(SHOP)
    assert shape(graph.forward) == ["pay", (["pick", "pack"], "mail"), "arrived", "praise"]
    assert shape(graph.undo) == ["pack", "pick", "pay"]


def test_a_group_is_undone_as_a_group() -> None:
    graph = graph_of(saga_of(group(step("a"), sequence(step("b"), group(step("c"), step("d"))))))
    assert shape(graph.undo) == [("a", [("c", "d"), "b"])]


def test_nothing_to_undo_is_no_way_back() -> None:
    assert graph_of(saga_of(step("a", compensate=None))).undo == Series(())


def test_a_sequence_in_a_sequence_and_a_group_of_one_are_no_parts_of_their_own() -> None:
    graph = graph_of(saga_of(sequence(step("a"), sequence(step("b"))), group(step("c"))))
    assert shape(graph.forward) == ["a", "b", "c"]


@pytest.mark.parametrize("seed", range(60))
def test_the_way_back_is_the_order_of_the_undo(seed: int) -> None:
    """Of a run in which everything was done: what `next_undos` gives at each turn is what the drawing has next."""
    saga = random_saga(Random(seed))
    back = graph_of(saga).undo
    calls = {name: Progress(Phase.SUCCEEDED) for name in saga.steps}
    undos: dict[str, Progress] = {}
    while steps := sorted(each.name for each in next_undos(saga.body, calls, undos)):
        assert sorted(first_of(back, set(undos))) == steps
        undos |= {name: Progress(Phase.SUCCEEDED) for name in steps}
    assert sorted(undos) == sorted(names(back))


def first_of(part: Part, done: set[str]) -> list[str]:
    """What is next along a way of which this much is done."""
    if isinstance(part, Node):
        return [] if part.name in done else [part.name]
    if isinstance(part, Beside):
        return [name for each in part.parts for name in first_of(each, done)]
    return next(filter(None, (first_of(each, done) for each in part.parts)), [])


def test_what_a_step_is_told_as() -> None:
    pay, beside, arrived, praise = graph_of(SHOP).forward.parts
    assert isinstance(beside, Beside)
    assert pay == Node("pay", "call", "svc:/pay", "svc:/undo/pay", ("in doubt asks GET svc:/paid",))
    assert beside.parts[1] == Node("mail", "call", "svc:/mail", None, irreversible=True)
    assert arrived == Node("arrived", "await", "waits for stock.arrived", None, ("at most 1 min",))
    assert praise == Node(
        "praise", "approval", "asks a person", None, ("“Ship it?”", "at most 90 s, then as if approved")
    )


@pytest.mark.parametrize(
    ("keys", "note"),
    [
        ({"when": "data.n > 1"}, "only if data.n > 1"),
        ({"onExhausted": "hitl"}, "asks before undoing"),
    ],
)
def test_what_else_is_noted_of_a_step(keys: dict[str, Any], note: str) -> None:
    (node,) = graph_of(saga_of(step("a", **keys))).forward.parts
    assert isinstance(node, Node)
    assert node.notes == (note,)


def test_what_is_noted_of_a_wait_and_of_an_undo_by_event() -> None:
    matched = {"name": "w", "await": {"event": "e", "match": "event.data.n == 1"}, "compensate": "event"}
    (node,) = graph_of(saga_of(matched)).forward.parts
    assert isinstance(node, Node)
    assert (node.notes, node.undo) == (("if event.data.n == 1",), "saga.compensate, to be acknowledged")


@pytest.mark.parametrize(
    ("lock", "note"),
    [
        ("data.n", "lock data.n, waits"),
        ({"key": "data.n", "onConflict": "abort"}, "lock data.n, gives up if it is taken"),
        ({"key": "data.n", "onConflict": "skip"}, "lock data.n, no run if it is taken"),
    ],
)
def test_what_is_noted_of_a_saga(lock: Any, note: str) -> None:
    assert graph_of(SHOP).notes == ("only if data.n > 1", "lock data.n, waits at most 1500 ms", "undone after 1 d")
    assert graph_of(saga_of(step("a"), lock=lock)).notes == (note,)


def test_a_run_has_its_marks() -> None:
    steps = [
        {"name": "a", "state": "COMPENSATED", "attempts": 2, "summary": "117 paid"},
        {"name": "b", "state": "FAILED", "attempts": 1, "summary": None},
    ]
    run = {"sagaId": "r", "state": "FAILED", "reason": "b: 422", "steps": steps}
    graph = graph_of(saga_of(step("a"), step("b")), run)
    assert (graph.run, graph.state, graph.reason) == ("r", "FAILED", "b: 422")
    assert [each.mark for each in graph.forward.parts if isinstance(each, Node)] == [
        Mark("COMPENSATED", 2, "117 paid"),
        Mark("FAILED", 1, ""),
    ]
    states = {point.id: point.state for way in both(graph) for point in way.points}
    assert states == {"step a": "", "step b": "FAILED", "undo a": "COMPENSATED", "undo b": ""}


def both(graph: Graph) -> tuple[Flow, Flow]:
    return flow(graph.forward, "step"), flow(graph.undo, "undo")


def sagas() -> list[Saga]:
    return [SHOP, *(random_saga(Random(seed)) for seed in range(60))]


@pytest.mark.parametrize("saga", sagas(), ids=range(61))
def test_every_point_lies_between_the_first_and_the_last(saga: Saga) -> None:
    graph = graph_of(saga)
    for way, part in zip(both(graph), (graph.forward, graph.undo), strict=True):
        ids = [point.id for point in way.points]
        assert len(set(ids)) == len(ids)
        assert sorted(point.node.name for point in way.points if point.node) == sorted(names(part))
        heads, tails = {head for _, head in way.arrows}, {tail for tail, _ in way.arrows}
        assert {*ids} - heads == {way.first} - {""}
        assert {*ids} - tails == {way.last} - {""}


@pytest.mark.parametrize("saga", sagas(), ids=range(61))
def test_each_point_of_the_way_back_has_its_opposite(saga: Saga) -> None:
    forward, undo = both(graph_of(saga))
    there = {point.id: point for point in forward.points}
    kinds = {"undo": "step", "fork": "join", "join": "fork"}
    for point in undo.points:
        assert there[point.opposite].kind == kinds[point.kind]
        assert there[point.opposite].opposite == point.id


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (1, "1 ms"),
        (1500, "1500 ms"),
        (1000, "1 s"),
        (90_000, "90 s"),
        (7_200_000, "2 h"),
        (86_400_000, "1 d"),
    ],
)
def test_a_span_is_told_exactly(ms: int, text: str) -> None:
    assert span(ms) == text
