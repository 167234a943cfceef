"""Four steps side by side: hms-orch against the bare loop that makes the same four calls at once, and against the same
four steps one after another."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from typing import NamedTuple

from bench import product, target
from bench.product import INFLIGHT, expect_calls
from bench.report import Section
from bench.saga import GROUP, group_yaml
from bench.straight import ROOT, span
from bench.target import Target


class Round(NamedTuple):
    """Runs per second of each, and CPU microseconds per run of the two sagas."""

    bare: float
    group: float
    group_cpu_us: float
    chain: float
    chain_cpu_us: float


def measure(quick: bool) -> Section:
    """The section on parallel groups. Raises Missing without a C compiler."""
    rounds, runs = (1, 2_000) if quick else (5, 8_000)
    with target.running() as at:
        measured = [_round(at, runs) for _ in range(rounds)]
    of_bare, of_chain = (
        median(r.group / r.bare for r in measured),
        median(r.group / r.chain for r in measured),
    )
    cpu = median(r.group_cpu_us / r.chain_cpu_us for r in measured)
    rows: list[list[str | float]] = [
        [f"{i}", r.group / r.bare, r.group / r.chain, r.bare, r.group, r.chain, r.group_cpu_us, r.chain_cpu_us]
        for i, r in enumerate(measured, 1)
    ]
    notes = [
        f"A round: the bare loop ({runs:,} runs, {INFLIGHT // len(GROUP)} at a time, the {len(GROUP)} calls of each at "
        f"once), hms-orch with the group, hms-orch with the chain ({runs:,} runs each), the bare loop again. No more "
        f"than {INFLIGHT} calls are ever in flight. Timed by the log, as the straight sagas are.",
        f"Medians: the group runs at {of_bare:.2f} of the bare loop, and {of_chain:.2f} times as fast as the same "
        f"steps in a chain, at {cpu:.2f} times the processor time. The target answers at once, so nothing is won by "
        "waiting for four answers together: what is compared is the work.",
    ]
    head = ["round", "of bare", "of the chain", "bare, runs/s", "group, runs/s", "chain, runs/s"]
    return Section("Parallel groups", (), [*head, "group, CPU µs a run", "chain, CPU µs a run"], rows, notes)


def _round(at: Target, runs: int) -> Round:
    before = _bare(at, runs)
    group, group_cpu = _product(at, runs, parallel=True)
    chain, chain_cpu = _product(at, runs, parallel=False)
    after = _bare(at, runs)
    return Round((before + after) / 2, group, group_cpu, chain, chain_cpu)


def _bare(at: Target, runs: int) -> float:
    at.reset()
    command = [sys.executable, "-m", "bench.bare", at.url, str(runs), str(INFLIGHT // len(GROUP)), "group"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    expect_calls(at.count(), runs, GROUP)
    rate: float = json.loads(done.stdout)["runs_s"]
    return rate


def _product(at: Target, runs: int, *, parallel: bool) -> tuple[float, float]:
    """Runs per second by the log, CPU microseconds per run."""
    at.reset()
    with product.workspace(at.url, group_yaml(parallel)) as work:
        work.publish(runs)
        busy = work.up_until_idle()
        expect_calls(at.count(), runs, GROUP)
        seconds = span(work, runs)
        idle = work.up_until_idle()
    return runs / seconds, (busy.cpu_s - idle.cpu_s) / runs * 1e6
