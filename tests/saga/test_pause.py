"""A person pauses a run: nothing begins, what is in flight settles."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Begin, Check, Expire, Listen, Poll, Send, Wake
from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Closed,
    Compensate,
    Compensating,
    Completed,
    Decided,
    Failed,
    Paused,
    Queued,
    Resumed,
    StepAccepted,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepStarted,
    StepStuck,
    StepSucceeded,
    Stuck,
)
from hms_orch_cli.saga.inputs import Abandon, CutOff
from hms_orch_cli.saga.people import objection
from hms_orch_cli.saga.state import Status

from ..specs import (
    ARRIVAL,
    NOW,
    Happening,
    answers,
    approval,
    asked,
    begun,
    cancels,
    check_answers,
    decides,
    done,
    expires,
    fact,
    given,
    group,
    heard,
    later,
    pauses,
    resumes,
    saga_of,
    started,
    step,
    tick,
    undo_answers,
    undone,
    wait,
)

ORDER = saga_of(step("pay"), step("ship"))
UNDOING: list[Happening] = [started, done("pay"), begun("ship"), answers("ship", 409)]
STUCK: list[Happening] = [*UNDOING, begun("pay", op="compensate"), pauses, undo_answers("pay", 409)]


def test_a_run_is_paused_and_resumed_with_actor_and_note() -> None:
    story = given(ORDER, started).when(pauses).then(Paused(NOW, "ann", "the bank is closed")).owes()
    story.when(later(5), resumes).then(Resumed(NOW + 5, "ann", "the bank is open")).owes(Begin("pay", "call"))


# -- nothing begins


def test_no_step_begins() -> None:
    given(ORDER, started, done("pay"), pauses).owes().when(begun("ship")).then_nothing()


def test_no_retry_begins() -> None:
    story = given(ORDER, started, begun("pay"), answers("pay", 500), pauses, later(1_000)).owes()
    story.when(begun("pay")).then_nothing().when(resumes).owes(Begin("pay", "call"))


def test_no_undo_begins() -> None:
    story = given(ORDER, UNDOING, pauses).owes().when(begun("pay", op="compensate")).then_nothing()
    story.when(resumes).owes(Begin("pay", "compensate"))
    retried = given(ORDER, UNDOING, begun("pay", op="compensate"), undo_answers("pay", 500), pauses, later(1_000))
    retried.owes().when(begun("pay", op="compensate")).then_nothing()


def test_no_wait_begins_and_nobody_is_asked_anew() -> None:
    given(saga_of(wait("stock")), started, pauses).when(asked("stock")).then_nothing()
    given(saga_of(approval("ok")), started, pauses).when(asked("ok")).then_nothing()


def test_what_was_granted_begins_after_the_resume() -> None:
    saga = saga_of(step("ship", onExhausted="hitl"))
    story = given(saga, started, begun("ship"), answers("ship", 409), pauses).when(decides("retry")).then(fact(Decided))
    story.owes().when(begun("ship")).then_nothing().when(resumes).owes(Begin("ship", "call"))


# -- what is in flight settles


def test_an_attempt_in_flight_settles() -> None:
    story = given(ORDER, started, begun("pay"), pauses).owes(Send("pay", "call", 1))
    story.when(answers("pay", 200)).then(fact(StepSucceeded)).owes()
    given(ORDER, started, begun("pay"), pauses).when(answers("pay", 500)).then(fact(StepRetrying)).owes()
    given(ORDER, started, begun("pay"), pauses).when(answers("pay", 401)).then(
        fact(StepRetrying, outcome="unauthorized")
    ).owes()


def test_an_attempt_that_was_cut_off_is_in_flight_still() -> None:
    """It settles by being sent again under its key, and it is in doubt as ever."""
    given(ORDER, started, begun("pay"), pauses).when(begun("pay")).then(
        StepStarted(NOW, "pay", 1, "run-1:pay:call", True)
    )
    given(ORDER, UNDOING, begun("pay", op="compensate"), pauses).when(begun("pay", op="compensate")).then(
        fact(Compensate, attempt=1, key="run-1:pay:compensate", interrupted=True)
    )


def test_a_202_is_polled_until_its_time_is_up() -> None:
    story = given(ORDER, started, begun("pay"), pauses).when(answers("pay", 202)).then(fact(StepAccepted))
    story.owes(Poll("pay", "call", 1, 202, None), Wake(NOW + 30_000)).when(tick(30_000)).then(fact(StepRetrying)).owes()


def test_a_check_under_way_is_answered() -> None:
    saga = saga_of(step("pay", check="svc:/paid"), step("ship"))
    story = given(saga, started, begun("pay"), pauses).when(CutOff("pay", 1)).then(fact(StepDoubted))
    story.owes(Check("pay", 1)).when(check_answers("pay", 200)).then(fact(StepSucceeded)).owes()


def test_an_undo_in_flight_settles() -> None:
    story = given(ORDER, UNDOING, begun("pay", op="compensate"), pauses).owes(Send("pay", "compensate", 1))
    story.when(undo_answers("pay", 200)).then(fact(StepCompensated), fact(Failed))
    story = given(ORDER, UNDOING, begun("pay", op="compensate"), pauses, undo_answers("pay", 202))
    story.owes(Poll("pay", "compensate", 1, 202, None), Wake(NOW + 30_000)).when(tick(30_000)).then(
        fact(StepRetrying, op="compensate")
    ).owes()


def test_an_undo_that_is_announced_is_waited_for() -> None:
    saga = saga_of(step("pay", compensate="event"), step("ship"))
    story = given(saga, UNDOING, begun("pay", op="compensate"), pauses).owes(Wake(NOW + 30_000))
    story.when(tick(30_000)).then(fact(StepRetrying, op="compensate")).owes()


def test_the_last_answer_completes_the_run() -> None:
    story = given(ORDER, started, done("pay"), begun("ship"), pauses).when(answers("ship", 200))
    story.then(fact(StepSucceeded), fact(Completed))
    assert not story.run.paused


def test_a_failure_turns_the_run_back_and_the_undo_waits_for_the_resume() -> None:
    story = given(ORDER, started, done("pay"), begun("ship"), pauses).when(answers("ship", 409))
    story.then(fact(StepFailed), fact(Compensating)).owes().when(resumes).owes(Begin("pay", "compensate"))


def test_a_failure_that_is_held_asks_a_person() -> None:
    saga = saga_of(step("ship", onExhausted="hitl"))
    given(saga, started, begun("ship"), pauses).when(answers("ship", 409)).then(fact(StepHeld), fact(Queued))


# -- time


def test_the_deadline_takes_effect_at_the_resume_and_nothing_begins_before() -> None:
    saga = saga_of(step("pay"), step("ship"), deadlineMs=10_000)
    story = given(saga, started, done("pay"), pauses).owes().when(tick(10_000)).then_nothing()
    story.when(resumes).then(fact(Resumed)).owes(Wake(NOW + 10_000)).when(tick(0)).then(
        fact(Compensating, cause="deadline")
    ).owes(Begin("pay", "compensate"))


def test_a_resume_before_the_deadline_goes_on() -> None:
    saga = saga_of(step("pay"), step("ship"), deadlineMs=10_000)
    given(saga, started, pauses, later(9_999), resumes).owes(Begin("pay", "call"), Wake(NOW + 10_000))


def test_an_event_is_heard_after_the_resume_and_not_before() -> None:
    story = given(saga_of(wait("stock", 5_000)), started, asked("stock"), pauses).owes().when(heard("stock"))
    story.then_nothing().when(resumes).owes(Listen("stock", ARRIVAL), Wake(NOW + 5_000))
    story.when(heard("stock")).then(fact(StepSucceeded), fact(Completed))


def test_a_wait_that_was_over_meanwhile_ends_at_the_resume() -> None:
    story = given(saga_of(wait("stock", 5_000)), started, asked("stock"), pauses, later(5_000)).owes()
    story.when(expires("stock")).then_nothing().when(resumes).owes(Expire("stock")).when(expires("stock"))
    story.then(fact(StepFailed), fact(Compensating), fact(Failed))


@pytest.mark.parametrize(("on_expire", "end"), [("compensate", Failed), ("continue", Completed)])
def test_an_approval_that_expired_meanwhile_can_no_longer_be_decided(on_expire: str, end: type[Failed]) -> None:
    story = given(saga_of(approval("ok", 5_000, on_expire)), started, asked("ok"), pauses, later(5_000)).owes()
    wish = decides("approve")(story.run)
    story.when(wish).then_nothing().when(expires("ok")).then_nothing().when(resumes).owes(Expire("ok"))
    assert "has expired" in objection(story.run, wish, story.now)
    story.when(expires("ok"))
    assert isinstance(story.latest[-1], end)


# -- decisions, cancel, abandon


def test_a_person_decides_in_the_pause_and_what_follows_begins_after_it() -> None:
    saga = saga_of(approval("ok"), step("ship"))
    story = given(saga, started, asked("ok"), pauses).when(decides("approve")).then(fact(Decided), fact(StepSucceeded))
    story.owes().when(resumes).owes(Begin("ship", "call"))


def test_a_cancel_lets_a_paused_run_go_on_to_be_undone() -> None:
    story = given(ORDER, started, done("pay"), pauses).when(cancels)
    story.then(Resumed(NOW, "ann", "cancelled"), fact(Compensating, cause="cancel")).owes(Begin("pay", "compensate"))
    story.when(undone("pay")).then(fact(StepCompensated), fact(Cancelled))


def test_a_paused_run_can_be_abandoned() -> None:
    story = given(saga_of(approval("ok")), started, asked("ok"), pauses).when(Abandon("by hand", "ann"))
    story.then(fact(Closed), fact(Abandoned))
    assert not story.run.paused


# -- stuck in the pause


def test_a_paused_run_whose_undo_is_refused_is_stuck_and_can_be_resumed() -> None:
    story = given(ORDER, STUCK)
    assert story.run.status is Status.STUCK
    story.when(resumes).then(fact(Resumed)).owes().when(decides("retry")).owes(Begin("pay", "compensate"))
    assert story.run.status is Status.COMPENSATING


def test_a_retry_that_is_decided_in_the_pause_begins_after_it() -> None:
    story = given(ORDER, STUCK).when(decides("retry")).then(fact(Decided)).owes()
    story.when(begun("pay", op="compensate")).then_nothing().when(resumes).owes(Begin("pay", "compensate"))


def test_the_siblings_of_a_stuck_undo_go_on_after_the_resume() -> None:
    saga = saga_of(group(step("a"), step("b")), step("c"))
    story = given(saga, started, done("a", "b"), begun("c"), answers("c", 409), begun("a", op="compensate"), pauses)
    story.when(undo_answers("a", 409)).then(fact(StepStuck), fact(Queued)).owes()
    story.when(resumes).owes(Begin("b", "compensate")).when(undone("b")).then(fact(StepCompensated), fact(Stuck))


# -- refused


def test_only_a_run_that_moves_is_paused_and_only_a_paused_one_resumed() -> None:
    story = given(ORDER, started, pauses).when(pauses).then_nothing()
    assert objection(story.run, pauses, NOW) == "run run-1 is paused already"
    story = given(ORDER, started).when(resumes).then_nothing()
    assert objection(story.run, resumes, NOW) == "run run-1 is not paused, it is RUNNING"
    for led in (
        [],
        [started, done("pay", "ship")],
        [*UNDOING, begun("pay", op="compensate"), undo_answers("pay", 409)],
    ):
        story = given(ORDER, led).when(pauses).then_nothing()
        assert "nothing moves that could be paused" in objection(story.run, pauses, NOW)
