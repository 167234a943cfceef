"""`lock`: taken before the first step, held until the run has ended, undo included."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.commands import Acquire, Begin, Send, Wake
from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.saga.due import due
from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Compensating,
    Failed,
    LockAcquired,
    LockQueued,
    LockReleased,
    Queued,
    StepFailed,
    StepStarted,
    StepStuck,
    Stuck,
)
from hms_orch_cli.saga.inputs import Abandon, Asked, Input, Released
from hms_orch_cli.saga.people import objection
from hms_orch_cli.saga.state import Status

from ..specs import (
    KEY,
    NOW,
    Happening,
    Story,
    answers,
    begun,
    cancels,
    done,
    fact,
    given,
    granted,
    group,
    in_line,
    later,
    locked,
    pauses,
    redrives,
    resumes,
    saga_of,
    started,
    step,
    tick,
    undo_answers,
    undone,
)

STEPS = (step("pay"), step("ship"))
ORDER = saga_of(*STEPS, lock="data.policyId")
BRIEF = saga_of(*STEPS, lock={"key": "data.policyId", "waitMs": 5_000})
PROUD = saga_of(*STEPS, lock={"key": "data.policyId", "onConflict": "abort"})
RELEASE = Released("ann", "it hangs")


# -- taken


def test_the_lock_is_asked_for_before_the_first_step() -> None:
    given(ORDER, started).owes(Acquire()).when(begun("pay")).then_nothing()


def test_a_lock_that_is_free_is_taken_at_once() -> None:
    given(ORDER, started, later(40)).when(locked(8)).then(LockAcquired(NOW + 40, KEY, 8, 0)).owes(Begin("pay", "call"))


def test_a_run_without_a_lock_asks_for_none() -> None:
    given(saga_of(*STEPS), started).owes(Begin("pay", "call")).when(locked()).then_nothing().when(
        granted()
    ).then_nothing()


def test_it_is_asked_for_once() -> None:
    given(ORDER, started, locked()).when(locked(9)).then_nothing().when(in_line()).then_nothing()
    given(ORDER, started, in_line()).when(in_line("run-9")).then_nothing()


# -- onConflict: wait


def test_a_run_waits_in_line_and_does_nothing() -> None:
    given(ORDER, started).when(in_line()).then(LockQueued(NOW, KEY, "run-0")).owes().when(begun("pay")).then_nothing()


def test_its_turn_comes() -> None:
    story = given(ORDER, started, in_line()).when(later(700), granted(12))
    story.then(LockAcquired(NOW + 700, KEY, 12, 700)).owes(Begin("pay", "call"))
    story.when(granted(13)).then_nothing()


def test_a_run_in_line_gives_up_when_its_wait_is_over() -> None:
    story = given(BRIEF, started, later(3), in_line()).owes(Wake(NOW + 5_003)).when(tick(4_999)).then_nothing()
    story.when(tick(1)).then(
        Compensating(NOW + 5_003, "lock", f"waited 5000 ms for lock {KEY}"),
        Failed(NOW + 5_003, f"waited 5000 ms for lock {KEY}", 5_003, "lock"),
    ).owes()


def test_a_turn_that_comes_after_the_wait_is_over_comes_too_late() -> None:
    """Even if nobody looked at the clock meanwhile."""
    given(BRIEF, started, in_line(), later(5_000)).when(granted()).then(
        fact(Compensating, cause="lock"), fact(Failed, cause="lock")
    )
    given(BRIEF, started, in_line(), later(4_999)).when(granted()).then(fact(LockAcquired, waited_ms=4_999))


def test_the_wait_is_over_once_the_lock_is_held() -> None:
    given(BRIEF, started, in_line(), granted()).owes(Begin("pay", "call")).when(tick(5_000)).then_nothing()


# -- onConflict: abort, and no key


def test_abort_ends_the_run_with_the_reason_and_nothing_is_called() -> None:
    reason = f"lock {KEY} is held by run run-0"
    given(PROUD, started).when(in_line()).then(Compensating(NOW, "lock", reason), Failed(NOW, reason, 0, "lock")).owes()
    given(PROUD, started).when(locked()).then(fact(LockAcquired)).owes(Begin("pay", "call"))


def test_a_lock_without_a_key_fails_the_run() -> None:
    given(ORDER, started).when(Asked(error="the key is null")).then(
        Compensating(NOW, "key", "lock: the key is null"), Failed(NOW, "lock: the key is null", 0, "key")
    )


# -- the wait counts as the run's time


def test_the_deadline_includes_the_wait_for_the_lock() -> None:
    saga = saga_of(*STEPS, lock="data.policyId", deadlineMs=10_000)
    given(saga, started).owes(Acquire(), Wake(NOW + 10_000))
    story = given(saga, started, later(4_000), in_line()).owes(Wake(NOW + 10_000))
    story.when(tick(6_000)).then(fact(Compensating, cause="deadline"), fact(Failed, cause="deadline"))
    late = given(saga, started, in_line(), later(9_999), granted(), begun("pay")).when(tick(1))
    late.then(fact(Compensating, cause="deadline")).owes(Send("pay", "call", 1))


def test_a_cancel_leaves_the_line() -> None:
    given(ORDER, started, in_line()).when(cancels).then(fact(Compensating), fact(Cancelled)).owes().when(
        granted()
    ).then_nothing()
    given(ORDER, started).when(cancels).then(fact(Compensating), fact(Cancelled)).when(locked()).then_nothing()


def test_abandon_leaves_the_line() -> None:
    given(ORDER, started, in_line()).when(Abandon("no", "ann")).then(fact(Abandoned)).when(granted()).then_nothing()


# -- held until the end


UNDOING: list[Happening] = [started, locked(), done("pay"), begun("ship"), answers("ship", 409)]


def holds(story: Story) -> bool:
    """Whether the lock is the run's."""
    claim = story.run.claim
    return claim is not None and claim.fence == 8 and not claim.released


