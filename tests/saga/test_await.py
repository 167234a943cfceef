"""A step with `await`: the first event behind the triggering one that matches."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Begin, Expire, Listen, Send, Wake
from hms_orch_cli.saga.events import (
    Compensating,
    Completed,
    Decided,
    Failed,
    MatchFailed,
    StepFailed,
    StepHeld,
    StepSkipped,
    StepSucceeded,
    StepWaiting,
)
from hms_orch_cli.saga.inputs import Attempt, Mismatched
from hms_orch_cli.saga.state import Status

from ..specs import (
    ARRIVAL,
    EVENT,
    NOW,
    answers,
    asked,
    begun,
    cancels,
    decides,
    done,
    expires,
    fact,
    given,
    group,
    heard,
    later,
    saga_of,
    started,
    step,
    tick,
    wait,
)

ORDER = saga_of(step("pay"), wait("stock", 60_000), step("ship"))
WAITING = [started, done("pay"), asked("stock")]
PATIENT = saga_of(step("pay"), wait("stock"), step("ship"))


def test_a_step_waits_for_an_event_at_most_until_its_time_is_up() -> None:
    given(ORDER, started, done("pay")).owes(Begin("stock", "call")).when(asked("stock")).then(
        StepWaiting(NOW, "stock", "event", NOW + 60_000, ARRIVAL)
    ).owes(Listen("stock", ARRIVAL), Wake(NOW + 60_000))


def test_without_a_time_it_waits_for_ever() -> None:
    given(PATIENT, WAITING).owes(Listen("stock", ARRIVAL)).when(tick(10**12)).then_nothing()


def test_the_data_of_the_event_is_the_output() -> None:
    story = given(ORDER, WAITING).when(heard("stock", 9, answer={"shelf": 4}))
    story.then(StepSucceeded(NOW, "stock", 0, None, {"shelf": 4}, event_seq=9)).owes(Begin("ship", "call"))
    assert story.run.context("ship", "call")["stock"] == {"shelf": 4}


def test_what_the_file_maps_is_the_output() -> None:
    story = given(ORDER, WAITING).when(heard("stock", answer={"shelf": 4}, output={"n": 4}, summary="shelf 4"))
    story.then(fact(StepSucceeded, output={"n": 4}, summary="shelf 4"))
    assert story.run.context("ship", "call")["stock"] == {"n": 4}


def test_the_last_step_may_wait() -> None:
    given(saga_of(wait("stock")), started, asked("stock")).when(heard("stock")).then(
        fact(StepSucceeded), fact(Completed)
    )


@pytest.mark.parametrize("seq", [EVENT.seq - 1, EVENT.seq])
def test_only_an_event_behind_the_triggering_one_counts(seq: int) -> None:
    given(ORDER, WAITING).when(heard("stock", seq)).then_nothing().when(heard("stock", EVENT.seq + 1)).then(
        fact(StepSucceeded, event_seq=EVENT.seq + 1)
    )


def test_the_first_that_matches_counts_and_no_later_one() -> None:
    given(ORDER, WAITING, heard("stock", 9)).when(heard("stock", 10)).then_nothing()


def test_an_event_is_heard_only_by_a_step_that_waits() -> None:
    given(ORDER, started, done("pay")).when(heard("stock")).then_nothing()
    given(ORDER, started, begun("pay")).when(heard("pay")).then_nothing()


def test_each_event_counts_at_most_once_in_a_run() -> None:
    saga = saga_of(group(wait("a"), wait("b")), wait("c"))
    story = given(saga, started, asked("a", "b"), heard("a", 9)).when(heard("b", 9)).then_nothing()
    story.when(heard("b", 10), asked("c")).when(heard("c", 9)).then_nothing().when(heard("c", 10)).then_nothing()
    story.when(heard("c", 11)).then(fact(StepSucceeded, event_seq=11), fact(Completed))


def test_a_match_that_cannot_be_evaluated_is_no_match_and_is_noted_once() -> None:
    story = given(ORDER, WAITING).when(Mismatched("stock", 9, "no such key: id"))
    story.then(MatchFailed(NOW, "stock", 9, "no such key: id")).owes(Listen("stock", ARRIVAL), Wake(NOW + 60_000))
    story.when(Mismatched("stock", 9, "no such key: id")).then_nothing()
    story.when(Mismatched("stock", EVENT.seq, "no such key: id")).then_nothing()
    story.when(Mismatched("stock", 11, "no such key: id")).then(fact(MatchFailed, event_seq=11))
    story.when(heard("stock", 12)).then(fact(StepSucceeded, event_seq=12))


def test_an_event_that_one_step_could_not_match_is_free_for_another() -> None:
    saga = saga_of(group(wait("a", 5_000, onExhausted="hitl"), wait("b")))
    story = given(saga, started, asked("a", "b"), Mismatched("a", 9, "no such key"), later(5_000), expires("a"))
    story.when(decides("done")).when(heard("b", 9)).then(fact(StepSucceeded, event_seq=9), fact(Completed))


def test_an_output_that_cannot_be_read_fails_the_step_and_undoes_it() -> None:
    saga = saga_of(wait("stock", compensate="svc:/release"))
    given(saga, started, asked("stock")).when(heard("stock", error="output n: no such key")).then(
        fact(StepFailed, undo=True, reason="output n: no such key"), fact(Compensating)
    ).owes(Begin("stock", "compensate"))


# -- past its time


def test_past_its_time_the_step_fails_and_the_rest_is_undone() -> None:
    story = given(ORDER, WAITING).when(later(59_999), expires("stock")).then_nothing()
    story.when(later(1)).owes(Expire("stock")).when(expires("stock")).then(
        StepFailed(NOW + 60_000, "stock", 0, "failed", False, f"no {ARRIVAL} within 60000 ms"),
        Compensating(NOW + 60_000, "step", f"stock: no {ARRIVAL} within 60000 ms"),
    ).owes(Begin("pay", "compensate"))


def test_past_its_time_no_event_counts_even_if_nobody_looked_at_the_clock() -> None:
    given(ORDER, WAITING, later(59_999)).when(heard("stock")).then(fact(StepSucceeded))
    given(ORDER, WAITING, later(60_000)).when(heard("stock")).then_nothing().owes(Expire("stock"))


def test_a_wait_may_be_held_for_a_person() -> None:
    saga = saga_of(wait("stock", 5_000, onExhausted="hitl"))
    story = given(saga, started, asked("stock"), later(5_000), expires("stock"))
    assert isinstance(story.latest[0], StepHeld)
    story.when(decides("done", answer={"shelf": 4})).then(
        fact(Decided), fact(StepSucceeded, answer={"shelf": 4}), fact(Completed)
    )


# -- its condition, and the turn back


def test_a_wait_whose_condition_is_false_is_skipped() -> None:
    given(ORDER, started, done("pay")).when(Attempt("stock", "call", skip=True)).then(fact(StepSkipped)).owes(
        Begin("ship", "call")
    )


def test_a_condition_that_cannot_be_told_fails_the_step() -> None:
    given(ORDER, started, done("pay")).when(Attempt("stock", "call", error="when: no such key")).then(
        fact(StepFailed, attempt=0, undo=False), fact(Compensating)
    )


@pytest.mark.parametrize("mode", ["drain", "cancel"])
def test_a_wait_ends_when_a_sibling_fails(mode: str) -> None:
    saga = saga_of(group(step("a"), wait("b"), on_sibling_failure=mode))
    given(saga, started, begun("a"), asked("b")).when(answers("a", 409)).then(
        fact(StepFailed, step="a"),
        fact(Compensating),
        StepFailed(NOW, "b", 0, "failed", False, "given up: the run turned back"),
        fact(Failed),
    )


def test_a_wait_ends_with_a_cancel_and_with_the_deadline() -> None:
    given(ORDER, WAITING).when(cancels).then(fact(Compensating), fact(StepFailed, step="stock")).owes(
        Begin("pay", "compensate")
    )
    timed = saga_of(step("pay"), wait("stock"), deadlineMs=10_000)
    given(timed, WAITING).owes(Listen("stock", ARRIVAL), Wake(NOW + 10_000)).when(tick(10_000)).then(
        fact(Compensating, cause="deadline"), fact(StepFailed, step="stock", undo=False)
    )


def test_an_event_that_comes_too_late_changes_nothing() -> None:
    story = given(ORDER, WAITING, cancels).when(heard("stock")).then_nothing()
    story.when(Mismatched("stock", 9, "no such key")).then_nothing()
    assert story.run.status is Status.COMPENSATING


def test_the_other_branches_go_on_while_one_waits() -> None:
    saga = saga_of(group(wait("a"), step("b")), step("c"))
    story = given(saga, started, asked("a"), begun("b")).owes(Listen("a", ARRIVAL), Send("b", "call", 1))
    story.when(answers("b", 200)).owes(Listen("a", ARRIVAL)).when(heard("a")).owes(Begin("c", "call"))
