"""A step with `approval`: a person says yes or no, or nobody does in time."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Begin, Expire, Wake
from hms_orch_cli.saga.events import (
    Abandoned,
    Closed,
    Compensating,
    Completed,
    Decided,
    Failed,
    Queued,
    StepFailed,
    StepHeld,
    StepSkipped,
    StepSucceeded,
    StepWaiting,
)
from hms_orch_cli.saga.inputs import Abandon, Attempt
from hms_orch_cli.saga.people import objection

from ..specs import (
    NOW,
    answers,
    approval,
    asked,
    begun,
    cancels,
    decides,
    done,
    expires,
    fact,
    given,
    group,
    later,
    saga_of,
    started,
    step,
    undone,
)

ORDER = saga_of(step("pay"), approval("ok", 60_000), step("ship"))
WAITING = [started, done("pay"), asked("ok")]
LENIENT = saga_of(step("pay"), approval("ok", 60_000, "continue"), step("ship"))


def test_a_person_is_asked_with_the_prompt_and_until_when() -> None:
    given(ORDER, started, done("pay")).when(asked("ok")).then(
        StepWaiting(NOW, "ok", "approval", NOW + 60_000, None, "Ship it?"),
        Queued(NOW, "ok", "run-1.1", "approval", "Ship it?", ["approve", "reject"], NOW + 60_000),
    ).owes(Wake(NOW + 60_000))


def test_without_a_time_the_question_stands_for_ever() -> None:
    patient = saga_of(approval("ok"))
    story = given(patient, started, asked("ok")).owes()
    assert story.run.items["run-1.1"].expires_at is None
    story.when(later(10**12), decides("approve")).then(fact(Decided), fact(StepSucceeded), fact(Completed))


def test_approve_goes_on_and_what_was_given_is_the_output() -> None:
    given(ORDER, WAITING).when(decides("approve", given={"by": "ann"}, answer={"by": "ann"}, summary="fine")).then(
        Decided(NOW, "run-1.1", "approval", "approve", "ann", "by phone", {"by": "ann"}),
        StepSucceeded(NOW, "ok", 0, None, {"by": "ann"}, None, "fine"),
    ).owes(Begin("ship", "call"))


def test_reject_undoes() -> None:
    story = given(ORDER, WAITING).when(decides("reject"))
    story.then(
        Decided(NOW, "run-1.1", "approval", "reject", "ann", "by phone"),
        StepFailed(NOW, "ok", 0, "failed", False, "rejected by ann: by phone"),
        Compensating(NOW, "step", "ok: rejected by ann: by phone"),
    ).owes(Begin("pay", "compensate"))
    story.when(undone("pay"))
    assert isinstance(story.latest[-1], Failed)


def test_reject_is_an_answer_and_not_held() -> None:
    saga = saga_of(step("pay"), approval("ok"), onExhausted="hitl")
    given(saga, WAITING).when(decides("reject")).then(fact(Decided), fact(StepFailed, undo=False), fact(Compensating))


def test_an_output_that_cannot_be_read_fails_the_step() -> None:
    given(ORDER, WAITING).when(decides("approve", error="output n: no such key")).then(
        fact(Decided), fact(StepFailed, undo=True), fact(Compensating)
    )
    held = saga_of(step("pay"), approval("ok", onExhausted="hitl"))
    given(held, WAITING).when(decides("approve", error="output n: no such key")).then(
        fact(Decided), fact(StepHeld), fact(Queued, id="run-1.2", kind="hold")
    )


def test_a_prompt_that_cannot_be_written_fails_the_step() -> None:
    given(ORDER, started, done("pay")).when(Attempt("ok", "call", error="prompt: no such key")).then(
        fact(StepFailed, undo=False), fact(Compensating)
    )


def test_an_approval_whose_condition_is_false_is_skipped_and_nobody_is_asked() -> None:
    story = given(ORDER, started, done("pay")).when(Attempt("ok", "call", skip=True)).then(fact(StepSkipped))
    assert not story.run.items


# -- nobody decides


def test_after_expiry_the_run_is_undone() -> None:
    story = given(ORDER, WAITING, later(59_999)).when(expires("ok")).then_nothing()
    story.when(later(1)).owes(Expire("ok")).when(expires("ok")).then(
        fact(StepFailed, step="ok", outcome="failed", undo=False, reason="no decision within 60000 ms"),
        fact(Closed, id="run-1.1", kind="approval", reason="nobody decided in time"),
        fact(Compensating, cause="step"),
    ).owes(Begin("pay", "compensate"))


def test_after_expiry_the_run_goes_on_if_the_file_says_so() -> None:
    given(LENIENT, WAITING, later(60_000)).when(expires("ok", answer={"expired": True})).then(
        fact(StepSucceeded, step="ok", answer={"expired": True}), fact(Closed, kind="approval")
    ).owes(Begin("ship", "call"))


def test_what_the_file_says_of_expiry_is_not_held() -> None:
    saga = saga_of(step("pay"), approval("ok", 60_000), onExhausted="hitl")
    given(saga, WAITING, later(60_000)).when(expires("ok")).then(fact(StepFailed), fact(Closed), fact(Compensating))


@pytest.mark.parametrize("saga", [ORDER, LENIENT], ids=["compensate", "continue"])
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_decision_after_expiry_is_refused_even_if_nobody_looked_at_the_clock(saga: object, decision: str) -> None:
    story = given(saga, WAITING, later(60_000))  # type: ignore[arg-type]
    wish = decides(decision)(story.run)
    story.when(wish).then_nothing()
    assert objection(story.run, wish, story.now) == "item run-1.1 has expired, it can no longer be decided"
    assert objection(story.run, wish, story.now - 1) == ""


# -- each applies once, and the question is closed with the turn back


def test_a_second_decision_changes_nothing() -> None:
    story = given(ORDER, WAITING)
    approve, reject = decides("approve")(story.run), decides("reject")(story.run)
    story.when(approve).when(approve).then_nothing().when(reject).then_nothing()


@pytest.mark.parametrize("decision", ["retry", "done", "skip", "compensate", "undone", "abandon"])
def test_an_approval_takes_its_own_decisions_only(decision: str) -> None:
    story = given(ORDER, WAITING)
    wish = decides(decision)(story.run)
    story.when(wish).then_nothing()
    assert "choose approve or reject" in objection(story.run, wish, story.now)


def test_a_cancel_closes_the_question() -> None:
    story = given(ORDER, WAITING)
    late = decides("approve")(story.run)
    story.when(cancels).then(
        fact(Compensating), fact(StepFailed, step="ok"), fact(Closed, reason="the run turned back")
    )
    story.when(late).then_nothing().owes(Begin("pay", "compensate"))


@pytest.mark.parametrize("mode", ["drain", "cancel"])
def test_a_sibling_that_fails_closes_the_question(mode: str) -> None:
    saga = saga_of(group(step("a"), approval("b"), on_sibling_failure=mode))
    given(saga, started, begun("a"), asked("b")).when(answers("a", 409)).then(
        fact(StepFailed, step="a"), fact(Compensating), fact(StepFailed, step="b"), fact(Closed), fact(Failed)
    )


def test_abandon_closes_the_question() -> None:
    given(ORDER, WAITING).when(Abandon("by hand", "ann")).then(fact(Closed), fact(Abandoned))


def test_two_questions_stand_side_by_side() -> None:
    saga = saga_of(group(approval("a"), approval("b")))
    story = given(saga, started, asked("a", "b"))
    assert [item.step for item in story.run.items.values()] == ["a", "b"]
    story.when(decides("approve", "b")).then(fact(Decided, id="run-1.2"), fact(StepSucceeded, step="b"))
    story.when(decides("approve")).then(fact(Decided, id="run-1.1"), fact(StepSucceeded, step="a"), fact(Completed))