def test_the_lock_is_held_while_the_run_is_undone_and_stuck() -> None:
    story = given(ORDER, UNDOING).owes(Begin("pay", "compensate"))
    assert holds(story)
    story.when(begun("pay", op="compensate"), undo_answers("pay", 409)).then(fact(StepStuck), fact(Queued), fact(Stuck))
    assert holds(story)


def test_a_pause_keeps_the_lock_and_the_place_in_line() -> None:
    assert holds(given(ORDER, started, locked(8), pauses))
    given(ORDER, started, in_line(), pauses).owes().when(granted()).then(fact(LockAcquired)).owes().when(resumes).owes(
        Begin("pay", "call")
    )
    given(ORDER, started, pauses).owes().when(resumes).owes(Acquire())


def test_the_wait_in_line_ends_at_the_resume_of_a_paused_run() -> None:
    story = given(BRIEF, started, in_line(), pauses).owes().when(tick(9_000)).then_nothing()
    story.when(resumes).owes(Wake(NOW + 5_000)).when(tick(0)).then(fact(Compensating, cause="lock"), fact(Failed))


# -- taken away by a person


@pytest.mark.parametrize(
    "led",
    [
        [started, locked()],
        [started, locked(), begun("pay")],
        UNDOING,
        [*UNDOING, begun("pay", op="compensate"), undo_answers("pay", 409)],
    ],
    ids=["waiting", "running", "undoing", "stuck"],
)
def test_a_person_takes_the_lock_and_the_run_goes_on_without_it(led: list[Happening]) -> None:
    before = given(ORDER, led)
    story = given(ORDER, led).when(RELEASE).then(LockReleased(NOW, KEY, "ann", "it hangs"))
    assert story.run.status is before.run.status
    before.owes(*due(story.run, NOW))
    story.when(RELEASE).then_nothing().when(granted()).then_nothing()
    assert objection(story.run, RELEASE, NOW) == "run run-1 holds no lock"


@pytest.mark.parametrize(
    "led",
    [[], [started], [started, in_line()], [started, locked(), done("pay", "ship")], [started, in_line(), cancels]],
    ids=["new", "not asked", "in line", "completed", "cancelled"],
)
def test_only_a_lock_that_is_held_can_be_taken(led: list[Happening]) -> None:
    story = given(ORDER, led).when(RELEASE).then_nothing()
    assert objection(story.run, RELEASE, NOW) == "run run-1 holds no lock"


# -- a run that goes on after its end has let it go


ABANDONED: list[Happening] = [started, locked(8), done("pay"), begun("ship"), Abandon("by hand", "ann")]


def test_a_redriven_run_asks_for_the_lock_anew_before_anything_begins() -> None:
    story = given(ORDER, ABANDONED, redrives).owes(Acquire())
    story.when(begun("ship")).then_nothing().when(in_line("run-5")).then(fact(LockQueued, holder="run-5")).owes()
    story.when(granted(20)).then(fact(LockAcquired, fence=20)).owes(Send("ship", "call", 1))
    story.when(begun("ship")).then(fact(StepStarted, interrupted=True))


NO_LOCK: list[tuple[Saga, Happening, str]] = [
    (PROUD, in_line("run-5"), "lock"),
    (BRIEF, [in_line("run-5"), tick(5_000)], "lock"),
    (BRIEF, [in_line("run-5"), later(5_000), granted()], "lock"),
    (ORDER, Asked(error="the key is null"), "key"),
]


@pytest.mark.parametrize(("saga", "happened", "cause"), NO_LOCK)
def test_a_redriven_run_that_gets_no_lock_makes_no_call(saga: Saga, happened: Happening, cause: str) -> None:
    story = given(saga, started, locked(8), begun("pay"), answers("pay", 409), redrives).owes(Acquire())
    story.when(happened).then(
        fact(Compensating, cause=cause), fact(StepFailed, step="pay", undo=False), fact(Failed, cause=cause)
    )


def test_what_a_redriven_run_had_done_is_undone_under_the_lock_however_long_that_takes() -> None:
    for saga in (ORDER, BRIEF, PROUD):
        story = given(saga, started, locked(8), done("pay"), Abandon("by hand", "ann"), redrives).when(cancels)
        story.then(fact(Compensating, cause="cancel")).owes(Acquire()).when(begun("pay", op="compensate"))
        story.then_nothing().when(in_line("run-5")).then(fact(LockQueued)).owes().when(tick(60_000)).then_nothing()
        story.when(granted(20)).then(fact(LockAcquired, waited_ms=60_000)).owes(Begin("pay", "compensate"))
        story.when(undone("pay"))
        assert story.run.status is Status.CANCELLED


@pytest.mark.parametrize("late", [answers("a", 409), answers("a", 500)], ids=["refused", "in doubt"])
def test_a_late_answer_moves_no_call_of_a_redriven_run_that_has_no_lock(late: Input) -> None:
    """Neither a sibling that was cut off nor a retry goes out before the lock is the run's again."""
    saga = saga_of(group(step("a"), step("b")), lock="data.policyId")
    story = given(saga, started, locked(8), begun("a", "b"), Abandon("by hand", "ann"), redrives, late, later(1_000))
    story.owes(Acquire()).when(begun("a")).then_nothing().when(begun("b")).then_nothing()
    story.when(locked(9), begun("b")).then(fact(StepStarted, step="b", interrupted=True))
