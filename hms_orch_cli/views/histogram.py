"""A histogram: how many values fell below which bound, and what they add up to."""

from __future__ import annotations

from bisect import bisect_left


class Histogram:
    """Counts values. `buckets` holds those up to each of the `bounds`, and behind them the rest."""

    __slots__ = ("bounds", "buckets", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Counts one value."""
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.sum += value
