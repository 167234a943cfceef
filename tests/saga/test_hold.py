"""`onExhausted: hitl`: a step that failed is held, and a person says what follows before anything is undone."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Begin, Send, Wake
from hms_orch_cli.saga.events import (
    Cancelled,
    Closed,
    Compensating,
    Completed,
    Decided,
    Failed,
    Queued,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from hms_orch_cli.saga.inputs import Abandon, Attempt, Decide
from hms_orch_cli.saga.people import objection
from hms_orch_cli.saga.state import Phase

from ..specs import (
    LOST,
    NOT_SENT,
    NOW,
    Happening,
    answers,
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
    later,
    saga_of,
    started,
    step,
    tick,
    undone,
    wait,
)

ORDER = saga_of(step("pay"), step("ship", onExhausted="hitl", retry={"attempts": 1}), step("mail"))
SHIPPING: list[Happening] = [started, done("pay"), begun("ship")]
REFUSED: list[Happening] = [*SHIPPING, answers("ship", 409, reason="no stock")]
IN_DOUBT: list[Happening] = [*SHIPPING, answers("ship", 500)]
UNREADABLE: list[Happening] = [*SHIPPING, answers("ship", 200, error="output n: no such key")]


# -- held


def test_a_definite_failure_is_held_and_a_person_is_asked_before_anything_is_undone() -> None:
    given(ORDER, SHIPPING).when(answers("ship", 409, reason="no stock")).then(
        StepHeld(NOW, "ship", 1, "failed", False, "no stock", 409, True),
        Queued(NOW, "ship", "run-1.1", "hold", "ship: 409 no stock", ["retry", "done", "skip", "compensate"]),
    ).owes()


def test_an_unknown_outcome_is_held_with_its_doubt() -> None:
    given(ORDER, SHIPPING).when(answers("ship", LOST)).then(
        fact(StepHeld, outcome="unknown", undo=True, refused=None), fact(Queued, kind="hold")
    ).owes()


def test_it_is_held_once_its_attempts_are_used_up_and_not_before() -> None:
    patient = saga_of(step("ship", onExhausted="hitl", retry={"attempts": 2}))
    story = given(patient, started, begun("ship")).when(answers("ship", 429)).then(fact(StepRetrying))
    story.when(later(1_000), begun("ship"), answers("ship", NOT_SENT)).then(
        fact(StepHeld, attempt=2, undo=False, refused=None), fact(Queued)
    )


@pytest.mark.parametrize(
    ("happened", "held"),
    [
        (Attempt("ship", "call", error="no such key"), fact(StepHeld, attempt=0, undo=False)),
        ([begun("ship"), answers("ship", 200, error="output n")], fact(StepHeld, outcome="failed", undo=True)),
        ([begun("ship"), answers("ship", 202), tick(30_000)], fact(StepHeld, outcome="unknown", undo=True)),
    ],
    ids=["expression", "output", "time is up"],
)
def test_whatever_fails_the_step_is_held(happened: Happening, held: object) -> None:
    given(ORDER, started, done("pay")).when(happened).then(held, fact(Queued))  # type: ignore[arg-type]


def test_the_word_of_the_saga_holds_for_each_step_that_says_nothing_else() -> None:
    saga = saga_of(step("pay"), step("ship", onExhausted="compensate"), onExhausted="hitl")
    given(saga, started, begun("pay")).when(answers("pay", 409)).then(fact(StepHeld), fact(Queued))
    given(saga, started, done("pay"), begun("ship")).when(answers("ship", 409)).then(
        fact(StepFailed), fact(Compensating)
    )


def test_the_other_branches_of_a_group_go_on_while_one_is_held() -> None:
    saga = saga_of(group(step("a", onExhausted="hitl"), step("b")), step("c"))
    story = given(saga, started, begun("a", "b"), answers("a", 409)).owes(Send("b", "call", 1))
    story.when(answers("b", 200)).then(fact(StepSucceeded)).owes()
    story.when(decides("done")).then(fact(Decided), fact(StepSucceeded)).owes(Begin("c", "call"))


# -- retry


def test_retry_tries_again_at_once_with_all_attempts_anew() -> None:
    patient = saga_of(step("ship", onExhausted="hitl", retry={"attempts": 2}))
    tries = [begun("ship"), answers("ship", 500), later(1_000)]
    story = given(patient, started, tries, tries).when(decides("retry"))
    story.then(Decided(story.now, "run-1.1", "hold", "retry", "ann", "by phone")).owes(Begin("ship", "call"))
    story.when(begun("ship")).then(fact(StepStarted, attempt=3, key="run-1:ship:call"))
    story.when(answers("ship", 500)).then(fact(StepRetrying, attempt=3, due_at=story.now + 1_000))
    story.when(later(1_000), begun("ship"), answers("ship", 500)).then(
        fact(StepHeld, attempt=4), fact(Queued, id="run-1.2")
    )


def test_retry_after_a_definite_no_takes_the_key_of_a_new_round() -> None:
    story = given(ORDER, REFUSED, decides("retry")).when(begun("ship")).then(fact(StepStarted, key="run-1:ship:call:2"))
    story.when(answers("ship", 409), decides("retry"), begun("ship")).then(fact(StepStarted, key="run-1:ship:call:3"))
    story.when(answers("ship", 500), decides("retry"), begun("ship")).then(fact(StepStarted, key="run-1:ship:call:3"))


def test_retry_after_doubt_keeps_the_key_and_the_doubt() -> None:
    story = given(ORDER, IN_DOUBT, decides("retry")).when(begun("ship"))
    story.then(fact(StepStarted, key="run-1:ship:call"))
    story.when(answers("ship", 409)).then(fact(StepHeld, outcome="unknown", undo=True, refused=None), fact(Queued))
    story.when(decides("compensate"))
    story.owes(Begin("ship", "compensate"))


def test_retry_after_an_output_that_could_not_be_read_leaves_the_effect_to_be_undone() -> None:
    given(ORDER, UNREADABLE, decides("retry"), begun("ship"), answers("ship", 409)).when(decides("compensate")).then(
        fact(Decided), fact(StepFailed, undo=True), fact(Compensating)
    )


def test_retry_after_a_check_that_said_no_is_not_in_doubt() -> None:
    saga = saga_of(step("ship", check="svc:/ship", onExhausted="hitl", retry={"attempts": 1}))
    story = given(saga, started, begun("ship"), answers("ship", 500)).when(check_answers("ship", 404))
    story.then(fact(StepHeld, outcome="failed", undo=False), fact(Queued))
    story.when(decides("retry"), begun("ship"), answers("ship", 409)).then(
        fact(StepHeld, outcome="failed", undo=False), fact(Queued)
    )


def test_retry_grants_a_fresh_token_again() -> None:
    story = given(ORDER, SHIPPING, answers("ship", 401), begun("ship"), answers("ship", 401), decides("retry"))
    story.when(begun("ship"), answers("ship", 403)).then(fact(StepRetrying, outcome="unauthorized"))


def test_a_step_whose_condition_could_not_be_told_is_asked_for_it_again() -> None:
    given(ORDER, started, done("pay"), Attempt("ship", "call", error="when: no such key"), decides("retry")).when(
        Attempt("ship", "call", skip=True)
    ).then(fact(StepSkipped)).owes(Begin("mail", "call"))


def test_retry_of_a_wait_waits_anew() -> None:
    saga = saga_of(wait("stock", 5_000, onExhausted="hitl"))
    story = given(saga, started, asked("stock"), later(5_000)).when(expires("stock"))
    story.then(fact(StepHeld, undo=False), fact(Queued, kind="hold"))
    story.when(decides("retry")).owes(Begin("stock", "call")).when(asked("stock"))
    assert story.run.calls["stock"].due_at == NOW + 10_000


def test_a_retry_that_was_granted_ends_with_the_turn_back_of_a_sibling_if_it_only_waits() -> None:
    """Waits for people and events end; an attempt that was granted settles, as the retries of a sibling do."""
    saga = saga_of(group(step("a"), wait("b", 5_000, onExhausted="hitl"), step("c", onExhausted="hitl")))
    given(
        saga,
        started,
        begun("a", "c"),
        asked("b"),
        later(5_000),
        expires("b"),
        answers("c", 409),
        decides("retry", "b"),
        decides("retry", "c"),
    ).when(answers("a", 409)).then(
        fact(StepFailed, step="a"), fact(Compensating), fact(StepFailed, step="b", undo=False)
    ).owes(Begin("c", "call"))


def test_a_step_that_never_began_does_not_begin_after_the_turn_back() -> None:
    saga = saga_of(group(step("a"), step("b", onExhausted="hitl")))
    story = given(saga, started, begun("a"), Attempt("b", "call", error="when: no such key"), decides("retry"))
    story.when(answers("a", 409)).then(
        fact(StepFailed, step="a"), fact(Compensating), fact(StepFailed, step="b", attempt=0), fact(Failed)
    )
    story.when(Attempt("b", "call", skip=True)).then_nothing()


# -- done, skip, compensate


def test_done_takes_what_the_person_gives_as_the_answer() -> None:
    story = given(ORDER, REFUSED).when(
        decides("done", given={"id": 9}, answer={"id": 9}, output={"n": 9}, summary="by hand")
    )
    story.then(
        Decided(NOW, "run-1.1", "hold", "done", "ann", "by phone", {"id": 9}),
        StepSucceeded(NOW, "ship", 1, None, {"id": 9}, {"n": 9}, "by hand"),
    ).owes(Begin("mail", "call"))
    story.when(begun("mail"), answers("mail", 409)).owes(Begin("ship", "compensate"))


def test_done_with_an_output_that_cannot_be_read_asks_again() -> None:
    given(ORDER, REFUSED).when(decides("done", answer={}, error="output n: no such key")).then(
        fact(Decided, decision="done"),
        fact(StepHeld, undo=True, reason="output n: no such key"),
        fact(Queued, id="run-1.2", kind="hold"),
    ).owes()


def test_the_no_of_the_participant_outlives_an_output_that_cannot_be_read() -> None:
    story = given(ORDER, REFUSED, decides("done", answer={}, error="output n: no such key"), decides("retry"))
    story.when(begun("ship")).then(fact(StepStarted, attempt=2, key="run-1:ship:call:2"))


def test_skip_goes_on_without_the_step_and_nothing_of_it_is_undone() -> None:
    story = given(ORDER, REFUSED).when(decides("skip"))
    story.then(fact(Decided, decision="skip"), StepSkipped(NOW, "ship", "skipped by ann")).owes(Begin("mail", "call"))
    story.when(begun("mail"), answers("mail", 409)).owes(Begin("pay", "compensate"))


def test_a_step_in_doubt_that_was_skipped_is_undone_with_the_rest() -> None:
    """Unknown is sticky: the person says how to go on, not whether it took effect."""
    story = given(ORDER, IN_DOUBT, decides("skip")).owes(Begin("mail", "call"))
    assert story.run.calls["ship"].unknown, "and a 404 of its undo says that there is nothing to undo"
    story.when(begun("mail"), answers("mail", 409)).owes(Begin("ship", "compensate"))


def test_a_skip_of_the_last_step_completes_the_run() -> None:
    given(saga_of(step("ship", onExhausted="hitl")), started, begun("ship"), answers("ship", 409)).when(
        decides("skip")
    ).then(fact(Decided), fact(StepSkipped), fact(Completed))


@pytest.mark.parametrize(
    ("led", "outcome", "undo"), [(REFUSED, "failed", False), (IN_DOUBT, "unknown", True), (UNREADABLE, "failed", True)]
)
def test_compensate_undoes_with_the_outcome_that_was_held(led: list[Happening], outcome: str, undo: bool) -> None:
    story = given(ORDER, led)
    call = story.run.calls["ship"]
    story.when(decides("compensate")).then(
        fact(Decided, decision="compensate"),
        fact(StepFailed, attempt=1, outcome=outcome, undo=undo, reason=call.reason),
        fact(Compensating, cause="step"),
    ).owes(Begin("ship" if undo else "pay", "compensate"))
    story.when(undone(*(["ship"] if undo else []), "pay"))
    assert story.latest[-1] == fact_of(story.run.reason)


def fact_of(reason: str) -> Failed:
    """The end of a run that was undone because of a step."""
    return Failed(NOW, reason, 0, "step")


# -- the question is closed without an answer


@pytest.mark.parametrize(
    ("led", "outcome", "undo"), [(REFUSED, "failed", False), (IN_DOUBT, "unknown", True), (UNREADABLE, "failed", True)]
)
def test_a_cancel_closes_the_question_and_undoes(led: list[Happening], outcome: str, undo: bool) -> None:
    given(ORDER, led).when(cancels).then(
        fact(Compensating, cause="cancel", actor="ann"),
        fact(StepFailed, step="ship", outcome=outcome, undo=undo),
        fact(Closed, id="run-1.1", kind="hold", reason="the run turned back"),
    ).owes(Begin("ship" if undo else "pay", "compensate"))


def test_a_cancel_with_nothing_to_undo_ends_the_run() -> None:
    given(saga_of(step("ship", onExhausted="hitl")), started, begun("ship"), answers("ship", 409)).when(cancels).then(
        fact(Compensating), fact(StepFailed), fact(Closed), fact(Cancelled)
    )


def test_a_sibling_that_fails_ends_the_hold() -> None:
    saga = saga_of(group(step("a", onExhausted="hitl"), step("b")))
    given(saga, started, begun("a", "b"), answers("a", 409)).when(answers("b", 409)).then(
        fact(StepFailed, step="b"),
        fact(Compensating),
        fact(StepFailed, step="a", undo=False, refused=True),
        fact(Closed, kind="hold"),
        fact(Failed),
    )


def test_the_deadline_ends_the_hold() -> None:
    saga = saga_of(step("pay"), step("ship", onExhausted="hitl"), deadlineMs=10_000)
    given(saga, REFUSED).owes(Wake(NOW + 10_000)).when(tick(10_000)).then(
        fact(Compensating, cause="deadline"), fact(StepFailed, step="ship"), fact(Closed)
    ).owes(Begin("pay", "compensate"))


def test_nothing_is_held_once_the_run_has_turned_back() -> None:
    saga = saga_of(group(step("a"), step("b", onExhausted="hitl")))
    given(saga, started, begun("a", "b"), answers("a", 409)).when(answers("b", 409)).then(
        fact(StepFailed, step="b"), fact(Failed)
    )


def test_abandon_closes_the_question() -> None:
    story = given(ORDER, REFUSED).when(Abandon("by hand", "ann"))
    assert [type(each).__name__ for each in story.latest] == ["Closed", "Abandoned"]


# -- each decision applies once


def test_a_decision_applies_once() -> None:
    story = given(ORDER, REFUSED)
    twice = decides("retry")(story.run)
    story.when(twice).when(twice).then_nothing()
    assert objection(story.run, twice, story.now) == "item run-1.1 is not open: it is decided or closed already"


@pytest.mark.parametrize("decision", ["approve", "reject", "undone", "abandon", ""])
def test_a_hold_takes_its_own_decisions_only(decision: str) -> None:
    story = given(ORDER, REFUSED)
    wish = decides(decision)(story.run)
    story.when(wish).then_nothing()
    assert "choose retry or done or skip or compensate" in objection(story.run, wish, story.now)


def test_an_item_of_another_run_is_not_open() -> None:
    given(ORDER, REFUSED).when(Decide("run-2.1", "retry", "ann", "")).then_nothing()


def test_a_late_answer_does_not_settle_what_a_person_is_asked() -> None:
    story = given(ORDER, SHIPPING)
    late = answers("ship", 200)(story.run)
    story.when(answers("ship", 500)).when(late).then_nothing()
    assert story.run.calls["ship"].phase is Phase.HELD
