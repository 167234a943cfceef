"""More events than the runs keep up with: publishers are told to come back, and the memory of `up` stays as it is."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from bench import http_in, process, product, target
from bench.process import Failed
from bench.publisher import PAUSE_S
from bench.report import Goal, Section
from bench.saga import DATA, TRIGGER

LOOK_S = 0.1
BATCH = 100
CONNECTIONS = 8


class Sample(NamedTuple):
    """One look at a running `up`."""

    at_s: float
    rss_mb: float


def measure(quick: bool) -> Section:
    """As fast as they can, publishers send what starts a run each."""
    limit, batches = (2_000, 400) if quick else (20_000, 6_000)
    with target.running() as at, product.workspace(at.url) as work:
        work.env["HMS_LIMITS_BACKLOG"] = str(limit)
        with work.up() as up:
            http_in.post(work.port, 20, CONNECTIONS, BATCH, TRIGGER, DATA)
            idle = process.rss_mb(up.pid)
            samples: list[Sample] = []
            over = threading.Event()
            watcher = threading.Thread(target=_watch, args=(up.pid, samples, over))
            watcher.start()
            try:
                found = http_in.post(work.port, batches, CONNECTIONS, BATCH, TRIGGER, DATA)
            finally:
                over.set()
                watcher.join()
    if not found["refused"]:
        raise Failed("nobody was refused: the runs kept up")
    half = len(samples) // 2
    early, late = (max(each.rss_mb for each in part) for part in (samples[:half], samples[half:]))
    goals = [
        Goal("memory of `up` in the second half of a flood, of the first", late / early, 1.1, " times", at_most=True)
    ]
    rows: list[list[str | float]] = [
        ["events sent", batches * BATCH],
        ["taken", found["events"]],
        ["refused with 429", found["refused"] * BATCH],
        ["seconds", found["seconds"]],
        ["RSS before, MB", idle],
        ["most in the first half, MB", early],
        ["most in the second half, MB", late],
    ]
    notes = [
        f"{CONNECTIONS} connections send batches of {BATCH} events that start a run of three steps each; the next one "
        f"follows at once, or {PAUSE_S * 1e3:.0f} ms after a 429. `limits.backlog` is {limit:,}. "
        f"Looked at every {LOOK_S} s."
    ]
    return Section("A flood", goals, ["what", "measured"], rows, notes)


def _watch(pid: int, samples: list[Sample], over: threading.Event) -> None:
    began = time.perf_counter()
    while not over.wait(LOOK_S):
        samples.append(Sample(time.perf_counter() - began, process.rss_mb(pid)))
