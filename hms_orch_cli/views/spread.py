"""How durations are spread: counts by bucket, from which a median can be read well enough for a chart."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import Final

BOUNDS_MS: Final = tuple(int(10 ** (step / 6)) for step in range(6, 55))
"""Upper bounds of the buckets: six to a power of ten, from 10 ms to some 11 days; a value read from them is at most
half as much again as it was."""


class Spread:
    """Durations in milliseconds."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def observe(self, ms: int) -> None:
        """Counts one."""
        place = bisect_left(BOUNDS_MS, ms)
        self._counts[place] = self._counts.get(place, 0) + 1

    def add(self, other: Spread) -> None:
        """Takes in another one."""
        for place, count in other._counts.items():
            self._counts[place] = self._counts.get(place, 0) + count

    def quantile(self, part: float) -> int | None:
        """The duration (milliseconds) that this part of them stays below, about; None if there are none."""
        total = sum(self._counts.values())
        if not total:
            return None
        places = sorted(self._counts)
        for place, up_to in zip(places, accumulate(self._counts[place] for place in places), strict=True):
            if up_to >= part * total:
                high = BOUNDS_MS[min(place, len(BOUNDS_MS) - 1)]
                low = BOUNDS_MS[place - 1] if place else 0
                inside = (part * total - (up_to - self._counts[place])) / self._counts[place]
                return round(low + (high - low) * inside)
        raise AssertionError("the last bucket has them all")
