"""Many seeds in one process, and what came of them."""

from __future__ import annotations

import gc
import time
import warnings
from collections import Counter
from typing import NamedTuple

from .simulation import Result, simulate

AGAIN_EVERY = 100
"""One seed in so many is run twice, and its traces compared."""


class Tally(NamedTuple):
    """What came of a chunk of seeds."""

    first: int
    passed: int
    runs: int
    events: int
    virtual_s: float
    fired: Counter[str]
    unreached: Counter[str]
    failures: list[tuple[int, str]]
    cpu_s: float


def chunk(first: int, seeds: int, stop_at_first: bool = False) -> Tally:
    """Runs some seeds in this process."""
    warnings.filterwarnings("ignore", message="coroutine .* was never awaited")  # of processes that were killed
    gc.collect()
    gc.freeze()  # what is there already is not looked through again and again
    gc.disable()  # what seeds leave behind is collected between them
    try:
        return _seeds(first, seeds, stop_at_first)
    finally:
        gc.enable()
        gc.unfreeze()


def _seeds(first: int, seeds: int, stop_at_first: bool) -> Tally:
    started = time.process_time()
    fired: Counter[str] = Counter()
    unreached: Counter[str] = Counter()
    failures: list[tuple[int, str]] = []
    passed = runs = events = 0
    virtual_s = 0.0
    for seed in range(first, first + seeds):
        result = one(seed)
        fired.update(result.fired)
        unreached.update(result.unreached)
        passed += result.passed
        runs += result.runs
        events += result.events
        virtual_s += result.virtual_s
        if result.violation:
            failures.append((seed, result.violation))
            if stop_at_first:
                break
        if seed % 20 == 19:
            gc.collect()
    return Tally(first, passed, runs, events, virtual_s, fired, unreached, failures, time.process_time() - started)


def one(seed: int) -> Result:
    """One seed; some are run twice, and have to go the same way."""
    result = simulate(seed)
    if seed % AGAIN_EVERY == 0 and not result.violation:
        again = simulate(seed)
        if again.trace != result.trace:
            return result._replace(violation=f"seed: two traces, {result.trace} and {again.trace}")
    return result
