"""`compensate: event`: a participant hears `saga.compensate` and acknowledges."""

from __future__ import annotations

from collections.abc import Callable

from hms_orch_cli.saga.commands import Begin, Wake
from hms_orch_cli.saga.events import (
    Compensate,
    Decided,
    Failed,
    Queued,
    StepCompensated,
    StepRetrying,
    StepStuck,
    Stuck,
)
from hms_orch_cli.saga.inputs import Answered, Attempt, Input
from hms_orch_cli.saga.outcome import Verdict
from hms_orch_cli.saga.state import Run, Status

from ..specs import (
    NOW,
    Happening,
    answers,
    begun,
    decides,
    done,
    fact,
    given,
    later,
    saga_of,
    started,
    step,
    tick,
    undone,
)

ORDER = saga_of(step("pay", compensate="event"), step("ship"))
UNDOING: list[Happening] = [
    started,
    begun("pay"),
    answers("pay", 200, body={"id": 9}),
    begun("ship"),
    answers("ship", 409),
]
ANNOUNCED: list[Happening] = [*UNDOING, begun("pay", op="compensate")]
BRIEF = saga_of(step("pay", compensate={"event": True, "timeoutMs": 5_000, "retry": {"attempts": 2}}), step("ship"))


def reports(verdict: Verdict = Verdict.SUCCESS, attempt: int | None = None) -> Callable[[Run], Input]:
    """The participant acknowledges the undo that it has heard of, or refuses it."""

    def happened(run: Run) -> Input:
        now = run.undos["pay"].attempt
        return Answered("pay", "compensate", attempt or now, verdict, reason="booked", reported=True)

    return happened


def test_the_undo_is_announced_with_the_output_of_the_step() -> None:
    given(ORDER, UNDOING).owes(Begin("pay", "compensate")).when(begun("pay", op="compensate")).then(
        Compensate(NOW, "pay", {"id": 9}, "event", "run-1:pay:compensate", 1)
    ).owes(Wake(NOW + 30_000))


def test_it_is_done_once_it_is_acknowledged() -> None:
    story = given(ORDER, ANNOUNCED).when(reports()).then(StepCompensated(NOW, "pay", 1), fact(Failed))
    story.when(reports()).then_nothing()


def test_it_is_announced_again_when_nobody_has_acknowledged_it_in_time() -> None:
    story = (
        given(ORDER, ANNOUNCED)
        .when(tick(29_999))
        .then_nothing()
        .when(tick(1))
        .then(fact(StepRetrying, op="compensate", reason="no answer within 30000 ms", due_at=NOW + 31_000))
    )
    story.owes(Wake(NOW + 31_000)).when(later(1_000)).owes(Begin("pay", "compensate"))
    story.when(begun("pay", op="compensate")).then(
        fact(Compensate, attempt=2, key="run-1:pay:compensate", mode="event", interrupted=None)
    ).owes(Wake(NOW + 61_000))


def test_an_acknowledgement_in_the_pause_before_the_next_announcement_counts() -> None:
    given(ORDER, ANNOUNCED, tick(30_000)).when(reports()).then(fact(StepCompensated, attempt=1), fact(Failed))


def test_an_acknowledgement_of_an_earlier_announcement_is_late() -> None:
    """Whoever brings it names the latest one: they all ask for the same."""
    story = given(ORDER, ANNOUNCED, tick(30_000), later(1_000), begun("pay", op="compensate"))
    story.when(reports(attempt=1)).then_nothing().when(reports()).then(fact(StepCompensated, attempt=2), fact(Failed))


def test_nothing_is_acknowledged_before_it_was_announced() -> None:
    given(ORDER, UNDOING).when(Answered("pay", "compensate", 1, Verdict.SUCCESS, reported=True)).then_nothing()
    given(ORDER, UNDOING).when(Answered("pay", "compensate", 0, Verdict.SUCCESS, reported=True)).then_nothing()


def test_it_has_its_own_time_and_attempts_and_is_stuck_when_they_are_used_up() -> None:
    story = given(BRIEF, ANNOUNCED).owes(Wake(NOW + 5_000)).when(tick(5_000)).then(fact(StepRetrying))
    story.when(later(1_000), begun("pay", op="compensate")).when(tick(5_000)).then(
        fact(StepStuck, attempt=2, reason="no answer within 5000 ms", refused=None), fact(Queued), fact(Stuck)
    ).owes()
    story.when(reports()).then_nothing()
    story.when(decides("retry"), begun("pay", op="compensate")).then(
        fact(Compensate, attempt=3, key="run-1:pay:compensate")
    )
    story.when(reports()).then(fact(StepCompensated), fact(Failed))


def test_a_person_is_asked_at_the_third_silence() -> None:
    silence = [tick(30_000), later(1_000), begun("pay", op="compensate")]
    given(ORDER, ANNOUNCED, silence, silence).when(tick(30_000)).then(fact(StepRetrying, attempt=3), fact(Queued))


def test_a_refusal_is_stuck_and_a_retry_takes_the_key_of_a_new_round() -> None:
    story = given(ORDER, ANNOUNCED).when(reports(Verdict.FAILED))
    story.then(StepStuck(NOW, "pay", 1, "booked", None, True), fact(Queued, kind="undo"), fact(Stuck))
    story.when(decides("retry")).then(fact(Decided)).when(begun("pay", op="compensate")).then(
        fact(Compensate, key="run-1:pay:compensate:2")
    )


def test_it_is_announced_once_however_often_the_process_ends() -> None:
    """What is in the log was heard; a stop in between asks for nothing."""
    given(ORDER, ANNOUNCED, later(10)).owes(Wake(NOW + 30_000))


def test_what_comes_earlier_is_undone_after_it() -> None:
    saga = saga_of(step("a"), step("pay", compensate="event"), step("ship"))
    story = given(saga, started, done("a", "pay"), begun("ship"), answers("ship", 409), begun("pay", op="compensate"))
    story.owes(Wake(NOW + 30_000)).when(reports()).owes(Begin("a", "compensate")).when(undone("a"))
    assert story.run.status is Status.FAILED


def test_an_announcement_that_cannot_be_written_is_stuck() -> None:
    given(ORDER, UNDOING).when(Attempt("pay", "compensate", error="no such key")).then(
        fact(StepStuck), fact(Queued), fact(Stuck)
    )
