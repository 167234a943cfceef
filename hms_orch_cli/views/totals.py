"""What is counted: a fold of the facts, kept beside the log so that a restart forgets nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Closed,
    Completed,
    Decided,
    Failed,
    FilterFailed,
    LockAcquired,
    MatchFailed,
    Queued,
    Redriven,
    Replaced,
    RunFact,
    Skipped,
    Started,
    StepCompensated,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepStarted,
    StepStuck,
    StepSucceeded,
    Stuck,
)

DURATION_BOUNDS_MS: Final = (
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 7_200_000, 86_400_000,
)  # fmt: skip
"""Upper bounds of the duration histogram: from one fast call to a day."""

_OUTCOMES: Final[Mapping[type[RunFact], str]] = {
    Completed: "completed",
    Failed: "failed",
    Cancelled: "cancelled",
    Abandoned: "abandoned",
}


_COUNTED: Final[Mapping[type[RunFact], str]] = {
    Started: "started",
    Skipped: "skipped",
    FilterFailed: "filter_errors",
    MatchFailed: "match_errors",
    Redriven: "redriven",
    Replaced: "redriven",
}
"""Fact -> counter by definition."""

_ITEMS: Final[Mapping[type[RunFact], str]] = {Queued: "hitl_queued", Decided: "hitl_settled", Closed: "hitl_settled"}
"""Fact -> counter by definition and kind of item: the difference is what stands open."""


class Totals:
    """Counts by definition since the beginning of the log. Never a run's id."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, int]] = {}
        """name of a counter -> `saga` or `saga|label` -> count"""
        self.durations: dict[str, list[int]] = {}
        """`saga|outcome` -> counts by bucket, then the number beyond the last bound, then the sum in milliseconds"""
        self.lock_waits: dict[str, list[int]] = {}
        """saga -> the same of the time in line for a lock"""
        self.fence = 0
        """the highest that a lock was ever given with"""

    def add(self, saga: str, fact: RunFact) -> None:
        """Counts one fact."""
        kind = type(fact)
        if kind is StepStarted:
            return  # an attempt is counted by its outcome
        if kind in _OUTCOMES:
            outcome = "lock" if kind is Failed and fact.cause == "lock" else _OUTCOMES[kind]  # type: ignore[union-attr]
            self._count("ended", f"{saga}|{outcome}")
            _into_bucket(self.durations, f"{saga}|{outcome}", fact.duration_ms)  # type: ignore[union-attr]  # has one
        elif kind in _COUNTED:
            self._count(_COUNTED[kind], saga)
        elif kind in _ITEMS:
            self._count(_ITEMS[kind], f"{saga}|{fact.kind}")  # type: ignore[union-attr]  # those three have one
        elif kind is LockAcquired:
            self._locked(saga, fact)  # type: ignore[arg-type]
        else:
            self._attempted(saga, fact)

    def _attempted(self, saga: str, fact: RunFact) -> None:
        match fact:
            case StepSucceeded():
                self._count("attempts", f"{saga}|call|success")
            case StepRetrying(op=op, outcome=outcome):
                self._count("attempts", f"{saga}|{op}|{outcome}")
                if op == "compensate":
                    self._count("compensation_failures", saga)
            case StepFailed(outcome=outcome) | StepHeld(outcome=outcome):
                self._count("attempts", f"{saga}|call|{outcome}")
            case StepCompensated():
                self._count("attempts", f"{saga}|compensate|success")
            case StepStuck():
                self._count("attempts", f"{saga}|compensate|failed")
                self._count("compensation_failures", saga)
            case Stuck():
                self._count("ended", f"{saga}|stuck")
            case _:
                pass  # the others are steps on the way

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "counts": self.counts,
            "durations": self.durations,
            "lockWaits": self.lock_waits,
            "fence": self.fence,
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Totals:
        """What `to_json` wrote."""
        totals = cls()
        totals.counts = {name: dict(counts) for name, counts in written["counts"].items()}
        totals.durations = {label: list(buckets) for label, buckets in written["durations"].items()}
        totals.lock_waits = {label: list(buckets) for label, buckets in written.get("lockWaits", {}).items()}
        totals.fence = written.get("fence", 0)
        return totals

    def count_item(self, saga: str, kind: str, *, queued: bool) -> None:
        """Counts an item about a definition."""
        self._count("hitl_queued" if queued else "hitl_settled", f"{saga}|{kind}")

    def _locked(self, saga: str, fact: LockAcquired) -> None:
        self.fence = max(self.fence, fact.fence)
        _into_bucket(self.lock_waits, saga, fact.waited_ms)

    def _count(self, name: str, label: str) -> None:
        counts = self.counts.setdefault(name, {})
        counts[label] = counts.get(label, 0) + 1


def _into_bucket(histogram: dict[str, list[int]], label: str, ms: int) -> None:
    buckets = histogram.get(label)
    if buckets is None:
        buckets = histogram[label] = [0] * (len(DURATION_BOUNDS_MS) + 2)
    place = 0
    for bound in DURATION_BOUNDS_MS:
        if ms <= bound:
            break
        place += 1
    buckets[place] += 1
    buckets[-1] += ms
