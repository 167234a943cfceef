"""Whether a run costs more in a store that holds many: the 100,000th against the 1,000th."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench import product, target
from bench.product import Workspace
from bench.report import Goal, Section

SLICE = 1_000


def measure(quick: bool) -> Section:
    """Grows one store in one go, then compares it with a young one, turn and turn about, so that the machine's drift
    meets both."""
    total, pairs = (6_000, 2) if quick else (96_000, 5)
    with target.running() as at, product.workspace(at.url) as old, product.workspace(at.url) as young:
        old.publish(total)
        old.up_until_idle()
        slices = list(_slices(old.times("saga.completed")))
        _batch(young)  # the young store's 1,000th run is behind it
        ratios: list[float] = []
        rows: list[list[str | float]] = []
        for number in range(1, pairs + 1):
            in_young = _batch(young)
            in_old = _batch(old)
            ratios.append(in_old / in_young)
            size = total + number * SLICE
            rows.append([f"{number}", in_old / in_young, in_young / SLICE * 1e3, in_old / SLICE * 1e3, f"{size:,}"])
    early, late = median(slices[1:5]), median(slices[-4:])
    notes = [
        f"Each pair: {SLICE:,} runs more in a store of a few thousand runs and in the large one, each by "
        "`up --until-idle`, timed by the log.",
        f"The growth itself, one `up` over {total:,} runs: {late / early:.2f} is what a run costs in the last 4,000 "
        f"against runs 1,000 to 5,000 ({late / SLICE * 1e3:.3f} ms, {early / SLICE * 1e3:.3f} ms). The machine's drift "
        "over the whole growth is in it.",
    ]
    goals = [Goal(f"the {total + pairs * SLICE:,}th run, of the 1,000th", median(ratios), 1.1, " times", at_most=True)]
    head = ["pair", "old / young", "young, ms a run", "old, ms a run", "runs in the old"]
    return Section("Growth", goals, head, rows, notes)


def _slices(completed: list[float]) -> Iterator[float]:
    for at in range(SLICE, len(completed), SLICE):
        yield completed[at] - completed[at - SLICE]


def _batch(work: Workspace) -> float:
    """Seconds that 1,000 runs more take, by the log."""
    work.publish(SLICE)
    work.up_until_idle()
    return work.times("saga.completed")[-1] - work.times("saga.started")[-SLICE]
