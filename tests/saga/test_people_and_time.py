"""Deadline, cancel, abandon."""

from __future__ import annotations

from hms_orch_cli.saga.commands import Begin, Send, Wake
from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Closed,
    Compensating,
    Failed,
    StepCompensated,
    StepFailed,
    StepSucceeded,
)
from hms_orch_cli.saga.inputs import Abandon, Cancel, Trigger
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.saga.state import Status

from ..specs import (
    EVENT,
    NOW,
    answers,
    begun,
    done,
    fact,
    given,
    group,
    later,
    saga_of,
    started,
    step,
    tick,
    undo_answers,
    undone,
)

ORDER = saga_of(step("pay"), step("ship"))
TIMED = saga_of(step("pay"), step("ship"), deadlineMs=10_000)
STUCK = [
    started,
    done("pay"),
    begun("ship"),
    answers("ship", 409),
    begun("pay", op="compensate"),
    undo_answers("pay", 409),
]


def test_a_deadline_runs_from_the_start_and_turns_the_run_back() -> None:
    story = given(TIMED, started).owes(Begin("pay", "call"), Wake(NOW + 10_000))
    story.when(done("pay"), tick(9_999)).then_nothing()
    story.when(tick(1)).then(Compensating(NOW + 10_000, "deadline", "not done within 10000 ms"))
    story.owes(Begin("pay", "compensate")).when(undone("pay")).then(
        fact(StepCompensated), Failed(NOW + 10_000, "not done within 10000 ms", 10_000, "deadline")
    )


def test_an_attempt_in_flight_settles_before_the_deadline_undoes() -> None:
    story = given(TIMED, started, begun("pay")).when(tick(10_000)).then(fact(Compensating, cause="deadline"))
    story.owes(Send("pay", "call", 1)).when(answers("pay", 200)).then(fact(StepSucceeded))
    story.owes(Begin("pay", "compensate"))


def test_the_deadline_gives_up_retries_and_202s() -> None:
    given(TIMED, started, begun("pay"), answers("pay", Answer(Wire.ANSWERED, 429, retry_after_ms=60_000))).when(
        tick(10_000)
    ).then(fact(Compensating), fact(StepFailed, outcome="failed", undo=False), fact(Failed))
    given(TIMED, started, begun("pay"), answers("pay", 202)).when(tick(10_000)).then(
        fact(Compensating), fact(StepFailed, outcome="unknown", undo=True)
    ).owes(Begin("pay", "compensate"))


def test_a_deadline_is_ignored_once_the_run_has_turned_back() -> None:
    story = given(TIMED, started, done("pay"), begun("ship"), answers("ship", 409)).when(tick(10_000)).then_nothing()
    story.when(undone("pay")).then(fact(StepCompensated), fact(Failed, reason="ship: 409 answer 409"))
    given(saga_of(step("pay"), step("ship"), deadlineMs=10_000), STUCK).when(tick(10_000)).then_nothing()


def test_a_step_whose_time_is_up_with_the_deadline_is_given_up_once() -> None:
    saga = saga_of(step("pay", timeoutMs=10_000, retry={"attempts": 1}), deadlineMs=10_000)
    given(saga, started, begun("pay"), answers("pay", 202)).when(tick(10_000)).then(
        fact(StepFailed, outcome="unknown", undo=True), fact(Compensating, cause="deadline")
    )


def test_a_cancel_undoes_what_was_done() -> None:
    story = (
        given(ORDER, started, done("pay")).when(Cancel("wrong order")).then(Compensating(NOW, "cancel", "wrong order"))
    )
    story.owes(Begin("pay", "compensate")).when(undone("pay")).then(
        fact(StepCompensated), Cancelled(NOW, "wrong order", 0)
    )
    assert story.run.status is Status.CANCELLED


def test_a_cancel_of_a_run_that_has_done_nothing_ends_it_at_once() -> None:
    given(ORDER, started).when(Cancel("no")).then(fact(Compensating), fact(Cancelled))


