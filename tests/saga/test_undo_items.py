"""An undo that keeps failing: a person is asked at its third failure, and has to decide once it is stuck."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Begin, Send, Wake
from hms_orch_cli.saga.events import (
    Abandoned,
    Closed,
    Compensate,
    Decided,
    Failed,
    Queued,
    StepCompensated,
    StepRetrying,
    StepStuck,
    Stuck,
)
from hms_orch_cli.saga.inputs import Abandon, Attempt
from hms_orch_cli.saga.people import objection
from hms_orch_cli.saga.state import Status

from ..specs import (
    NOW,
    Happening,
    answers,
    begun,
    cancels,
    decides,
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
UNDOING: list[Happening] = [started, done("pay"), begun("ship"), answers("ship", 409)]
TRY: list[Happening] = [later(1_000), begun("pay", op="compensate"), undo_answers("pay", 500, reason="down")]
THREE: list[Happening] = [*UNDOING, TRY, TRY, TRY]
BEGUN: list[Happening] = [*UNDOING, begun("pay", op="compensate")]
REFUSED: list[Happening] = [*BEGUN, undo_answers("pay", 409, reason="booked")]
BRIEF = saga_of(step("pay", compensate={"service": "svc", "path": "/undo", "retry": {"attempts": 2}}), step("ship"))
EXHAUSTED: list[Happening] = [*UNDOING, TRY, TRY]
SIDE = saga_of(step("z"), group(step("a"), step("b")), step("c"))
TWO_STUCK: list[Happening] = [
    started,
    done("z", "a", "b"),
    begun("c"),
    answers("c", 409),
    begun("a", "b", op="compensate"),
    undo_answers("a", 409),
    undo_answers("b", 422),
]


# -- the third failure in a row


def test_a_person_is_asked_at_the_third_failure_in_a_row_while_it_is_still_tried() -> None:
    story = given(ORDER, UNDOING).when(TRY).then(fact(StepRetrying)).when(TRY).then(fact(StepRetrying)).when(TRY)
    story.then(
        fact(StepRetrying, attempt=3),
        Queued(story.now, "pay", "run-1.1", "undo", "undo of pay: 500 down", ["retry", "undone", "abandon"]),
    ).owes(Wake(story.now + 1_000))
    assert story.run.status is Status.COMPENSATING
    story.when(TRY).then(fact(StepRetrying, attempt=4))


def test_the_item_is_closed_by_itself_if_a_later_attempt_succeeds() -> None:
    given(ORDER, THREE, later(1_000), begun("pay", op="compensate")).when(undo_answers("pay", 200)).then(
        fact(StepCompensated),
        fact(Closed, id="run-1.1", kind="undo", reason="a later attempt has undone it"),
        fact(Failed),
    )


def test_an_attempt_that_was_cut_off_is_no_failure() -> None:
    story = given(ORDER, UNDOING, TRY, TRY, later(1_000), begun("pay", op="compensate"))
    story.when(begun("pay", op="compensate")).then(fact(Compensate, interrupted=True))
    story.when(begun("pay", op="compensate")).then(fact(Compensate, interrupted=True))


def test_a_202_that_runs_out_of_time_is_a_failure() -> None:
    story = given(ORDER, UNDOING, TRY, TRY, later(1_000), begun("pay", op="compensate"), undo_answers("pay", 202))
    story.when(tick(30_000)).then(fact(StepRetrying, attempt=3), fact(Queued))


def test_one_item_stands_open_until_it_is_stuck_and_beyond() -> None:
    story = given(ORDER, THREE, *[TRY] * 6).when(TRY).then(fact(StepStuck, attempt=10), fact(Stuck))
    assert list(story.run.items) == ["run-1.1"]


# -- stuck


def test_a_refused_undo_queues_an_item_and_the_run_is_stuck() -> None:
    story = given(ORDER, BEGUN).when(undo_answers("pay", 409, reason="booked"))
    story.then(
        StepStuck(NOW, "pay", 1, "booked", 409, True),
        Queued(NOW, "pay", "run-1.1", "undo", "undo of pay: 409 booked", ["retry", "undone", "abandon"]),
        Stuck(NOW, "undo of pay: 409 booked"),
    ).owes()
    assert story.run.status is Status.STUCK


def test_nothing_is_called_again_without_a_decision() -> None:
    story = given(ORDER, REFUSED)
    late = undo_answers("pay", 200)(story.run)
    for happened in (tick(10**9), begun("pay", op="compensate"), cancels, late):
        story.when(happened).then_nothing().owes()


def test_a_request_that_cannot_be_written_is_stuck_and_no_refusal() -> None:
    story = given(ORDER, UNDOING).when(Attempt("pay", "compensate", error="no secret"))
    story.then(fact(StepStuck, attempt=0, refused=None), fact(Queued), fact(Stuck))
    story.when(decides("retry"), begun("pay", op="compensate")).then(
        fact(Compensate, attempt=1, key="run-1:pay:compensate")
    )


# -- retry


def test_retry_of_a_refused_undo_takes_the_key_of_a_new_round() -> None:
    story = given(ORDER, REFUSED).when(later(5), decides("retry"))
    story.then(Decided(NOW + 5, "run-1.1", "undo", "retry", "ann", "by phone")).owes(Begin("pay", "compensate"))
    assert story.run.status is Status.COMPENSATING
    story.when(begun("pay", op="compensate")).then(
        fact(Compensate, attempt=2, key="run-1:pay:compensate:2", interrupted=None)
    )
    story.when(undo_answers("pay", 409), decides("retry"), begun("pay", op="compensate")).then(
        fact(Compensate, attempt=3, key="run-1:pay:compensate:3")
    )
    story.when(undo_answers("pay", 200)).then(fact(StepCompensated), fact(Failed, reason="ship: 409 answer 409"))


def test_retry_of_one_that_used_up_its_attempts_keeps_the_key_and_has_them_anew() -> None:
    story = given(BRIEF, EXHAUSTED)
    assert story.run.status is Status.STUCK
    story.when(decides("retry"), begun("pay", op="compensate")).then(
        fact(Compensate, attempt=3, key="run-1:pay:compensate")
    )
    story.when(undo_answers("pay", 500)).then(fact(StepRetrying, attempt=3, due_at=story.now + 1_000))
    story.when(TRY).then(fact(StepStuck, attempt=4), fact(Queued, id="run-1.2"), fact(Stuck))


def test_retry_of_one_that_pauses_tries_at_once_and_counts_anew() -> None:
    story = given(ORDER, THREE).when(decides("retry")).then(fact(Decided)).owes(Begin("pay", "compensate"))
    story.when(begun("pay", op="compensate"), undo_answers("pay", 500)).then(fact(StepRetrying, attempt=4))
    story.when(TRY).then(fact(StepRetrying, attempt=5)).when(TRY).then(fact(StepRetrying), fact(Queued, id="run-1.2"))
    for _ in range(6):
        story.when(TRY).then(fact(StepRetrying))
    story.when(TRY).then(fact(StepStuck, attempt=13), fact(Stuck))


def test_retry_of_one_in_flight_lets_it_settle() -> None:
    story = given(ORDER, THREE, later(1_000), begun("pay", op="compensate")).when(decides("retry")).then(fact(Decided))
    story.owes(Send("pay", "compensate", 4)).when(undo_answers("pay", 500)).then(fact(StepRetrying, attempt=4))
    polled = given(ORDER, THREE, later(1_000), begun("pay", op="compensate"), undo_answers("pay", 202))
    polled.when(decides("retry")).then(fact(Decided)).when(undo_answers("pay", 200)).then(
        fact(StepCompensated), fact(Failed)
    )


# -- undone, abandon


@pytest.mark.parametrize("led", [THREE, REFUSED, [*THREE, later(1_000), begun("pay", op="compensate")]])
def test_undone_says_that_a_person_has_undone_it(led: list[Happening]) -> None:
    story = given(ORDER, led)
    story.when(decides("undone")).then(
        fact(Decided, decision="undone", actor="ann", note="by phone"), fact(StepCompensated, status=None), fact(Failed)
    )
    assert story.run.status is Status.FAILED


def test_undone_of_what_never_began() -> None:
    given(ORDER, UNDOING, Attempt("pay", "compensate", error="no secret")).when(decides("undone")).then(
        fact(Decided), fact(StepCompensated), fact(Failed)
    )


def test_the_earlier_undos_hold_until_then() -> None:
    saga = saga_of(step("a"), step("pay"), step("ship"))
    story = given(saga, started, done("a", "pay"), begun("ship"), answers("ship", 409), begun("pay", op="compensate"))
    story.when(undo_answers("pay", 409)).owes().when(decides("undone")).owes(Begin("a", "compensate"))
    story.when(undone("a")).then(fact(StepCompensated), fact(Failed))


@pytest.mark.parametrize("led", [THREE, REFUSED])
def test_abandon_closes_the_run_without_undo(led: list[Happening]) -> None:
    story = given(ORDER, led)
    story.when(decides("abandon")).then(fact(Decided), fact(Abandoned, reason="by phone", actor="ann")).owes()
    assert story.run.status is Status.ABANDONED


def test_a_stuck_run_is_abandoned_without_its_item_too() -> None:
    given(ORDER, REFUSED).when(Abandon("by hand", "ann")).then(fact(Closed, id="run-1.1"), fact(Abandoned))


# -- once, and only these


def test_a_decision_applies_once() -> None:
    story = given(ORDER, REFUSED)
    retry, undone_ = decides("retry")(story.run), decides("undone")(story.run)
    story.when(retry).when(retry).then_nothing().when(undone_).then_nothing()
    assert "is decided or closed already" in objection(story.run, retry, NOW)


@pytest.mark.parametrize("decision", ["approve", "reject", "done", "skip", "compensate"])
def test_an_undo_takes_its_own_decisions_only(decision: str) -> None:
    story = given(ORDER, REFUSED)
    wish = decides(decision)(story.run)
    story.when(wish).then_nothing()
    assert "choose retry or undone or abandon" in objection(story.run, wish, NOW)


# -- two side by side


def test_two_stuck_undos_have_an_item_each() -> None:
    story = given(SIDE, TWO_STUCK)
    assert story.run.status is Status.STUCK
    assert [(item.id, item.step) for item in story.run.items.values()] == [("run-1.1", "a"), ("run-1.2", "b")]


def test_deciding_one_of_two_leaves_the_other_stuck() -> None:
    story = given(SIDE, TWO_STUCK).when(decides("retry", "a")).then(fact(Decided)).owes(Begin("a", "compensate"))
    story.when(begun("a", op="compensate")).when(undo_answers("a", 200)).then(
        fact(StepCompensated, step="a"), Stuck(NOW, "undo of b: 422 answer 422")
    ).owes()
    story.when(decides("undone")).then(fact(Decided, id="run-1.2"), fact(StepCompensated, step="b"))
    story.owes(Begin("z", "compensate")).when(undone("z")).then(fact(StepCompensated), fact(Failed))


def test_one_of_two_that_is_undone_by_a_person_makes_the_run_stuck_again_at_once() -> None:
    given(SIDE, TWO_STUCK).when(decides("undone", "a")).then(
        fact(Decided), fact(StepCompensated, step="a"), fact(Stuck, reason="undo of b: 422 answer 422")
    )


def test_abandoning_one_of_two_closes_the_other() -> None:
    given(SIDE, TWO_STUCK).when(decides("abandon", "b")).then(
        fact(Decided, id="run-1.2"), fact(Closed, id="run-1.1"), fact(Abandoned)
    )
