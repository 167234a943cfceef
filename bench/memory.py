"""What 10,000 runs cost in memory that wait for their next attempt."""

from __future__ import annotations

import socket
import time

from bench import process, product
from bench.process import Failed
from bench.report import Goal, Section
from bench.saga import YAML

PARKED = YAML.replace("backoffMs: 2000", "backoffMs: 3600000\n  maxBackoffMs: 3600000")
"""The same saga with a pause of an hour."""


def measure(quick: bool) -> Section:
    """Resident memory of one `up`: idle, and a minute after every run has been refused once."""
    runs, settle_s = (1_000, 5) if quick else (10_000, 60)
    # Bound and not listening: the port is taken, and every connection to it is refused.
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with product.workspace(url, PARKED) as work, work.up() as up:
            time.sleep(settle_s / 6)
            idle = process.rss_mb(up.pid)
            work.publish(runs)
            _wait_parked(work, runs)
            time.sleep(settle_s)
            parked = process.rss_mb(up.pid)
    over = parked - idle
    rows: list[list[str | float]] = [["idle", idle], [f"{runs:,} runs parked", parked], ["over idle", over]]
    goals = [Goal(f"RSS with {runs:,} runs parked, over an idle `up`", over, 120, " MB", at_most=True)]
    notes = [
        f"One process: measured idle, then {settle_s} s after the last of {runs:,} runs was refused its first call and "
        f"waits an hour for the next: {over * 1024 / runs:.1f} KB a run."
    ]
    return Section("Memory", goals, ["state of `up`", "RSS MB"], rows, notes)


def _wait_parked(work: product.Workspace, runs: int) -> None:
    for _ in range(600):
        if work.count("saga.step.retrying") >= runs:
            return
        time.sleep(0.5)
    raise Failed(f"only {work.count('saga.step.retrying')} of {runs} runs were parked within 5 minutes")
