"""What follows from each answer to an undo, as the column `compensate` of the outcome table says."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Begin, Poll, Send, Wake
from hms_orch_cli.saga.events import (
    Compensate,
    Failed,
    Queued,
    StepAccepted,
    StepCompensated,
    StepRetrying,
    StepStuck,
    Stuck,
)
from hms_orch_cli.saga.inputs import Attempt
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.saga.state import Status

from ..specs import (
    FIXED,
    LOST,
    NOT_SENT,
    NOW,
    Happening,
    answers,
    begun,
    done,
    fact,
    given,
    later,
    saga_of,
    started,
    step,
    tick,
    undo_answers,
)

ORDER = saga_of(step("pay"), step("ship"))
UNDOING: list[Happening] = [
    started,
    begun("pay"),
    answers("pay", 200, body={"id": 9}),
    begun("ship"),
    answers("ship", 409),
    begun("pay", op="compensate"),
]
DOUBTED = saga_of(step("pay", retry={"attempts": 1}))
UNDOING_A_DOUBT = [started, begun("pay"), answers("pay", 500), begun("pay", op="compensate")]

TRANSIENT = [
    *[Answer(Wire.ANSWERED, status) for status in (303, 401, 403, 408, 429, 500, 501, 502, 503, 504)],
    Answer(Wire.ANSWERED, 200, broken=True),
    Answer(Wire.ANSWERED, 409, problem_type="urn:idempotency-key-in-flight"),
    LOST,
    NOT_SENT,
]


def test_an_undo_begins_with_its_intent_which_carries_the_output_of_the_step() -> None:
    assert given(ORDER, UNDOING).latest == [
        Compensate(NOW, "pay", {"id": 9}, "http", "run-1:pay:compensate", 1),
    ]
    mapped = [started, begun("pay"), answers("pay", 200, body={"id": 9}, output={"n": 1}), begun("ship")]
    given(ORDER, mapped, answers("ship", 409)).when(begun("pay", op="compensate")).then(
        fact(Compensate, context={"n": 1})
    )


@pytest.mark.parametrize("status", [200, 201, 204, 410])
def test_an_undo_is_done(status: int) -> None:
    given(ORDER, UNDOING).when(undo_answers("pay", status)).then(
        StepCompensated(NOW, "pay", 1, status), fact(Failed, reason="ship: 409 answer 409")
    ).owes()


def test_a_404_is_done_if_the_calls_outcome_was_unknown_else_stuck() -> None:
    given(DOUBTED, UNDOING_A_DOUBT).when(undo_answers("pay", 404)).then(fact(StepCompensated, status=404), fact(Failed))
    given(ORDER, UNDOING).when(undo_answers("pay", 404)).then(
        fact(StepStuck, status=404), fact(Queued, kind="undo"), fact(Stuck)
    )


def test_a_404_is_stuck_if_the_call_succeeded_and_only_its_output_failed() -> None:
    story = given(ORDER, started, begun("pay"), answers("pay", 200, error="output"), begun("pay", op="compensate"))
    story.when(undo_answers("pay", 404)).then(fact(StepStuck), fact(Queued, kind="undo"), fact(Stuck))


@pytest.mark.parametrize("answer", TRANSIENT, ids=str)
def test_an_undo_that_may_work_later_is_tried_ten_times_and_then_stuck(answer: Answer) -> None:
    story = given(ORDER, UNDOING)
    for attempt in range(1, 10):
        story.when(undo_answers("pay", answer)).then(
            fact(StepRetrying, op="compensate", attempt=attempt, outcome="retry", due_at=story.now + 1_000),
            *([fact(Queued, kind="undo")] if attempt == 3 else []),
        ).owes(Wake(story.now + 1_000))
        story.when(later(1_000), begun("pay", op="compensate")).then(
            fact(Compensate, attempt=attempt + 1, key="run-1:pay:compensate")
        )
    story.when(undo_answers("pay", answer)).then(fact(StepStuck, attempt=10), fact(Stuck)).owes()
    assert story.run.status is Status.STUCK


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 402, 404, 405, 409, 412, 422])
def test_a_refused_undo_is_stuck_at_once(status: int) -> None:
    story = given(ORDER, UNDOING).when(undo_answers("pay", status, reason="it is in the books"))
    story.then(
        StepStuck(NOW, "pay", 1, "it is in the books", status, True),
        fact(Queued, kind="undo", step="pay", reason=f"undo of pay: {status} it is in the books"),
        Stuck(NOW, f"undo of pay: {status} it is in the books"),
    ).owes()


def test_an_undo_has_its_own_policy_and_outcomes() -> None:
    undo = {"service": "svc", "path": "/undo", "retry": {"attempts": 2, "backoffMs": 7}, "outcomes": {"409": "success"}}
    story = given(saga_of(step("pay", compensate=undo), step("ship")), UNDOING)
    story.when(undo_answers("pay", 500)).then(fact(StepRetrying, due_at=NOW + 7))
    story.when(later(7), begun("pay", op="compensate"), undo_answers("pay", 500)).then(
        fact(StepStuck, attempt=2), fact(Queued, kind="undo"), fact(Stuck)
    )
    given(story.run.saga, UNDOING).when(undo_answers("pay", 409)).then(fact(StepCompensated), fact(Failed))


def test_a_2xx_that_the_file_calls_failed_is_stuck() -> None:
    undo = {"service": "svc", "path": "/undo", "outcomes": {"200": "failed", "404": "unknown"}}
    strict = saga_of(step("pay", compensate=undo), step("ship"))
    given(strict, UNDOING).when(undo_answers("pay", 200)).then(fact(StepStuck), fact(Queued, kind="undo"), fact(Stuck))
    given(strict, UNDOING).when(undo_answers("pay", 404)).then(fact(StepRetrying, op="compensate"))


def test_retry_after_of_an_undo_is_honoured() -> None:
    given(ORDER, UNDOING).when(undo_answers("pay", 503, retry_after_ms=90_000)).then(
        fact(StepRetrying, due_at=NOW + 90_000)
    )


def test_an_undos_request_that_cannot_be_written_is_stuck() -> None:
    given(ORDER, UNDOING, undo_answers("pay", 500), later(1_000)).when(
        Attempt("pay", "compensate", error="no secret")
    ).then(StepStuck(NOW + 1_000, "pay", 1, "no secret"), fact(Queued), fact(Stuck, reason="undo of pay: no secret"))
    given(ORDER, UNDOING[:-1]).when(Attempt("pay", "compensate", error="no secret")).then(
        fact(StepStuck, attempt=0), fact(Queued, kind="undo"), fact(Stuck)
    )


def test_an_undo_that_was_cut_off_is_begun_again_with_the_same_key() -> None:
    given(ORDER, UNDOING).owes(Send("pay", "compensate", 1)).when(begun("pay", op="compensate")).then(
        fact(Compensate, attempt=1, key="run-1:pay:compensate", interrupted=True)
    ).when(undo_answers("pay", 200)).then(fact(StepCompensated), fact(Failed))


def test_an_undo_answers_202_and_is_polled() -> None:
    story = given(ORDER, UNDOING).when(undo_answers("pay", 202, location="/jobs/2"))
    story.then(StepAccepted(NOW, "pay", "compensate", 1, 202, "/jobs/2"))
    story.owes(Poll("pay", "compensate", 1, 202, "/jobs/2"), Wake(NOW + 30_000))
    story.when(undo_answers("pay", 200)).then(fact(StepCompensated), fact(Failed))


@pytest.mark.parametrize("status", [404, 410, 401, 403])
def test_a_poll_of_an_undo_that_is_lost_leads_to_another_attempt(status: int) -> None:
    given(ORDER, UNDOING, undo_answers("pay", 202)).when(undo_answers("pay", status)).then(
        fact(StepRetrying, op="compensate")
    )


@pytest.mark.parametrize("status", [301, 400, 409, 422])
def test_a_poll_of_an_undo_that_is_refused_is_stuck(status: int) -> None:
    given(ORDER, UNDOING, undo_answers("pay", 202)).when(undo_answers("pay", status)).then(
        fact(StepStuck), fact(Queued, kind="undo"), fact(Stuck)
    )


@pytest.mark.parametrize("status", [202, 425])
def test_an_undo_in_progress_past_its_time_is_tried_again(status: int) -> None:
    story = given(ORDER, UNDOING, undo_answers("pay", status)).when(tick(29_999)).then_nothing()
    story.when(tick(1)).then(fact(StepRetrying, op="compensate", attempt=1, reason="no answer within 30000 ms"))


def test_an_announced_undo_waits_for_its_acknowledgement_and_is_announced_again() -> None:
    heard = saga_of(step("pay", compensate="event"), step("ship"))
    story = given(heard, UNDOING)
    assert story.latest == [Compensate(NOW, "pay", {"id": 9}, "event", "run-1:pay:compensate", 1)]
    story.owes(Wake(NOW + 30_000)).when(tick(29_999)).then_nothing()
    given(heard, UNDOING).when(undo_answers("pay", 200)).then(fact(StepCompensated), fact(Failed))
    story.when(tick(1)).then(fact(StepRetrying, op="compensate")).when(later(1_000)).owes(Begin("pay", "compensate"))
    story.when(begun("pay", op="compensate")).then(fact(Compensate, mode="event", attempt=2))


def test_a_late_or_double_answer_of_an_undo_changes_nothing() -> None:
    story = given(ORDER, UNDOING)
    late = undo_answers("pay", 200)(story.run)
    story.when(undo_answers("pay", 500)).when(late).then_nothing()
    story.when(later(1_000), begun("pay", op="compensate")).when(late).then_nothing()
    given(ORDER, UNDOING, undo_answers("pay", 409)).when(late).then_nothing()
    given(ORDER, UNDOING, undo_answers("pay", 200)).when(late).then_nothing()


def test_only_what_needs_an_undo_can_begin_one() -> None:
    given(ORDER, UNDOING[:-1]).when(begun("ship", op="compensate")).then_nothing()
    given(ORDER, started, done("pay")).when(begun("pay", op="compensate")).then_nothing()
    given(saga_of(step("pay", compensate=None), step("ship")), started, done("pay"), begun("ship")).when(
        answers("ship", 500), begun("pay", op="compensate")
    ).then_nothing()
    three = saga_of(step("pay"), step("ship"), step("mail"))
    given(three, started, done("pay"), begun("ship"), answers("ship", 409)).when(
        begun("mail", op="compensate")
    ).then_nothing()


def test_the_pause_of_an_undo_comes_from_the_saga() -> None:
    slow = saga_of(step("pay"), step("ship"), retry={**FIXED, "backoffMs": 4_000, "attempts": 1})
    given(slow, UNDOING).when(undo_answers("pay", 500)).then(fact(StepRetrying, due_at=NOW + 4_000))
