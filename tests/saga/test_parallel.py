"""Steps side by side when one of them fails: drain, or cancel."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Begin, Poll, Send, Wake
from hms_orch_cli.saga.events import (
    Compensating,
    Failed,
    StepAccepted,
    StepFailed,
    StepRetrying,
    StepStarted,
    StepSucceeded,
)

from ..specs import LOST, NOW, answers, begun, check_answers, done, fact, given, group, later, saga_of, sequence, step
from ..specs import started as starts

DRAIN = saga_of(group(step("a"), step("b")))
CANCEL = saga_of(group(step("a"), step("b"), on_sibling_failure="cancel"))
BOTH = [starts, begun("a", "b")]


@pytest.mark.parametrize("saga", [DRAIN, CANCEL], ids=["drain", "cancel"])
def test_an_attempt_in_flight_settles_before_anything_is_undone(saga: object) -> None:
    story = given(saga, BOTH).when(answers("a", 409)).then(fact(StepFailed, step="a"), fact(Compensating))  # type: ignore[arg-type]
    story.owes(Send("b", "call", 1)).when(answers("b", 200)).then(fact(StepSucceeded, step="b"))
    story.owes(Begin("b", "compensate"))


def test_drain_lets_a_sibling_go_on_trying() -> None:
    story = given(DRAIN, BOTH, answers("b", 500)).when(answers("a", 409)).then(fact(StepFailed), fact(Compensating))
    story.owes(Wake(NOW + 1_000)).when(later(1_000)).owes(Begin("b", "call"))
    story.when(begun("b")).then(fact(StepStarted, step="b", attempt=2))
    story.when(answers("b", 500)).then(fact(StepRetrying, step="b"))


def test_cancel_ends_the_retries_of_a_sibling() -> None:
    story = given(CANCEL, BOTH, answers("b", 429)).when(answers("a", 409))
    story.then(
        fact(StepFailed, step="a"), fact(Compensating), fact(StepFailed, step="b", undo=False), fact(Failed)
    ).owes()
    story = given(CANCEL, BOTH, answers("b", LOST)).when(answers("a", 409))
    story.then(fact(StepFailed, step="a"), fact(Compensating), fact(StepFailed, step="b", undo=True))
    story.owes(Begin("b", "compensate"))


def test_cancel_gives_a_sibling_in_flight_no_further_attempt() -> None:
    given(CANCEL, BOTH, answers("a", 409)).when(answers("b", LOST)).then(
        fact(StepFailed, step="b", attempt=1, outcome="unknown", undo=True)
    )
    given(CANCEL, BOTH, answers("a", 409)).when(answers("b", 429)).then(
        fact(StepFailed, step="b", attempt=1, outcome="failed"), fact(Failed)
    )
    given(CANCEL, BOTH, answers("a", 409)).when(answers("b", 401)).then(fact(StepFailed, undo=False), fact(Failed))


def test_drain_waits_for_a_202_of_a_sibling() -> None:
    story = given(DRAIN, BOTH, answers("b", 202)).when(answers("a", 409)).then(fact(StepFailed), fact(Compensating))
    story.owes(Poll("b", "call", 1, 202, None), Wake(NOW + 30_000))
    story.when(answers("b", 200)).then(fact(StepSucceeded)).owes(Begin("b", "compensate"))
    given(DRAIN, BOTH, answers("a", 409)).when(answers("b", 202)).then(fact(StepAccepted))


def test_cancel_ends_all_waits_a_202_and_a_425_too() -> None:
    for status in (202, 425):
        given(CANCEL, BOTH, answers("b", status)).when(answers("a", 409)).then(
            fact(StepFailed, step="a"), fact(Compensating), fact(StepFailed, step="b", outcome="unknown", undo=True)
        ).owes(Begin("b", "compensate"))
        given(CANCEL, BOTH, answers("a", 409)).when(answers("b", status)).then(
            fact(StepFailed, step="b", outcome="unknown", undo=True)
        )


@pytest.mark.parametrize("mode", ["drain", "cancel"])
def test_a_check_under_way_settles(mode: str) -> None:
    saga = saga_of(group(step("a"), step("b", check="svc:/b"), on_sibling_failure=mode))
    story = given(saga, BOTH, answers("b", LOST)).when(answers("a", 409)).then(fact(StepFailed), fact(Compensating))
    story.when(check_answers("b", 200)).then(fact(StepSucceeded)).owes(Begin("b", "compensate"))


def test_a_branch_begins_no_further_step_after_a_sibling_failed() -> None:
    saga = saga_of(group(step("a"), sequence(step("b"), step("c"))))
    story = given(saga, BOTH, answers("a", 409)).when(answers("b", 200)).then(fact(StepSucceeded))
    story.owes(Begin("b", "compensate")).when(begun("c")).then_nothing()


def test_the_word_of_the_group_that_both_are_in_holds() -> None:
    """A failure in another branch of the outer group ends the retries inside; one inside its own group does not."""
    inner = saga_of(group(step("a"), group(step("b"), step("c")), on_sibling_failure="cancel"))
    all_three = [starts, begun("a", "b", "c"), answers("b", 429)]
    given(inner, all_three).when(answers("a", 409)).then(
        fact(StepFailed, step="a"), fact(Compensating), fact(StepFailed, step="b")
    )
    given(inner, all_three).when(answers("c", 409)).then(fact(StepFailed, step="c"), fact(Compensating))
    outer = saga_of(group(step("a"), group(step("b"), step("c"), on_sibling_failure="cancel")))
    given(outer, all_three).when(answers("a", 409)).then(fact(StepFailed, step="a"), fact(Compensating))
    given(outer, all_three).when(answers("c", 409)).then(
        fact(StepFailed, step="c"), fact(Compensating), fact(StepFailed, step="b")
    )


def test_a_failure_on_the_way_back_ends_the_retries_of_its_own_group() -> None:
    saga = saga_of(group(step("a"), group(step("b"), step("c"), on_sibling_failure="cancel")))
    story = given(saga, starts, begun("a", "b", "c"), answers("b", 429)).when(answers("a", 409))
    story.then(fact(StepFailed, step="a"), fact(Compensating))
    story.when(answers("c", 409)).then(fact(StepFailed, step="c"), fact(StepFailed, step="b"), fact(Failed))


def test_a_branch_that_was_cancelled_does_not_shield_its_neighbour() -> None:
    saga = saga_of(group(step("a"), group(step("b"), step("c")), on_sibling_failure="cancel"))
    given(saga, starts, begun("a", "b", "c"), answers("b", 429), answers("a", 409)).when(answers("c", 429)).then(
        fact(StepFailed, step="c"), fact(Failed)
    )


def test_the_first_failure_is_the_reason() -> None:
    story = given(DRAIN, BOTH, answers("a", 409), answers("b", 422))
    assert story.run.reason == "a: 409 answer 409"


def test_a_group_is_done_when_each_of_its_branches_is() -> None:
    saga = saga_of(group(step("a"), sequence(step("b"), step("c"))), step("d"))
    given(saga, starts, done("b", "c")).owes(Begin("a", "call")).when(done("a")).owes(Begin("d", "call"))
