"""Activity by time: runs that begin and end, steps that fail, participants that answer or do not."""

from __future__ import annotations

import pytest

from hms_orch_cli.saga.definition import Saga, saga_from
from hms_orch_cli.saga.events import (
    Completed,
    EventRef,
    Failed,
    RunFact,
    Started,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepRetrying,
    StepSucceeded,
)
from hms_orch_cli.saga.state import Progress, Run
from hms_orch_cli.views.activity import WINDOWS, Activity
from hms_orch_cli.views.health import MINUTE_MS, Health
from hms_orch_cli.views.spread import BOUNDS_MS, Spread

NOON = 1_800_000_000_000
STEPS = [
    {"name": "pay", "call": "pay-svc:/pay", "compensate": "refund-svc:/refund"},
    {"name": "ship", "call": "ship-svc:/ship", "compensate": "event"},
    {"name": "wait", "await": {"event": "x.y"}},
]
SAGA: Saga = saga_from({"id": "shop.v1", "trigger": "t", "steps": STEPS}, "r1")
EVENT = EventRef(1, "e", "s", "t")


def heard(*facts: RunFact, sent_at: int = NOON) -> Activity:
    """An activity that has heard of these facts of one run."""
    activity = Activity()
    calls = {name: Progress(sent_at=sent_at) for name in SAGA.steps}
    run = Run(SAGA, "r", calls=calls, undos={"pay": Progress(sent_at=sent_at)})
    activity.on_facts(run, facts)
    return activity


@pytest.mark.parametrize("window", WINDOWS)
def test_a_run_counts_in_the_slot_of_its_beginning_and_of_its_end(window: str) -> None:
    size = WINDOWS[window].slot_ms
    activity = heard(Started(NOON, "r1", EVENT), Completed(NOON + 3 * size, 3 * size))
    slots = activity.slots(window)
    assert slots[NOON // size]["shop.v1"].started == 1
    later = slots[NOON // size + 3]["shop.v1"]
    assert (later.started, later.ended["completed"], later.ended["failed"]) == (0, 1, 0)


def test_where_runs_fail_is_counted_by_step() -> None:
    activity = heard(StepFailed(NOON, "ship", 1, "failed", False, "no", 422), Failed(NOON, "ship: no", 9))
    slot = activity.slots("hour")[NOON // 60_000]["shop.v1"]
    assert slot.failed_at == {"ship": 1}
    assert slot.ended["failed"] == 1


def test_what_is_old_is_forgotten() -> None:
    activity = Activity()
    for minute in range(1_000):
        activity.began("a", NOON + minute * 60_000)
    kept = activity.slots("hour")
    assert len(kept) <= 2 * WINDOWS["hour"].slots
    assert max(kept) == NOON // 60_000 + 999


@pytest.mark.parametrize(
    ("fact", "service", "counts"),
    [
        (StepSucceeded(NOON + 40, "pay", 1, 200), "pay-svc", (1, 0)),
        (StepFailed(NOON, "pay", 1, "failed", False, "no", 422), "pay-svc", (1, 0)),
        (StepRetrying(NOON, "pay", "call", 1, "unknown", "closed", NOON, 503), "pay-svc", (0, 1)),
        (StepRetrying(NOON, "pay", "call", 1, "retry", "too many", NOON, 429), "pay-svc", (0, 1)),
        (StepRetrying(NOON, "pay", "call", 1, "retry", "refused", NOON), "pay-svc", (0, 1)),
        (StepRetrying(NOON, "pay", "compensate", 1, "unknown", "", NOON, 500), "refund-svc", (0, 1)),
        (StepCompensated(NOON, "pay", 1, 200), "refund-svc", (1, 0)),
        (StepDoubted(NOON, "pay", 1, "lost"), "pay-svc", (0, 1)),
    ],
)
def test_each_attempt_tells_of_its_participant(fact: RunFact, service: str, counts: tuple[int, int]) -> None:
    (named,) = heard(fact).health.items()
    assert named[0] == service
    assert tuple(*named[1].minutes.values()) == counts


@pytest.mark.parametrize(
    "fact",
    [
        StepSucceeded(NOON, "wait", 1),
        StepSucceeded(NOON, "pay", 1),
        StepFailed(NOON, "pay", 1, "failed", False, "no such key: amount"),
        StepCompensated(NOON, "ship", 1),
    ],
    ids=["an event", "by hand or a callback", "nothing was sent", "an undo by event"],
)
def test_what_no_participant_answered_tells_nothing_of_one(fact: RunFact) -> None:
    assert heard(fact).health == {}


def test_how_long_an_answer_took_is_measured_from_its_attempt() -> None:
    health = heard(StepSucceeded(NOON + 400, "pay", 1, 200)).health["pay-svc"]
    told = health.spread.quantile(0.5)
    assert told is not None and 250 < told < 500


def answers(*statuses: int) -> Health:
    """One answer a second; 0 is none."""
    health = Health()
    for second, status in enumerate(statuses):
        health.answered(NOON + second * 1_000, 5, status, "why")
    return health


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ((200,), "up"),
        ((404, 422, 409), "up"),
        ((200, 503), "unsteady"),
        ((503, 200), "unsteady"),
        ((503, 0, 429), "down"),
        ((200, 0, 0, 0), "down"),
        ((0, 0, 0, 200), "unsteady"),
        ((*([200] * 30), 500, 200), "up"),
    ],
)
def test_a_participant_is_as_well_as_it_answers(statuses: tuple[int, ...], state: str) -> None:
    assert answers(*statuses).state(NOON + 60_000) == state


def test_what_is_long_ago_does_not_make_a_participant_unsteady() -> None:
    health = answers(503, 200)
    assert health.state(NOON + 4 * MINUTE_MS) == "unsteady"
    assert health.state(NOON + 6 * MINUTE_MS) == "up"
    assert health.last_failure == "503 why"


def test_minutes_of_more_than_an_hour_ago_are_forgotten() -> None:
    health = Health()
    for minute in range(200):
        health.answered(NOON + minute * MINUTE_MS, 1, 200, "")
    assert len(health.minutes) == 60


@pytest.mark.parametrize("ms", [0, 9, 10, 11, 250, 3_600_000, BOUNDS_MS[-1], 10 * BOUNDS_MS[-1]])
def test_a_median_lies_in_the_bucket_of_what_was_seen(ms: int) -> None:
    spread = Spread()
    for _ in range(5):
        spread.observe(ms)
    told = spread.quantile(0.5)
    assert told is not None
    below = [bound for bound in BOUNDS_MS if bound < ms]
    assert (below[-1] if len(below) < len(BOUNDS_MS) and below else 0) <= told or ms > BOUNDS_MS[-1]
    assert told <= max(10, 1.5 * ms)


def test_quantiles_of_two_spreads_are_those_of_all_values() -> None:
    one, other, both = Spread(), Spread(), Spread()
    for ms in range(100, 10_000, 7):
        (one if ms % 2 else other).observe(ms)
        both.observe(ms)
    one.add(other)
    assert [one.quantile(part) for part in (0.05, 0.5, 0.95)] == [both.quantile(part) for part in (0.05, 0.5, 0.95)]
    assert Spread().quantile(0.5) is None
