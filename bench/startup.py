"""What a command costs before and after its work: CPU, as multiples of an interpreter that does nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from statistics import median

from bench import process, product, target
from bench.product import BIN, Workspace
from bench.report import Goal, Section
from bench.saga import DATA, TRIGGER

READY = "up, until it is ready"
BOUNDS = {"--help": 8.0, "validate": 14.0, "publish": 12.0, "status": 12.0, READY: 6.0}


def measure(quick: bool) -> Section:
    """Medians of CPU times, the commands and the bare interpreter turn and turn about."""
    repeats = 5 if quick else 15
    with target.running() as at, product.workspace(at.url) as work:
        work.publish(10)
        work.up_until_idle()
        alone = _medians(work, repeats)
        with work.up():
            beside = _medians(work, repeats)
        alone = {**alone, READY: _ready(work, repeats)}
    bare = alone["python"]
    goals = [
        Goal(f"CPU of `{name}`, in interpreters", alone[name] / bare, bound, " times", at_most=True)
        for name, bound in BOUNDS.items()
    ]
    rows: list[list[str | float]] = [
        [name, alone[name] / bare, alone[name] * 1e3, beside[name] / beside["python"], beside[name] * 1e3]
        for name in beside
    ]
    rows.append([READY, alone[READY] / bare, alone[READY] * 1e3, "", ""])
    notes = [
        f"Median of {repeats}, user and system time of the whole process as the kernel counts it; the store holds ten "
        "runs. `python` is `python -c pass` of the same environment.",
        "The goals are those of a store that nobody holds; beside a running `up`, `publish` hands its event to it.",
        f"`{READY}`: over an empty store, from its start until /readyz answers 200.",
    ]
    head = ["command", "times python", "CPU ms", "beside `up`, times python", "CPU ms beside `up`"]
    return Section("Start-up", goals, head, rows, notes)


def _ready(work: Workspace, repeats: int) -> float:
    found = []
    for _ in range(repeats):
        shutil.rmtree(work.store.parent)
        with work.up() as up:
            found.append(up.cpu_s)
    return median(found)


def _medians(work: Workspace, repeats: int) -> Mapping[str, float]:
    data = str(DATA).replace("'", '"')
    commands: dict[str, Callable[[], process.Ended]] = {
        "python": lambda: process.run([sys.executable, "-c", "pass"], work.folder, work.env),
        "--version": lambda: work.orch("--version"),
        "--help": lambda: work.orch("--help"),
        "validate": lambda: work.orch("validate", work.saga),
        "publish": lambda: process.run([BIN / "hms-bus", "publish", TRIGGER, "--data", data], work.folder, work.env),
        "status": lambda: work.orch("status"),
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            cpu = command().cpu_s
            if turn:  # the first turn fills caches
                found[name].append(cpu)
    return {name: median(times) for name, times in found.items()}
