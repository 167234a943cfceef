"""Straight sagas of three steps, 64 at a time: hms-orch between two runs of the bare loop, and DBOS, round by round."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench import peer, product, target
from bench.process import Failed
from bench.product import INFLIGHT, Workspace, expect_calls
from bench.report import Goal, Section
from bench.target import Missing, Target

ROOT = Path(__file__).resolve().parent.parent


class Sizes(NamedTuple):
    """How much of each in a round."""

    rounds: int
    runs: int
    peer_runs: int


class Round(NamedTuple):
    """One round: runs per second of each (`bare` is the mean of the run before and the run after the product)."""

    bare: float
    ours: float
    ours_cpu_us: float
    ours_by_wall: float
    peer: float | None


def measure(quick: bool) -> Section:
    """The section on throughput. Raises Missing without a C compiler."""
    sizes = Sizes(1, 3_000, 200) if quick else Sizes(3, 15_000, 1_500)
    peers: list[dict[str, Any]] = []
    problem = ""
    rounds: list[Round] = []
    with target.running() as at:
        for _ in range(sizes.rounds):
            before = _bare(at, sizes.runs)
            ours, cpu_us, by_wall = _product(at, sizes.runs)
            after = _bare(at, sizes.runs)
            rate = None
            try:
                peers.append(peer.measure(at.url, sizes.peer_runs, INFLIGHT))
                rate = peers[-1]["runs_s"]
            except Missing as missing:
                problem = str(missing)
            rounds.append(Round((before + after) / 2, ours, cpu_us, by_wall, rate))
    return _section(sizes, rounds, peers, problem)


def _bare(at: Target, runs: int) -> float:
    at.reset()
    command = [sys.executable, "-m", "bench.bare", at.url, str(runs), str(INFLIGHT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    expect_calls(at.count(), runs)
    rate: float = json.loads(done.stdout)["runs_s"]
    return rate


def _product(at: Target, runs: int) -> tuple[float, float, float]:
    """Runs per second by the log, CPU microseconds per run, runs per second by the clock on the wall."""
    at.reset()
    with product.workspace(at.url) as work:
        work.publish(runs)
        busy = work.up_until_idle()
        expect_calls(at.count(), runs)
        seconds = span(work, runs)
        idle = work.up_until_idle()  # the same store with nothing left to do: what starting and stopping cost
        work.orch("replay", "--verify")
    return runs / seconds, (busy.cpu_s - idle.cpu_s) / runs * 1e6, runs / (busy.wall_s - idle.wall_s)


def span(work: Workspace, runs: int) -> float:
    """Seconds from the first saga.started to the last saga.completed in the log, which must hold `runs` of each."""
    started, completed = work.times("saga.started"), work.times("saga.completed")
    if (len(started), len(completed)) != (runs, runs):
        raise Failed(f"the log holds {len(started)} starts and {len(completed)} ends of {runs} runs")
    return completed[-1] - started[0]


def _section(sizes: Sizes, rounds: Sequence[Round], peers: Sequence[dict[str, Any]], problem: str) -> Section:
    goals = [Goal("straight sagas, of the bare loop", median(r.ours / r.bare for r in rounds), 0.45)]
    notes = [
        f"A round: the bare loop ({sizes.runs:,} runs) before and after hms-orch ({sizes.runs:,} runs), then DBOS "
        f"({sizes.peer_runs:,}); {INFLIGHT} runs at a time. Ratios are taken inside a round, then their median.",
        "hms-orch is timed by its own log: from the first `saga.started` to the last `saga.completed`. By the wall "
        "clock, less an `up --until-idle` with nothing to do: "
        f"{median(r.ours_by_wall for r in rounds):,.0f} runs/s (median).",
        "The target's own count was 3 calls for each run, and `hms-orch replay --verify` passed after each round.",
    ]
    versus = [r.ours / r.peer for r in rounds if r.peer]
    if versus:
        goals.append(Goal("straight sagas, times DBOS on SQLite", median(versus), 40))
        notes.append(f"DBOS Transact for Python {peers[0]['version']}: {peers[0]['settings']}.")
    if problem:
        notes.append(f"DBOS was skipped: {problem}")
    rows: list[list[str | float]] = [
        [f"{i}", r.ours / r.bare, r.ours / r.peer if r.peer else "", r.bare, r.ours, r.peer or "", r.ours_cpu_us]
        for i, r in enumerate(rounds, 1)
    ]
    head = ["round", "of bare", "times DBOS", "bare, runs/s", "hms-orch, runs/s", "DBOS, runs/s", "CPU µs a run"]
    return Section("Straight sagas", goals, head, rows, notes)
