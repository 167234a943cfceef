"""What follows from each answer to a call, as the column `call` of the outcome table says."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Begin, Poll, Send, Wake
from hms_orch_cli.saga.events import (
    Compensate,
    Compensating,
    Completed,
    Failed,
    StepAccepted,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepRetrying,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from hms_orch_cli.saga.inputs import Attempt, Cancel
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.saga.state import Phase, Status

from ..specs import (
    LOST,
    NOT_SENT,
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
    undone,
)

ORDER = saga_of(step("pay"), step("ship"))
SHIPPING = [started, done("pay"), begun("ship")]
IN_DOUBT = [
    *[Answer(Wire.ANSWERED, status) for status in (303, 408, 500, 501, 502, 503, 504)],
    Answer(Wire.ANSWERED, 200, broken=True),
    LOST,
]
THROTTLED = [Answer(Wire.ANSWERED, 429), Answer(Wire.ANSWERED, 503, retry_after_ms=1_000), NOT_SENT]
REFUSED = [300, 301, 302, 304, 307, 308, 400, 402, 404, 405, 409, 410, 412, 422]


def test_a_step_begins_with_its_intent() -> None:
    given(ORDER, started).owes(Begin("pay", "call")).when(begun("pay")).then(
        StepStarted(NOW, "pay", 1, "run-1:pay:call")
    ).owes(Send("pay", "call", 1))


@pytest.mark.parametrize("status", [200, 201, 203, 204, 206])
def test_a_2xx_is_success_and_the_next_step_is_owed(status: int) -> None:
    given(ORDER, started, begun("pay")).when(answers("pay", status, body={"id": 1}, summary="paid")).then(
        StepSucceeded(NOW, "pay", 1, status, {"id": 1}, None, "paid")
    ).owes(Begin("ship", "call"))


def test_a_run_is_completed_with_its_last_step() -> None:
    story = given(ORDER, SHIPPING, later(40)).when(answers("ship", 200))
    story.then(fact(StepSucceeded, step="ship"), Completed(NOW + 40, 40)).owes()
    assert story.run.status is Status.COMPLETED


@pytest.mark.parametrize("answer", IN_DOUBT, ids=str)
def test_an_answer_in_doubt_leads_to_another_attempt_with_the_same_key(answer: Answer) -> None:
    story = given(ORDER, SHIPPING).when(answers("ship", answer))
    story.then(fact(StepRetrying, step="ship", op="call", attempt=1, outcome="unknown", due_at=NOW + 1_000))
    story.owes(Wake(NOW + 1_000)).when(later(1_000)).owes(Begin("ship", "call"))
    story.when(begun("ship")).then(fact(StepStarted, attempt=2, key="run-1:ship:call", interrupted=None))


@pytest.mark.parametrize("answer", IN_DOUBT, ids=str)
def test_a_step_given_up_in_doubt_is_undone_with_the_rest(answer: Answer) -> None:
    tries = [begun("ship"), answers("ship", answer), later(1_000)]
    story = given(ORDER, started, done("pay"), tries, tries, begun("ship")).when(answers("ship", answer))
    story.then(
        fact(StepFailed, step="ship", attempt=3, outcome="unknown", undo=True),
        fact(Compensating, cause="step"),
    ).owes(Begin("ship", "compensate"))
    assert story.run.calls["ship"].phase is Phase.UNKNOWN


@pytest.mark.parametrize("answer", THROTTLED, ids=str)
def test_what_was_never_taken_is_tried_again_and_not_undone(answer: Answer) -> None:
    tries = [begun("ship"), answers("ship", answer), later(1_000)]
    story = given(ORDER, started, done("pay")).when(begun("ship"), answers("ship", answer))
    story.then(fact(StepRetrying, outcome="retry", attempt=1))
    story.when(later(1_000), tries, begun("ship"), answers("ship", answer)).then(
        fact(StepFailed, attempt=3, outcome="failed", undo=False), fact(Compensating, cause="step")
    ).owes(Begin("pay", "compensate"))
    story.when(undone("pay")).then(fact(StepCompensated, step="pay"), fact(Failed))


@pytest.mark.parametrize("status", REFUSED)
def test_a_refusal_is_definite_and_the_step_is_not_undone(status: int) -> None:
    story = given(ORDER, SHIPPING).when(answers("ship", status, reason="no such address"))
    reason = f"ship: {status} no such address"
    story.then(
        StepFailed(NOW, "ship", 1, "failed", False, "no such address", status, True),
        Compensating(NOW, "step", reason),
    ).owes(Begin("pay", "compensate"))
    story.when(undone("pay"))
    assert story.latest[-1] == Failed(NOW, reason, 0, "step")
    assert story.run.status is Status.FAILED


@pytest.mark.parametrize("status", [401, 403])
def test_an_unauthorized_call_is_made_once_more_at_once_and_then_fails(status: int) -> None:
    story = given(ORDER, SHIPPING).when(answers("ship", status))
    story.then(fact(StepRetrying, outcome="unauthorized", due_at=NOW)).owes(Begin("ship", "call"))
    story.when(begun("ship")).then(fact(StepStarted, attempt=2))
    story.when(answers("ship", status)).then(fact(StepFailed, outcome="failed", undo=False), fact(Compensating))


def test_the_fresh_token_is_granted_once_for_all_attempts_and_even_when_attempts_are_used_up() -> None:
    once = saga_of(step("pay", retry={"attempts": 1}))
    story = given(once, started, begun("pay")).when(answers("pay", 401)).then(fact(StepRetrying))
    story.when(begun("pay"), answers("pay", 500)).then(
        fact(StepFailed, attempt=2, outcome="unknown", undo=True), fact(Compensating)
    )
    patient = saga_of(step("pay"))
    given(patient, started, begun("pay"), answers("pay", 401), begun("pay"), answers("pay", 500), later(1_000)).when(
        begun("pay"), answers("pay", 403)
    ).then(fact(StepFailed, attempt=3), fact(Compensating))


def test_no_fresh_token_in_a_run_that_was_cancelled() -> None:
    """No attempt begins once a person has asked for the undo."""
    given(ORDER, SHIPPING, Cancel("stop")).when(answers("ship", 401)).then(
        fact(StepFailed, outcome="failed", undo=False)
    ).owes(Begin("pay", "compensate"))


def test_retry_after_takes_the_place_of_the_backoff_up_to_five_minutes() -> None:
    for asked, granted in ((0, 0), (1_234, 1_234), (300_000, 300_000), (301_000, 300_000), (-5, 0)):
        given(ORDER, SHIPPING).when(answers("ship", 429, retry_after_ms=asked)).then(
            fact(StepRetrying, due_at=NOW + granted)
        )


def test_overrides_of_the_file_hold_for_the_call() -> None:
    lenient = saga_of(step("pay", outcomes={"409": "success", 404: "unknown", "500": "failed", "200": "retry"}))
    given(lenient, started, begun("pay")).when(answers("pay", 409)).then(
        fact(StepSucceeded, status=409), fact(Completed)
    )
    given(lenient, started, begun("pay")).when(answers("pay", 404)).then(fact(StepRetrying, outcome="unknown"))
    given(lenient, started, begun("pay")).when(answers("pay", 500)).then(
        fact(StepFailed, outcome="failed", undo=False), fact(Compensating), fact(Failed)
    )
    given(lenient, started, begun("pay")).when(answers("pay", 200)).then(fact(StepRetrying, outcome="retry"))


# -- unknown is sticky


@pytest.mark.parametrize("last", [400, 404, 409, 429, NOT_SENT], ids=str)
def test_once_in_doubt_no_refusal_makes_it_definite(last: int | Answer) -> None:
    brief = saga_of(step("pay", retry={"attempts": 2}))
    given(brief, started, begun("pay"), answers("pay", 500), later(1_000), begun("pay")).when(
        answers("pay", last)
    ).then(fact(StepFailed, outcome="unknown", undo=True), fact(Compensating)).owes(Begin("pay", "compensate"))


def test_an_unauthorized_attempt_does_not_settle_the_doubt_either() -> None:
    given(
        ORDER, SHIPPING, answers("ship", LOST), later(1_000), begun("ship"), answers("ship", 401), begun("ship")
    ).when(answers("ship", 403)).then(fact(StepFailed, outcome="unknown", undo=True), fact(Compensating))


def test_a_later_2xx_settles_the_doubt() -> None:
    story = given(ORDER, SHIPPING, answers("ship", LOST), later(1_000), begun("ship")).when(answers("ship", 200))
    story.then(fact(StepSucceeded), fact(Completed))
    assert not story.run.calls["ship"].unknown


def test_an_attempt_that_was_cut_off_is_in_doubt_and_uses_no_attempt() -> None:
    story = given(ORDER, SHIPPING).when(begun("ship"))
    story.then(StepStarted(NOW, "ship", 1, "run-1:ship:call", True)).owes(Send("ship", "call", 1))
    story.when(answers("ship", 409)).then(fact(StepFailed, outcome="unknown", undo=True), fact(Compensating))


# -- expressions that fail, and `when`


def test_an_expression_that_fails_sends_nothing_and_the_step_is_not_undone() -> None:
    given(ORDER, started, done("pay")).when(Attempt("ship", "call", error="no such key: n")).then(
        StepFailed(NOW, "ship", 0, "failed", False, "no such key: n"),
        Compensating(NOW, "step", "ship: no such key: n"),
    ).owes(Begin("pay", "compensate"))


def test_an_expression_that_fails_after_an_attempt_in_doubt_leaves_the_doubt() -> None:
    given(ORDER, SHIPPING, answers("ship", 500), later(1_000)).when(Attempt("ship", "call", error="no secret")).then(
        fact(StepFailed, outcome="unknown", undo=True), fact(Compensating)
    )
    given(ORDER, SHIPPING).when(Attempt("ship", "call", error="no secret")).then(
        fact(StepFailed, outcome="unknown", undo=True), fact(Compensating)
    )


def test_an_output_that_cannot_be_read_fails_the_step_and_undoes_it() -> None:
    given(ORDER, SHIPPING).when(answers("ship", 200, error="output id: no such key")).then(
        StepFailed(NOW, "ship", 1, "failed", True, "output id: no such key", 200), fact(Compensating, cause="step")
    ).owes(Begin("ship", "compensate"))


def test_a_step_whose_condition_is_false_is_skipped_and_never_undone() -> None:
    story = given(ORDER, started).when(Attempt("pay", "call", skip=True)).then(fact(StepSkipped, step="pay"))
    story.owes(Begin("ship", "call")).when(begun("ship"), answers("ship", 409))
    story.then(fact(StepFailed), fact(Compensating), fact(Failed)).owes()


def test_a_run_of_skipped_steps_is_completed() -> None:
    given(ORDER, started).when(Attempt("pay", "call", skip=True), Attempt("ship", "call", skip=True)).then(
        fact(StepSkipped, step="ship"), fact(Completed)
    )


# -- 202 and 425


def test_a_202_is_polled_until_the_time_of_the_attempt_is_up() -> None:
    story = given(ORDER, SHIPPING).when(answers("ship", 202, location="/jobs/1"))
    story.then(StepAccepted(NOW, "ship", "call", 1, 202, "/jobs/1"))
    story.owes(Poll("ship", "call", 1, 202, "/jobs/1"), Wake(NOW + 30_000))
    story.when(tick(29_999)).then_nothing().when(tick(1)).then(
        fact(StepRetrying, outcome="unknown", attempt=1, reason="no answer within 30000 ms")
    )


def test_a_202_without_location_waits_for_the_callback() -> None:
    story = given(ORDER, SHIPPING).when(answers("ship", 202)).then(fact(StepAccepted, location=None))
    story.when(answers("ship", 200)).then(fact(StepSucceeded, step="ship"), fact(Completed))


def test_another_location_is_followed_the_same_one_is_no_news() -> None:
    story = given(ORDER, SHIPPING, answers("ship", 202, location="/jobs/1"))
    story.when(answers("ship", 202, location="/jobs/1")).then_nothing()
    story.when(answers("ship", 202)).then_nothing()
    story.when(answers("ship", 202, location="/jobs/2")).then(fact(StepAccepted, location="/jobs/2"))


@pytest.mark.parametrize(
    ("poll", "expected"),
    [
        (200, fact(StepSucceeded)),
        (404, fact(StepRetrying, outcome="unknown")),
        (410, fact(StepRetrying, outcome="unknown")),
        (422, fact(StepFailed, outcome="failed", undo=False)),
        (301, fact(StepFailed, outcome="failed", undo=False)),
        (401, fact(StepFailed, outcome="failed", undo=False)),
        (403, fact(StepFailed, outcome="failed", undo=False)),
    ],
)
def test_the_answer_to_a_poll_is_the_answer_to_the_call(poll: int, expected: object) -> None:
    """A 401 or 403 comes here only after the fresh token of its second poll."""
    story = given(ORDER, SHIPPING, answers("ship", 202, location="/jobs/1")).when(answers("ship", poll))
    assert story.latest
    del story.latest[1:]
    story.then(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("poll", [500, 503, 429, LOST], ids=str)
def test_a_poll_that_knows_nothing_changes_nothing(poll: int | Answer) -> None:
    given(ORDER, SHIPPING, answers("ship", 202, location="/jobs/1")).when(answers("ship", poll)).then_nothing()


def test_a_425_is_asked_again_uses_no_attempt_and_ends_with_the_time() -> None:
    story = given(ORDER, SHIPPING).when(answers("ship", 425)).then(fact(StepAccepted, attempt=1, status=425))
    story.owes(Poll("ship", "call", 1, 425, None), Wake(NOW + 30_000))
    story.when(later(500), answers("ship", 425)).then_nothing()
    story.when(tick(29_500)).then(fact(StepRetrying, attempt=1, outcome="unknown"))
    given(ORDER, SHIPPING, answers("ship", 425)).when(answers("ship", 200)).then(
        fact(StepSucceeded, attempt=1), fact(Completed)
    )
    given(ORDER, SHIPPING, answers("ship", 425)).when(answers("ship", 401)).then(
        fact(StepRetrying, outcome="unauthorized")
    )


@pytest.mark.parametrize("again", THROTTLED, ids=str)
def test_what_a_425_works_on_is_in_doubt_if_the_request_is_not_let_through_again(again: Answer) -> None:
    """The first one may take effect yet."""
    brief = saga_of(step("pay", retry={"attempts": 1}))
    given(brief, started, begun("pay"), answers("pay", 425)).when(answers("pay", again)).then(
        fact(StepFailed, outcome="unknown", undo=True), fact(Compensating)
    ).owes(Begin("pay", "compensate"))


def test_the_time_of_the_step_holds_for_its_attempt() -> None:
    quick = saga_of(step("pay", timeoutMs=50))
    given(quick, started, begun("pay"), answers("pay", 202)).when(tick(49)).then_nothing().when(tick(1)).then(
        fact(StepRetrying, outcome="unknown")
    )


def test_a_202_that_runs_out_of_time_and_attempts_is_undone() -> None:
    brief = saga_of(step("pay", retry={"attempts": 1}))
    given(brief, started, begun("pay"), answers("pay", 202)).when(tick(30_000)).then(
        fact(StepFailed, outcome="unknown", undo=True), fact(Compensating)
    ).owes(Begin("pay", "compensate"))


# -- late and double


def test_a_late_or_double_answer_changes_nothing() -> None:
    first = answers("ship", 200)
    waiting = given(ORDER, SHIPPING)
    late = first(waiting.run)
    waiting.when(late).then(fact(StepSucceeded), fact(Completed)).when(late).then_nothing()
    retried = given(ORDER, SHIPPING, answers("ship", 500))
    retried.when(late).then_nothing().when(later(1_000), begun("ship")).when(late).then_nothing()
    refused = given(ORDER, SHIPPING, answers("ship", 409)).when(late).then_nothing()
    assert refused.run.calls["ship"].phase is Phase.FAILED


def test_an_answer_for_a_step_that_has_not_begun_changes_nothing() -> None:
    given(ORDER, started).when(answers("ship", 200)).then_nothing()


def test_a_callback_before_the_202_counts() -> None:
    story = given(ORDER, SHIPPING)
    late = answers("ship", 202, location="/jobs/1")(story.run)
    story.when(answers("ship", 200)).then(fact(StepSucceeded), fact(Completed)).when(late).then_nothing()


def test_steps_side_by_side_are_all_owed_at_once() -> None:
    both = saga_of(group(step("a"), step("b")), step("c"))
    story = given(both, started).owes(Begin("a", "call"), Begin("b", "call"))
    story.when(done("a")).owes(Begin("b", "call")).when(done("b")).owes(Begin("c", "call"))
    story.when(begun("c"), answers("c", 409)).owes(Begin("a", "compensate"), Begin("b", "compensate"))


def test_doubt_without_a_check_is_never_checked() -> None:
    story = given(ORDER, SHIPPING, answers("ship", 500))
    assert not any(isinstance(each, StepDoubted | Compensate) for each in story.facts)
