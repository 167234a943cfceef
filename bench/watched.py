"""What a page that is left open costs: the same straight sagas, with somebody looking at the run list and without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench import product, target
from bench.product import Workspace, expect_calls
from bench.report import Goal, Section
from bench.straight import span
from bench.target import Target

ROOT = Path(__file__).resolve().parent.parent


class Round(NamedTuple):
    """CPU microseconds of `up` a run, and runs a second by the log: unwatched before and after, and watched."""

    alone_us: float
    watched_us: float
    alone: float
    watched: float
    looks: int


def measure(quick: bool) -> Section:
    """The section on a page left open. Raises Missing without a C compiler."""
    rounds, runs = (1, 6_000) if quick else (5, 20_000)
    with target.running() as at:
        found = [_round(at, runs) for _ in range(rounds)]
    rows: list[list[str | float]] = [
        [f"{place}", r.watched_us / r.alone_us, r.watched / r.alone, r.alone_us, r.watched_us, r.looks]
        for place, r in enumerate(found, 1)
    ]
    ratio = median(r.watched_us / r.alone_us for r in found)
    head = ["round", "CPU, of unwatched", "runs/s, of unwatched", "CPU µs a run, unwatched", "watched", "looks"]
    notes = [
        f"A round: {runs:,} straight runs unwatched, watched, unwatched; the unwatched are averaged. Who watches is a "
        "process of its own that opens the page's stream and fetches the run list at most once a second, as a browser "
        "does. It takes CPU as well, on the same cores; so the goal is about the CPU of `up`."
    ]
    return Section(
        "A page left open", [Goal("CPU of up, watched of unwatched", ratio, 1.05, at_most=True)], head, rows, notes
    )


def _round(at: Target, runs: int) -> Round:
    before = _unwatched(at, runs)
    cpu, rate, looks = _watched(at, runs)
    after = _unwatched(at, runs)
    return Round((before[0] + after[0]) / 2, cpu, (before[1] + after[1]) / 2, rate, looks)


def _unwatched(at: Target, runs: int) -> tuple[float, float]:
    at.reset()
    with product.workspace(at.url) as work:
        return _busy(at, work, runs)


def _watched(at: Target, runs: int) -> tuple[float, float, int]:
    at.reset()
    with product.workspace(at.url) as work, _onlooker(work) as child:
        cpu, rate = _busy(at, work, runs)
        looks, _ = child.communicate(timeout=60)
    return cpu, rate, int(looks)


def _busy(at: Target, work: Workspace, runs: int) -> tuple[float, float]:
    work.publish(runs)
    busy = work.up_until_idle()
    expect_calls(at.count(), runs)
    return busy.cpu_s / runs * 1e6, runs / span(work, runs)


@contextmanager
def _onlooker(work: Workspace) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.onlooker", str(work.port), "/"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
