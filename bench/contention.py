"""A thousand runs that want the same lock: what a hand-over costs, beside a thousand with a lock each."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import orjson

from bench import process, product, target
from bench.process import Failed
from bench.product import Workspace, expect_calls
from bench.report import Goal, Section
from bench.saga import DATA, YAML
from bench.straight import ROOT, span
from bench.target import Target

LOCKED = YAML.replace("steps:\n", "lock: data.personId\nsteps:\n", 1)
"""The saga of three steps, one run at a time for each person."""


class Round(NamedTuple):
    """Runs per second with one key and with as many as runs; commits of each hand-over; all commits, by run."""

    one_key: float
    many_keys: float
    handed_over: Counter[int]
    commits_a_run: float


def measure(quick: bool) -> Section:
    """The section on locks. Raises Missing without a C compiler."""
    rounds, runs = (1, 200) if quick else (5, 1_000)
    with target.running() as at:
        measured = [_round(at, runs) for _ in range(rounds)]
    rows: list[list[str | float]] = [
        [
            f"{i}", float(median(r.handed_over.elements())), max(r.handed_over), r.commits_a_run,
            r.one_key / r.many_keys, r.one_key, r.many_keys,
        ]
        for i, r in enumerate(measured, 1)
    ]  # fmt: skip
    counts = sum((r.handed_over for r in measured), Counter[int]())
    shares = ", ".join(f"{commits}: {count:,} times" for commits, count in sorted(counts.items()))
    notes = [
        f"{runs:,} events, published beforehand, each starts a run of three steps under a lock; then `up "
        "--until-idle`. With one key they run one after another in the order of their events (checked), with "
        f"{runs:,} keys as the calls let them.",
        "A hand-over is counted in commits of the store, from the one that holds the end of a run to the one that "
        "holds the intent of the next run's first call, both included, whatever else they hold and whether there are "
        f"commits of others between them: {shares}. The goal is about the most.",
    ]
    goals = [Goal("commits from a run's end to the next one's call", max(counts), 3, at_most=True)]
    head = ["round", "commits, median", "most", "commits a run", "of many keys", "one key, runs/s", "many keys, runs/s"]
    return Section("One lock", goals, head, rows, notes)


def _round(at: Target, runs: int) -> Round:
    with product.workspace(at.url, LOCKED) as work:
        one, heads = _rate(at, work, ["p"] * runs)
        handed_over = _handed_over(work, heads, runs)
    with product.workspace(at.url, LOCKED) as work:
        many, _ = _rate(at, work, [f"p{number}" for number in range(runs)])
    return Round(one, many, handed_over, len(heads) / runs)


def _rate(at: Target, work: Workspace, persons: list[str]) -> tuple[float, list[int]]:
    """Runs per second by the log, and the position behind each commit."""
    at.reset()
    work.publish_each([{**DATA, "personId": person} for person in persons])
    file = work.folder / "commits"
    process.run(
        [sys.executable, "-m", "bench.commits", file, "up", "--until-idle"],
        work.folder,
        {**work.env, "PYTHONPATH": str(ROOT)},
    )
    expect_calls(at.count(), len(persons))
    return len(persons) / span(work, len(persons)), [int(line) for line in Path(file).read_text().split()]


def _handed_over(work: Workspace, heads: list[int], runs: int) -> Counter[int]:
    """How many hand-overs took how many commits. Raises Failed if the runs did not follow one another in order."""
    with work.reading() as db:
        found = db.execute(
            "SELECT seq, stream, type, data FROM events WHERE type IN "
            "('saga.completed', 'saga.step.started', 'saga.started') ORDER BY seq"
        ).fetchall()
    begun = {orjson.loads(data)["event"]["seq"]: stream for _, stream, kind, data in found if kind == "saga.started"}
    first: dict[str, int] = {}
    ended: dict[str, int] = {}
    for seq, stream, kind, _ in found:
        if kind == "saga.step.started":
            first.setdefault(stream, seq)
        elif kind == "saga.completed":
            ended[stream] = seq
    line = [begun[seq] for seq in sorted(begun)]
    if len(line) != runs or any(ended[one] >= first[other] for one, other in pairwise(line)):
        raise Failed("runs with one lock have overlapped, or not kept the order of their events")
    return Counter(
        bisect_left(heads, first[other]) - bisect_left(heads, ended[one]) + 1 for one, other in pairwise(line)
    )
