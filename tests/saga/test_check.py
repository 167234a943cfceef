"""A step with a `check`: doubt is settled by asking before anything else happens."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Begin, Check, Wake
from hms_orch_cli.saga.events import (
    Compensating,
    Completed,
    Failed,
    StepDoubted,
    StepFailed,
    StepRetrying,
    StepSucceeded,
)
from hms_orch_cli.saga.inputs import Cancel, CutOff
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.saga.state import Phase

from ..specs import (
    LOST,
    NOT_SENT,
    NOW,
    Happening,
    answers,
    begun,
    check_answers,
    fact,
    given,
    later,
    saga_of,
    started,
    step,
    tick,
)

ORDER = saga_of(step("pay", check="svc:/paid"))
CHECKING: list[Happening] = [started, begun("pay"), answers("pay", 500)]
ABSENT = [begun("pay"), answers("pay", 500), check_answers("pay", 404), later(1_000)]
STILL_IN_DOUBT = [
    *[Answer(Wire.ANSWERED, status) for status in (301, 400, 401, 403, 409, 429, 500, 503)],
    Answer(Wire.ANSWERED, 200, broken=True),
    LOST,
    NOT_SENT,
]


@pytest.mark.parametrize("answer", [500, 503, 408, 303, LOST], ids=str)
def test_doubt_is_checked_before_anything_else(answer: int | Answer) -> None:
    given(ORDER, started, begun("pay")).when(answers("pay", answer)).then(fact(StepDoubted, attempt=1)).owes(
        Check("pay", 1)
    )


@pytest.mark.parametrize("answer", [429, NOT_SENT], ids=str)
def test_what_was_never_taken_needs_no_check(answer: int | Answer) -> None:
    given(ORDER, started, begun("pay")).when(answers("pay", answer)).then(fact(StepRetrying, outcome="retry"))


@pytest.mark.parametrize("status", [200, 204])
def test_a_2xx_of_the_check_is_the_answer_of_the_call(status: int) -> None:
    given(ORDER, CHECKING).when(check_answers("pay", status, answer={"id": 3}, summary="paid")).then(
        StepSucceeded(NOW, "pay", 1, status, {"id": 3}, None, "paid"), Completed(NOW, 0)
    )


def test_an_output_of_the_check_that_cannot_be_read_fails_the_step_and_undoes_it() -> None:
    given(ORDER, CHECKING).when(check_answers("pay", 200, error="output id")).then(
        fact(StepFailed, outcome="failed", undo=True, reason="output id"), fact(Compensating)
    )


@pytest.mark.parametrize("status", [404, 410])
def test_a_404_or_410_of_the_check_is_definite_and_a_retry_is_allowed(status: int) -> None:
    story = given(ORDER, CHECKING).when(check_answers("pay", status))
    story.then(fact(StepRetrying, outcome="absent", attempt=1, due_at=NOW + 1_000)).owes(Wake(NOW + 1_000))
    assert not story.run.calls["pay"].unknown
    story.when(later(1_000), begun("pay"), answers("pay", 409)).then(
        fact(StepFailed, outcome="failed", undo=False), fact(Compensating), fact(Failed)
    )


def test_absent_with_all_attempts_used_is_failed_and_not_undone() -> None:
    given(ORDER, started, ABSENT, ABSENT, begun("pay"), answers("pay", 500)).when(check_answers("pay", 410)).then(
        fact(StepFailed, attempt=3, outcome="failed", undo=False), fact(Compensating), fact(Failed)
    )


@pytest.mark.parametrize("answer", STILL_IN_DOUBT, ids=str)
def test_any_other_answer_of_the_check_leaves_the_doubt(answer: Answer) -> None:
    story = given(ORDER, CHECKING).when(check_answers("pay", answer)).then(fact(StepRetrying, outcome="unknown"))
    story.when(later(1_000), begun("pay"), answers("pay", 409)).then(
        fact(StepFailed, outcome="unknown", undo=True), fact(Compensating)
    ).owes(Begin("pay", "compensate"))


def test_doubt_that_no_check_settles_is_undone() -> None:
    tries = [begun("pay"), answers("pay", LOST), check_answers("pay", 500), later(1_000)]
    given(ORDER, started, tries, tries, begun("pay"), answers("pay", LOST)).when(check_answers("pay", 500)).then(
        fact(StepFailed, attempt=3, outcome="unknown", undo=True), fact(Compensating)
    )


def test_an_attempt_cut_off_by_a_crash_is_checked() -> None:
    story = given(ORDER, started, begun("pay")).when(CutOff("pay", 1))
    story.then(fact(StepDoubted, attempt=1)).owes(Check("pay", 1))
    story.when(check_answers("pay", 200)).then(fact(StepSucceeded), fact(Completed))


def test_a_cut_off_that_is_none_changes_nothing() -> None:
    given(ORDER, CHECKING).when(CutOff("pay", 1)).then_nothing()
    given(ORDER, started, begun("pay")).when(CutOff("pay", 2)).then_nothing()
    given(ORDER, started).when(CutOff("pay", 1)).then_nothing()


def test_a_check_that_was_cut_off_is_asked_again() -> None:
    given(ORDER, CHECKING).owes(Check("pay", 1)).when(later(60_000)).owes(Check("pay", 1))


def test_a_202_that_runs_out_of_time_is_checked() -> None:
    given(ORDER, started, begun("pay"), answers("pay", 202)).when(tick(30_000)).then(fact(StepDoubted)).owes(
        Check("pay", 1)
    )


def test_a_late_or_double_answer_of_a_check_changes_nothing() -> None:
    late = check_answers("pay", 200)
    story = given(ORDER, CHECKING)
    told = late(story.run)
    story.when(check_answers("pay", 404)).when(told).then_nothing()
    story.when(later(1_000), begun("pay")).when(told).then_nothing().when(answers("pay", 500)).when(told).then_nothing()


def test_a_late_answer_of_the_call_does_not_disturb_its_check() -> None:
    story = given(ORDER, started, begun("pay"))
    late = answers("pay", 200)(story.run)
    story.when(answers("pay", LOST)).when(late).then_nothing()
    assert story.run.calls["pay"].phase is Phase.CHECKING


def test_a_cancel_gives_up_the_check_and_undoes_the_doubt() -> None:
    given(ORDER, CHECKING).when(Cancel("stop")).then(
        fact(Compensating, cause="cancel"), fact(StepFailed, outcome="unknown", undo=True)
    ).owes(Begin("pay", "compensate"))
