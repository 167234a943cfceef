"""What is counted."""

from __future__ import annotations

import json
from random import Random

import pytest

from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Completed,
    Failed,
    FilterFailed,
    RunFact,
    Skipped,
    StepFailed,
    StepRetrying,
    StepStuck,
    StepSucceeded,
    Stuck,
)
from hms_orch_cli.views.totals import DURATION_BOUNDS_MS, Totals

from ..saga.facts import AT, REF, SAMPLES, SPARSE
from ..saga.walks import Walk, random_saga


def counted(*facts: RunFact, saga: str = "s") -> Totals:
    """Totals of these facts."""
    totals = Totals()
    for fact in facts:
        totals.add(saga, fact)
    return totals


@pytest.mark.parametrize(
    ("fact", "counts"),
    [
        (Skipped(AT, "r", REF, "deep"), {"skipped": {"s": 1}}),
        (FilterFailed(AT, "r", REF, "no key"), {"filter_errors": {"s": 1}}),
        (StepSucceeded(AT, "pay", 1), {"attempts": {"s|call|success": 1}}),
        (StepFailed(AT, "pay", 1, "unknown", True, ""), {"attempts": {"s|call|unknown": 1}}),
        (StepRetrying(AT, "pay", "call", 1, "absent", "", AT), {"attempts": {"s|call|absent": 1}}),
        (
            StepRetrying(AT, "pay", "compensate", 1, "retry", "", AT),
            {"attempts": {"s|compensate|retry": 1}, "compensation_failures": {"s": 1}},
        ),
        (
            StepStuck(AT, "pay", 1, ""),
            {"attempts": {"s|compensate|failed": 1}, "compensation_failures": {"s": 1}},
        ),
        (Stuck(AT, "undo of pay"), {"ended": {"s|stuck": 1}}),
        (Completed(AT, 5), {"ended": {"s|completed": 1}}),
        (Failed(AT, "", 5), {"ended": {"s|failed": 1}}),
        (Cancelled(AT, "", 5), {"ended": {"s|cancelled": 1}}),
        (Abandoned(AT, "", "ann", 5), {"ended": {"s|abandoned": 1}}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_fact_counts_as(fact: RunFact, counts: dict[str, dict[str, int]]) -> None:
    assert counted(fact).counts == counts


@pytest.mark.parametrize("duration", [0, 10, 11, 999, 1_000, 86_400_000, 86_400_001, 10**12])
def test_a_duration_falls_into_the_first_bucket_that_holds_it(duration: int) -> None:
    (buckets,) = counted(Completed(AT, duration)).durations.values()
    place = buckets.index(1)
    assert place == next(
        (n for n, bound in enumerate(DURATION_BOUNDS_MS) if duration <= bound), len(DURATION_BOUNDS_MS)
    )
    assert sum(buckets[:-1]) == 1
    assert buckets[-1] == duration


def test_durations_are_counted_by_saga_and_outcome() -> None:
    totals = counted(Completed(AT, 5), Completed(AT, 500), Failed(AT, "", 5))
    totals.add("other", Completed(AT, 7))
    assert set(totals.durations) == {"s|completed", "s|failed", "other|completed"}
    assert sum(totals.durations["s|completed"][:-1]) == 2
    assert totals.durations["s|completed"][-1] == 505


def test_totals_survive_being_written_down() -> None:
    totals = counted(*SAMPLES, *SPARSE)
    written = json.loads(json.dumps(totals.to_json()))
    again = Totals.from_json(written)
    assert again.to_json() == totals.to_json()
    again.add("s", Completed(AT, 1))
    assert again.to_json() != totals.to_json()
    assert written == totals.to_json(), "what was read is not written to"


def test_totals_never_name_a_run() -> None:
    assert "run-1" not in json.dumps(counted(*SAMPLES, *SPARSE).to_json())


@pytest.mark.parametrize("seed", range(20))
def test_totals_folded_in_two_parts_are_totals_folded_in_one(seed: int) -> None:
    rng = Random(seed)
    log = Walk(random_saga(rng), rng).to_its_end().log
    cut = rng.randint(0, len(log))
    resumed = Totals.from_json(json.loads(json.dumps(counted(*log[:cut]).to_json())))
    for fact in log[cut:]:
        resumed.add("s", fact)
    assert resumed.to_json() == counted(*log).to_json()
