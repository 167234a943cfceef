"""What is counted: a fold of the facts, kept beside the log so that a restart forgets nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Completed,
    Failed,
    FilterFailed,
    RunFact,
    Skipped,
    Started,
    StepCompensated,
    StepFailed,
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
}


class Totals:
    """Counts by definition since the beginning of the log. Never a run's id."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, int]] = {}
        """name of a counter -> `saga` or `saga|label` -> count"""
        self.durations: dict[str, list[int]] = {}
        """`saga|outcome` -> counts by bucket, then the number beyond the last bound, then the sum in milliseconds"""

    def add(self, saga: str, fact: RunFact) -> None:
        """Counts one fact."""
        kind = type(fact)
        if kind is StepStarted:
            return  # an attempt is counted by its outcome
        if kind in _OUTCOMES:
            self._ended(saga, _OUTCOMES[kind], fact.duration_ms)  # type: ignore[union-attr]  # those four have one
        elif kind in _COUNTED:
            self._count(_COUNTED[kind], saga)
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
            case StepFailed(outcome=outcome):
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
        return {"counts": self.counts, "durations": self.durations}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Totals:
        """What `to_json` wrote."""
        totals = cls()
        totals.counts = {name: dict(counts) for name, counts in written["counts"].items()}
        totals.durations = {label: list(buckets) for label, buckets in written["durations"].items()}
        return totals

    def _ended(self, saga: str, outcome: str, duration_ms: int) -> None:
        self._count("ended", f"{saga}|{outcome}")
        label = f"{saga}|{outcome}"
        buckets = self.durations.get(label)
        if buckets is None:
            buckets = self.durations[label] = [0] * (len(DURATION_BOUNDS_MS) + 2)
        place = 0
        for bound in DURATION_BOUNDS_MS:
            if duration_ms <= bound:
                break
            place += 1
        buckets[place] += 1
        buckets[-1] += duration_ms

    def _count(self, name: str, label: str) -> None:
        counts = self.counts.setdefault(name, {})
        counts[label] = counts.get(label, 0) + 1
