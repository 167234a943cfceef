"""What is undone, and in which order: the structure in reverse."""

from __future__ import annotations

from hms_orch_cli.saga.commands import Begin, Wake
from hms_orch_cli.saga.events import Compensating, Failed, Queued, StepCompensated, StepFailed, StepStuck, Stuck
from hms_orch_cli.saga.state import Status

from ..specs import (
    LOST,
    Happening,
    answers,
    begun,
    done,
    fact,
    given,
    group,
    later,
    saga_of,
    sequence,
    started,
    step,
    undo_answers,
    undone,
)


def undo(name: str) -> Begin:
    """The undo of a step is owed."""
    return Begin(name, "compensate")


def test_a_sequence_is_undone_from_its_last_step_to_its_first() -> None:
    saga = saga_of(step("a"), step("b"), step("c"), step("d"))
    story = given(saga, started, done("a", "b", "c"), begun("d"), answers("d", 409)).owes(undo("c"))
    story.when(undone("c")).owes(undo("b")).when(undone("b")).owes(undo("a"))
    story.when(undone("a")).then(fact(StepCompensated, step="a"), fact(Failed)).owes()


def test_nothing_is_undone_while_an_undo_before_it_is_under_way_or_pausing() -> None:
    story = given(saga_of(step("a"), step("b"), step("c")), started, done("a", "b"), begun("c"), answers("c", 409))
    story.when(begun("b", op="compensate"), undo_answers("b", 500)).owes(Wake(story.now + 1_000))


def test_the_branches_of_a_group_are_undone_side_by_side_and_the_group_before_what_came_earlier() -> None:
    saga = saga_of(step("a"), group(step("b"), sequence(step("c"), step("d"))), step("e"))
    forward: list[Happening] = [started, done("a", "b", "c", "d"), begun("e"), answers("e", 409)]
    story = given(saga, forward).owes(undo("b"), undo("d"))
    story.when(undone("d")).owes(undo("b"), undo("c")).when(undone("b")).owes(undo("c"))
    story.when(undone("c")).owes(undo("a")).when(undone("a")).then(fact(StepCompensated), fact(Failed))


def test_a_definite_failure_is_not_undone_an_unknown_one_is() -> None:
    saga = saga_of(step("a"), step("b", retry={"attempts": 1}))
    given(saga, started, done("a"), begun("b"), answers("b", 409)).owes(undo("a"))
    given(saga, started, done("a"), begun("b"), answers("b", LOST)).owes(undo("b"))


def test_a_step_without_compensate_has_nothing_to_undo() -> None:
    saga = saga_of(step("a", compensate=None), step("b", compensate=None), step("c"))
    given(saga, started, done("a", "b"), begun("c")).when(answers("c", 409)).then(
        fact(StepFailed), fact(Compensating), fact(Failed)
    )
    unknown = saga_of(step("a", compensate=None, retry={"attempts": 1}))
    given(unknown, started, begun("a")).when(answers("a", 500)).then(
        fact(StepFailed, outcome="unknown", undo=True), fact(Compensating), fact(Failed)
    )


def test_a_stuck_undo_holds_back_what_came_before_it() -> None:
    saga = saga_of(step("a"), step("b"), step("c"))
    story = given(saga, started, done("a", "b"), begun("c"), answers("c", 409), begun("b", op="compensate"))
    story.when(undo_answers("b", 409)).then(fact(StepStuck, step="b"), fact(Queued, kind="undo"), fact(Stuck)).owes()


def test_the_siblings_of_a_stuck_undo_finish_before_the_run_is_stuck() -> None:
    saga = saga_of(step("z"), group(sequence(step("a"), step("b")), sequence(step("c"), step("d"))), step("e"))
    story = given(saga, started, done("z", "a", "b", "c", "d"), begun("e"), answers("e", 409)).owes(
        undo("b"), undo("d")
    )
    story.when(begun("b", op="compensate"), undo_answers("b", 409)).then(fact(StepStuck, step="b"), fact(Queued))
    assert story.run.status is Status.COMPENSATING
    story.owes(undo("d")).when(undone("d")).owes(undo("c"))
    story.when(begun("c", op="compensate"), undo_answers("c", 500), later(1_000)).owes(undo("c"))
    story.when(begun("c", op="compensate")).when(undo_answers("c", 200)).then(
        fact(StepCompensated, step="c"), fact(Stuck, reason="undo of b: 409 answer 409")
    ).owes()


def test_two_branches_that_are_stuck_make_one_stuck_run() -> None:
    saga = saga_of(group(step("a"), step("b")), step("c"))
    story = given(saga, started, done("a", "b"), begun("c"), answers("c", 409), begun("a", "b", op="compensate"))
    story.when(undo_answers("b", 409)).then(fact(StepStuck, step="b"), fact(Queued, step="b"))
    story.when(undo_answers("a", 409)).then(fact(StepStuck, step="a"), fact(Queued, kind="undo"), fact(Stuck))


def test_nested_groups_are_undone_as_they_are_nested() -> None:
    saga = saga_of(step("a"), group(sequence(step("b"), group(step("c"), step("d")), step("e")), step("f")), step("g"))
    forward: list[Happening] = [started, done("a", "b", "f", "c", "d", "e"), begun("g"), answers("g", 409)]
    story = given(saga, forward).owes(undo("e"), undo("f")).when(undone("e")).owes(undo("c"), undo("d"), undo("f"))
    story.when(undone("c")).owes(undo("d"), undo("f")).when(undone("d")).owes(undo("b"), undo("f"))
    story.when(undone("b")).owes(undo("f")).when(undone("f")).owes(undo("a"))


def test_a_failure_inside_a_group_undoes_what_its_siblings_did() -> None:
    saga = saga_of(step("a"), group(step("b"), step("c")))
    given(saga, started, done("a", "b"), begun("c"), answers("c", 409)).owes(undo("b"))