def test_a_cancel_lets_attempts_in_flight_settle() -> None:
    story = given(ORDER, started, begun("pay")).when(Cancel("no")).then(fact(Compensating))
    story.owes(Send("pay", "call", 1)).when(answers("pay", 500)).then(fact(StepFailed, outcome="unknown", undo=True))
    story.owes(Begin("pay", "compensate"))


def test_an_attempt_cut_off_is_not_made_again_once_the_run_has_turned_back() -> None:
    given(ORDER, started, begun("pay"), Cancel("no")).when(begun("pay")).then(
        fact(StepFailed, outcome="unknown", undo=True)
    ).owes(Begin("pay", "compensate"))


def test_a_cancel_gives_up_a_202_or_425_at_once_whenever_it_comes() -> None:
    for status in (202, 425):
        given(ORDER, started, begun("pay"), answers("pay", status)).when(Cancel("no")).then(
            fact(Compensating), fact(StepFailed, outcome="unknown", undo=True)
        )
        given(ORDER, started, begun("pay"), Cancel("no")).when(answers("pay", status)).then(
            fact(StepFailed, outcome="unknown", undo=True)
        )


def test_a_cancel_ends_a_retry_pause() -> None:
    given(ORDER, started, begun("pay"), answers("pay", 429)).when(Cancel("no")).then(
        fact(Compensating), fact(StepFailed, outcome="failed"), fact(Cancelled)
    )
    given(ORDER, started, begun("pay"), answers("pay", 500)).when(Cancel("no")).then(
        fact(Compensating), fact(StepFailed, outcome="unknown", undo=True)
    )


def test_a_cancel_ends_the_waits_of_every_branch() -> None:
    saga = saga_of(group(step("a"), step("b"), step("c")))
    given(saga, started, begun("a", "b", "c"), answers("a", 429), answers("b", 202)).when(Cancel("no")).then(
        fact(Compensating), fact(StepFailed, step="a"), fact(StepFailed, step="b")
    ).owes(Send("c", "call", 1))


def test_a_cancel_is_refused_once_undoing_stuck_or_ended() -> None:
    given(ORDER, started, done("pay"), begun("ship"), answers("ship", 409)).when(Cancel("no")).then_nothing()
    given(ORDER, STUCK).when(Cancel("no")).then_nothing()
    given(ORDER, started, done("pay", "ship")).when(Cancel("no")).then_nothing()
    given(ORDER).when(Cancel("no")).then_nothing()


def test_abandon_closes_any_run_that_has_not_ended_without_undo() -> None:
    running = given(ORDER, started, done("pay"), later(5))
    running.when(Abandon("done by hand", "ann")).then(Abandoned(NOW + 5, "done by hand", "ann", 5)).owes()
    given(ORDER, STUCK).when(Abandon("by hand", "ann")).then(fact(Closed, kind="undo"), fact(Abandoned))
    given(ORDER, STUCK[:-1]).when(Abandon("by hand", "ann")).then(fact(Abandoned))
    given(ORDER, started, done("pay", "ship")).when(Abandon("late", "ann")).then_nothing()
    given(ORDER).when(Abandon("early", "ann")).then_nothing()


def test_answers_after_the_end_change_nothing() -> None:
    story = given(ORDER, started, begun("pay"))
    late = answers("pay", 200)(story.run)
    story.when(Abandon("by hand", "ann")).when(late).then_nothing().when(tick(10**9)).then_nothing()
    story.when(Trigger(EVENT)).then_nothing().when(Cancel("no")).then_nothing()


def test_a_second_trigger_changes_nothing() -> None:
    given(ORDER, started).when(Trigger(EVENT)).then_nothing()


def test_reasons_are_cut_at_500_characters() -> None:
    story = given(ORDER, started).when(Cancel("n" * 900))
    assert len(story.run.reason) == 500
    story = given(ORDER, started, begun("pay"), answers("pay", 409, reason="x" * 900))
    assert len(story.run.reason) == 500
    assert story.run.reason.startswith("pay: 409 xxx")
