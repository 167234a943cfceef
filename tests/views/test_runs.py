"""How a run looks to an operator: its state, its reason, its steps, and when it moves next."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st

from hms_orch_cli.saga.compensation import needs_undo
from hms_orch_cli.saga.due import due
from hms_orch_cli.saga.inputs import Abandon, Attempt, Cancel
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.saga.state import PENDING
from hms_orch_cli.views.runs import due_at, reason_of, state_of, steps_of, waits_for_others
from hms_orch_cli.views.states import STATES

from ..saga.walks import Walk, random_saga
from ..specs import (
    NOW,
    Happening,
    answers,
    begun,
    check_answers,
    done,
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

ORDER = saga_of(step("pay", check="svc:/paid"), step("ship", retry={"attempts": 2}), step("mail"))
PAYING: list[Happening] = [started, begun("pay")]
SHIPPING: list[Happening] = [started, done("pay"), begun("ship")]
BACK: list[Happening] = [*SHIPPING, answers("ship", 409)]
UNDOING: list[Happening] = [*BACK, begun("pay", op="compensate")]


def seen(*happenings: Happening) -> tuple[str, dict[str, str]]:
    """The state of a run and of those of its steps that are not pending."""
    run = given(ORDER, *happenings).run
    return state_of(run), {each["name"]: each["state"] for each in steps_of(run) if each["state"] != "PENDING"}


@pytest.mark.parametrize(
    ("happenings", "state", "steps"),
    [
        ([started], "RUNNING", {}),
        (PAYING, "RUNNING", {"pay": "RUNNING"}),
        ([*PAYING, answers("pay", 202)], "WAITING", {"pay": "WAITING"}),
        ([*PAYING, answers("pay", 500)], "RUNNING", {"pay": "RUNNING"}),
        ([*PAYING, answers("pay", 500), check_answers("pay", 404)], "WAITING", {"pay": "RETRYING"}),
        ([*PAYING, answers("pay", 200)], "RUNNING", {"pay": "SUCCEEDED"}),
        ([started, Attempt("pay", "call", skip=True)], "RUNNING", {"pay": "SKIPPED"}),
        ([*SHIPPING, answers("ship", 500)], "WAITING", {"pay": "SUCCEEDED", "ship": "RETRYING"}),
        (BACK, "COMPENSATING", {"pay": "SUCCEEDED", "ship": "FAILED"}),
        (
            [*SHIPPING, answers("ship", 500), later(1_000), begun("ship"), answers("ship", 500)],
            "COMPENSATING",
            {"pay": "SUCCEEDED", "ship": "UNKNOWN"},
        ),
        (UNDOING, "COMPENSATING", {"pay": "COMPENSATING", "ship": "FAILED"}),
        ([*UNDOING, undo_answers("pay", 500)], "COMPENSATING", {"pay": "COMPENSATING", "ship": "FAILED"}),
        ([*UNDOING, undo_answers("pay", 409)], "STUCK", {"pay": "STUCK", "ship": "FAILED"}),
        ([*BACK, undone("pay")], "FAILED", {"pay": "COMPENSATED", "ship": "FAILED"}),
        ([started, done("pay"), Cancel("no"), undone("pay")], "CANCELLED", {"pay": "COMPENSATED"}),
        ([*PAYING, Abandon("by hand", "ann")], "ABANDONED", {"pay": "RUNNING"}),
        (
            [started, done("pay", "ship", "mail")],
            "COMPLETED",
            {"pay": "SUCCEEDED", "ship": "SUCCEEDED", "mail": "SUCCEEDED"},
        ),
    ],
)
def test_a_run_and_its_steps_have_the_states_of_the_contract(
    happenings: list[Happening], state: str, steps: dict[str, str]
) -> None:
    assert seen(*happenings) == (state, steps)


def test_a_run_with_one_branch_in_flight_is_running_whatever_waits_beside_it() -> None:
    both = saga_of(group(step("a"), step("b")))
    story = given(both, started, begun("a", "b"), answers("a", 429))
    assert state_of(story.run) == "RUNNING"
    assert state_of(story.when(answers("b", 202)).run) == "WAITING"


def test_the_reason_says_why_it_does_not_move_or_why_it_ended() -> None:
    def reason(*happenings: Happening) -> str:
        return reason_of(given(ORDER, *happenings).run)

    assert reason(*PAYING) == ""
    assert reason(*SHIPPING, answers("ship", 503, reason="closed")) == (
        "ship: 503 closed, retry at 2027-01-15T08:00:01.000Z"
    )
    lost = Answer(Wire.NOT_SENT, reason="connection refused")
    assert reason(*SHIPPING, answers("ship", lost)).startswith("ship: connection refused, retry at ")
    assert reason(*PAYING, answers("pay", 202)) == "pay: the participant works on it (status 202)"
    assert reason(*BACK) == "ship: 409 answer 409"
    assert reason(*BACK, undone("pay")) == "ship: 409 answer 409"
    assert reason(*UNDOING, undo_answers("pay", 422)) == "undo of pay: 422 answer 422"
    assert reason(started, Cancel("wrong order")) == "wrong order"
    assert reason(*PAYING, Abandon("by hand", "ann")) == "by hand"
    assert reason(started, done("pay", "ship", "mail")) == ""


def test_steps_stand_in_the_order_of_the_file_with_their_attempts_and_what_was_said() -> None:
    story = given(ORDER, started, begun("pay"), answers("pay", 200, summary="2 paid"), begun("ship"))
    story.when(answers("ship", 500), later(1_000), begun("ship"), answers("ship", 409, reason="sold out"))
    assert steps_of(story.run) == [
        {"name": "pay", "state": "SUCCEEDED", "attempts": 1, "summary": "2 paid"},
        {"name": "ship", "state": "UNKNOWN", "attempts": 2, "summary": "sold out"},
        {"name": "mail", "state": "PENDING", "attempts": 0, "summary": None},
    ]
    story.when(begun("ship", op="compensate"), undo_answers("ship", 409, reason="gone"))
    assert steps_of(story.run)[1] == {"name": "ship", "state": "STUCK", "attempts": 2, "summary": "gone"}


@pytest.mark.parametrize(
    ("happenings", "expected"),
    [
        ([started], 0),
        (PAYING, 0),
        ([*PAYING, answers("pay", 500)], 0),
        ([*SHIPPING, answers("ship", 500)], NOW + 1_000),
        ([*SHIPPING, answers("ship", 202, location="/jobs/1")], 0),
        (BACK, 0),
        ([*UNDOING, undo_answers("pay", 500)], NOW + 1_000),
        ([*UNDOING, undo_answers("pay", 409)], None),
        ([started, done("pay", "ship", "mail")], None),
    ],
)
def test_when_a_run_moves_next(happenings: list[Happening], expected: int | None) -> None:
    assert due_at(given(ORDER, *happenings).run) == expected


def test_a_pause_counts_whether_or_not_it_is_over() -> None:
    """Folded at any later time the row is the same: it holds no 'now'."""
    story = given(ORDER, SHIPPING, answers("ship", 500))
    assert due_at(story.run) == due_at(story.when(later(10**9)).run)


def test_of_several_pauses_the_shortest_counts() -> None:
    both = saga_of(group(step("a"), step("b")), deadlineMs=90_000)
    story = given(both, started, begun("a", "b"), answers("a", 429, retry_after_ms=40_000))
    assert due_at(story.when(answers("b", 429, retry_after_ms=20_000)).run) == NOW + 20_000


def test_which_runs_only_the_world_can_move() -> None:
    def waits(*happenings: Happening) -> bool:
        return waits_for_others(given(ORDER, *happenings).run)

    assert waits(*PAYING, answers("pay", 202))
    assert waits(*UNDOING, undo_answers("pay", 409))
    assert waits(*UNDOING, undo_answers("pay", 202))
    assert not waits(*PAYING, answers("pay", 202, location="/jobs/1"))
    assert not waits(*PAYING, answers("pay", 425))
    assert not waits(*SHIPPING, answers("ship", 500))
    assert not waits(*UNDOING, undo_answers("pay", 500))
    assert not waits(*PAYING)
    assert not waits(*BACK)
    heard = saga_of(step("pay", compensate="event"), step("ship"))
    assert waits_for_others(given(heard, UNDOING).run)


def test_a_run_with_one_branch_that_moves_waits_for_nobody_else() -> None:
    both = saga_of(group(step("a"), step("b")), deadlineMs=90_000)
    story = given(both, started, begun("a", "b"), answers("a", 202))
    assert not waits_for_others(story.run)
    assert waits_for_others(story.when(answers("b", 202)).run)


def test_which_steps_an_undo_would_undo() -> None:
    story = given(ORDER, SHIPPING, answers("ship", 500), tick(0))
    assert [name for name in ORDER.steps if needs_undo(ORDER.steps[name], story.run.calls.get(name, PENDING))] == [
        "pay"
    ]


@settings(max_examples=150, deadline=None)
@each(st.integers(0, 2**64 - 1))
def test_every_run_can_be_shown_at_any_point(seed: int) -> None:
    rng = Random(seed)
    walk = Walk(random_saga(rng), rng)
    while due(walk.run, walk.now):
        walk.turn()
        _is_sound(walk)
    _is_sound(walk)


def _is_sound(walk: Walk) -> None:
    run: Any = walk.run
    assert state_of(run) in STATES
    assert [each["name"] for each in steps_of(run)] == list(run.saga.steps)
    assert len(reason_of(run)) <= 600
    ended = run.status.ended or run.status.value == "STUCK"
    if ended:
        assert due_at(run) is None
    else:
        assert due_at(run) is not None or waits_for_others(run), "what moves by itself says when"
