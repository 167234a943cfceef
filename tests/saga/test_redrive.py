"""A run that had ended without success goes on, or is started anew if it has undone something."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Begin, Poll, Send, Wake
from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Compensate,
    Compensating,
    Completed,
    Failed,
    Queued,
    Redriven,
    Replaced,
    Started,
    StepDoubted,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepWaiting,
)
from hms_orch_cli.saga.identity import redrive_id
from hms_orch_cli.saga.inputs import Abandon, Attempt, CutOff, Redrive, Trigger
from hms_orch_cli.saga.people import objection
from hms_orch_cli.saga.state import Status
from hms_orch_cli.views.runs import steps_of

from ..specs import (
    EVENT,
    LOST,
    NOW,
    Happening,
    Story,
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
    heard,
    later,
    redrives,
    saga_of,
    started,
    step,
    tick,
    undo_answers,
    undone,
    wait,
)

ORDER = saga_of(step("pay", compensate=None), step("ship", retry={"attempts": 2}), step("mail"))
FAILED: list[Happening] = [started, done("pay"), begun("ship"), answers("ship", 409)]
ABANDON = Abandon("by hand", "ann")
ANEW = Redrive("ann", "the bank is open", by="run-2")


def fail_in_doubt(*happenings: Happening) -> Story:
    """A run whose step may have taken effect and has no undo: it ends and has undone nothing."""
    saga = saga_of(step("pay", compensate=None, retry={"attempts": 1}))
    return given(saga, started, begun("pay"), answers("pay", LOST), *happenings)


# -- goes on


def test_a_run_that_has_undone_nothing_goes_on_where_it_failed() -> None:
    story = given(ORDER, FAILED, later(7))
    assert story.run.status is Status.FAILED
    story.when(redrives).then(Redriven(NOW + 7, "ann", "the bank is open")).owes(Begin("ship", "call"))
    assert (story.run.status, story.run.reason, story.run.cause, story.run.ended_at) == (Status.RUNNING, "", "", None)
    story.when(begun("ship"), answers("ship", 200), begun("mail")).then(fact(StepStarted, step="mail", attempt=1))
    story.when(later(3), answers("mail", 200)).then(fact(StepSucceeded), Completed(NOW + 10, 10))


def test_what_was_done_stays_done_and_keeps_its_output() -> None:
    story = given(
        ORDER, started, begun("pay"), answers("pay", 200, body={"id": 1}), begun("ship"), answers("ship", 409)
    )
    story.when(redrives, begun("pay")).then_nothing()
    assert story.run.context("ship", "call") == {"pay": {"id": 1}}


def test_after_a_definite_refusal_the_key_of_that_step_gets_a_round() -> None:
    story = given(ORDER, FAILED, redrives).when(begun("ship"))
    story.then(fact(StepStarted, attempt=2, key="run-1:ship:call:2", interrupted=None))
    story.when(answers("ship", 409), redrives, begun("ship")).then(fact(StepStarted, key="run-1:ship:call:3"))
    story.when(answers("ship", 200), begun("mail")).then(fact(StepStarted, key="run-1:mail:call"))


@pytest.mark.parametrize("answer", [429, LOST], ids=["exhausted", "in doubt"])
def test_without_a_definite_refusal_the_key_stays(answer: int) -> None:
    saga = saga_of(step("pay", compensate=None, retry={"attempts": 1}))
    given(saga, started, begun("pay"), answers("pay", answer), redrives).when(begun("pay")).then(
        fact(StepStarted, attempt=2, key="run-1:pay:call")
    )


def test_a_step_that_failed_has_all_its_attempts_and_its_fresh_token_anew() -> None:
    story = given(ORDER, FAILED, redrives, begun("ship"))
    story.when(answers("ship", 401)).then(fact(StepRetrying, outcome="unauthorized"))
    story.when(begun("ship"), answers("ship", 429)).then(fact(StepFailed, attempt=3), fact(Compensating), fact(Failed))
    story.when(redrives, begun("ship"), answers("ship", 429)).then(fact(StepRetrying, attempt=4))


def test_doubt_outlives_the_redrive() -> None:
    fail_in_doubt(redrives, begun("pay")).when(answers("pay", 409)).then(
        fact(StepFailed, outcome="unknown", undo=True, refused=None), fact(Compensating), fact(Failed)
    )


def test_doubt_that_a_check_has_settled_does_not() -> None:
    saga = saga_of(step("pay", compensate=None, check="svc:/paid", retry={"attempts": 1}))
    story = given(saga, started, begun("pay"), answers("pay", 500), check_answers("pay", 404))
    story.when(redrives, begun("pay"), answers("pay", 409)).then(
        fact(StepFailed, outcome="failed", undo=False, refused=True), fact(Compensating), fact(Failed)
    )


def test_the_budget_of_a_step_runs_anew() -> None:
    saga = saga_of(step("pay", compensate=None, retry={"attempts": 9, "budgetMs": 1_500}))
    tries = [begun("pay"), answers("pay", 429), later(1_000)]
    story = given(saga, started, tries, tries, later(60_000), redrives, begun("pay"))
    story.when(answers("pay", 429)).then(fact(StepRetrying))


def test_the_deadline_runs_anew() -> None:
    saga = saga_of(step("pay"), deadlineMs=10_000)
    story = given(saga, started, tick(10_000)).then(fact(Compensating, cause="deadline"), fact(Failed))
    story.when(later(500), redrives).owes(Begin("pay", "call"), Wake(NOW + 20_500)).when(tick(9_999)).then_nothing()
    story.when(tick(1)).then(
        fact(Compensating, cause="deadline"), Failed(NOW + 20_500, "not done within 10000 ms", 20_500, "deadline")
    )


def test_a_wait_begins_anew() -> None:
    saga = saga_of(wait("stock", 5_000))
    story = given(saga, started, asked("stock"), later(5_000), expires("stock"), redrives).owes(Begin("stock", "call"))
    story.when(asked("stock")).then(fact(StepWaiting, due_at=NOW + 10_000))
    story.when(heard("stock")).then(fact(StepSucceeded), fact(Completed))


def test_a_question_is_asked_anew_as_another_item() -> None:
    saga = saga_of(approval("ok"))
    story = given(saga, started, asked("ok"), decides("reject"), redrives).owes(Begin("ok", "call"))
    story.when(asked("ok")).then(fact(StepWaiting), fact(Queued, id="run-1.2", kind="approval"))


def test_a_step_that_could_not_be_written_begins_with_its_first_attempt() -> None:
    given(ORDER, started, Attempt("pay", "call", error="no secret"), redrives).when(begun("pay")).then(
        fact(StepStarted, attempt=1, key="run-1:pay:call")
    )


def test_a_held_step_is_held_again_if_it_fails_again() -> None:
    saga = saga_of(step("pay", onExhausted="hitl"))
    story = given(saga, started, begun("pay"), answers("pay", 409), decides("compensate"), redrives)
    story.when(begun("pay"), answers("pay", 409)).then(fact(StepHeld), fact(Queued, id="run-1.2"))


def test_a_cancelled_run_goes_on() -> None:
    story = given(ORDER, started, cancels).then(fact(Compensating), fact(Cancelled))
    story.when(redrives).then(fact(Redriven)).owes(Begin("pay", "call"))


# -- abandoned in flight


def test_what_was_in_flight_when_the_run_was_abandoned_is_in_flight_still() -> None:
    story = given(ORDER, started, done("pay"), begun("ship"), ABANDON, redrives).owes(Send("ship", "call", 1))
    story.when(begun("ship")).then(fact(StepStarted, attempt=1, key="run-1:ship:call", interrupted=True))
    story.when(answers("ship", 409)).then(fact(StepFailed, outcome="unknown", undo=True), fact(Compensating))


def test_an_answer_to_what_was_in_flight_counts_after_the_redrive_and_not_before() -> None:
    story = given(ORDER, started, done("pay"), begun("ship"))
    late = answers("ship", 200)(story.run)
    story.when(ABANDON).then(fact(Abandoned)).when(late).then_nothing()
    story.when(redrives, late).then(fact(StepSucceeded)).owes(Begin("mail", "call"))


def test_a_202_of_an_abandoned_run_is_polled_on_and_has_its_time() -> None:
    story = given(ORDER, started, done("pay"), begun("ship"), answers("ship", 202), ABANDON, later(30_000), redrives)
    story.owes(Poll("ship", "call", 1, 202, None), Wake(NOW + 30_000))
    story.when(tick(0)).then(fact(StepRetrying, outcome="unknown"))


def test_a_check_settles_what_was_in_flight() -> None:
    saga = saga_of(step("pay", check="svc:/paid"))
    given(saga, started, begun("pay"), ABANDON, redrives).when(CutOff("pay", 1)).then(fact(StepDoubted)).when(
        check_answers("pay", 200)
    ).then(fact(StepSucceeded), fact(Completed))


def test_a_run_abandoned_on_its_way_back_goes_forward_again() -> None:
    saga = saga_of(step("pay"), step("ship"))
    story = given(saga, started, done("pay"), begun("ship"), answers("ship", 409), ABANDON, redrives)
    story.owes(Begin("ship", "call")).when(begun("ship"), answers("ship", 200))
    assert story.run.status is Status.COMPLETED


def test_a_hold_of_an_abandoned_run_is_tried_again_with_its_doubt() -> None:
    saga = saga_of(step("pay", onExhausted="hitl", retry={"attempts": 1}))
    story = given(saga, started, begun("pay"), answers("pay", 500), ABANDON, redrives).owes(Begin("pay", "call"))
    story.when(cancels).then(fact(Compensating), fact(StepFailed, outcome="unknown", undo=True))


@pytest.mark.parametrize("again", [[], asked("stock")], ids=["at once", "while it waits again"])
def test_an_output_that_could_not_be_read_is_undone_after_a_redrive_too(again: list[Happening]) -> None:
    saga = saga_of(wait("stock", compensate="svc:/release"), step("ship"))
    story = given(saga, started, asked("stock"), heard("stock", error="output n"), ABANDON, redrives, again)
    story.when(cancels).then(fact(Compensating), fact(StepFailed, undo=True)).owes(Begin("stock", "compensate"))


def test_what_may_have_taken_effect_is_undone_though_it_is_left_out_after_the_redrive() -> None:
    saga = saga_of(wait("stock", compensate="svc:/release"), step("ship"))
    story = given(saga, started, asked("stock"), heard("stock", error="output n"), ABANDON, redrives)
    story.when(Attempt("stock", "call", skip=True)).then(fact(StepSkipped)).owes(Begin("ship", "call"))
    story.when(cancels).owes(Begin("stock", "compensate"))


# -- started anew


UNDONE = (saga_of(step("pay"), step("ship")), [*FAILED, undone("pay")])


def test_a_run_that_has_undone_something_is_started_anew_and_linked() -> None:
    saga, led = UNDONE
    story = given(saga, led).when(ANEW).then(Replaced(NOW, "run-2", "ann", "the bank is open")).owes()
    assert (story.run.status, story.run.replaced_by) == (Status.FAILED, "run-2")
    given(saga).when(Trigger(EVENT, 0, "run-1")).then(fact(Started, redrive_of="run-1"))
    assert redrive_id(story.run) == redrive_id(given(saga, led).run) != story.run.id


def test_it_does_not_go_on_itself() -> None:
    saga, led = UNDONE
    story = given(saga, led).when(redrives).then_nothing()
    assert objection(story.run, redrives, NOW) == "run run-1 has undone something: it can only be started anew"


def test_one_undo_that_was_begun_is_enough() -> None:
    saga = saga_of(step("pay"), step("ship"))
    story = given(saga, FAILED, begun("pay", op="compensate"), undo_answers("pay", 500), ABANDON)
    story.when(redrives).then_nothing().when(ANEW).then(fact(Replaced))


def test_an_undo_that_was_refused_has_undone_nothing() -> None:
    """What stands is not done a second time; and should it come to another undo, that has a key of its own."""
    saga = saga_of(step("pay"), step("ship"))
    refused = [*FAILED, begun("pay", op="compensate"), undo_answers("pay", 409), ABANDON]
    assert "goes on itself" in objection(given(saga, refused).run, ANEW, NOW)

    story = given(saga, refused, redrives).owes(Begin("ship", "call")).when(begun("ship"), answers("ship", 409))
    assert steps_of(story.run)[0]["state"] == "SUCCEEDED"

    story.when(begun("pay", op="compensate")).then(fact(Compensate, attempt=2, key="run-1:pay:compensate:2"))
    assert story.run.has_undone


@pytest.mark.parametrize(
    "led",
    [
        [undo_answers("pay", 409), decides("undone")],
        [undo_answers("pay", 409), decides("retry"), begun("pay", op="compensate"), ABANDON],
        [undo_answers("pay", 500), later(60_000), begun("pay", op="compensate"), undo_answers("pay", 409), ABANDON],
        [begun("pay", op="compensate"), undo_answers("pay", 409), ABANDON],
    ],
    ids=["undone by hand", "begun again", "in doubt before", "cut off before"],
)
def test_a_refusal_settles_its_own_attempt_only(led: list[Happening]) -> None:
    saga = saga_of(step("pay"), step("ship"))
    story = given(saga, FAILED, begun("pay", op="compensate"), led)
    assert story.run.has_undone
    story.when(redrives).then_nothing()


def test_one_that_has_undone_nothing_is_not_started_anew() -> None:
    story = given(ORDER, FAILED).when(ANEW).then_nothing()
    assert objection(story.run, ANEW, NOW) == "run run-1 has undone nothing: it goes on itself"


def test_it_is_started_anew_once() -> None:
    saga, led = UNDONE
    story = given(saga, led, ANEW).when(ANEW).then_nothing().when(redrives).then_nothing()
    for wish in (ANEW, redrives):
        assert objection(story.run, wish, NOW) == "run run-1 was started anew already, as run-2"


@pytest.mark.parametrize(
    "led", [[], [started], FAILED[:3], [started, done("pay", "ship", "mail")]], ids=["new", "running", "busy", "done"]
)
def test_only_a_run_that_ended_without_success_is_redriven(led: list[Happening]) -> None:
    for wish in (redrives, ANEW):
        story = given(ORDER, led).when(wish).then_nothing()
        assert "only one that has ended without success" in objection(story.run, wish, NOW)
