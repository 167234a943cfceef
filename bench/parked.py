"""A hundred thousand runs that wait for a person: what they cost at a start, in memory, and when somebody looks."""

from __future__ import annotations

import http.client
import time
from statistics import median
from typing import NamedTuple

import orjson

from bench import process, product, target
from bench.process import Failed
from bench.product import Workspace
from bench.report import Goal, Section
from bench.saga import YAML

ASKING = YAML.replace(
    "steps:\n",
    "steps:\n  - name: second_pair_of_eyes\n    approval: {prompt: 'Change ${data.policyId}?', ttlMs: 172800000}\n",
)
"""The saga of three steps, and before them a person who approves within two days."""


class Start(NamedTuple):
    """From the start of `up` to its readiness, and memory then."""

    wall_s: float
    cpu_s: float
    rss_mb: float


class Look(NamedTuple):
    """Milliseconds of each question put to `up`, and its memory afterwards, in MB."""

    metrics_ms: float
    decision_ms: float
    decided_mb: float
    items_ms: float
    listed_mb: float
    peak_mb: float


class Command(NamedTuple):
    """A command beside `up`, in seconds."""

    wall_s: float
    cpu_s: float


def measure(quick: bool) -> Section:
    """Starts over both stores, turn and turn about. Raises Missing without a C compiler."""
    runs, repeats = (2_000, 2) if quick else (100_000, 7)
    empties: list[Start] = []
    fulls: list[Start] = []
    looks: list[Look] = []
    commands: dict[str, list[Command]] = {"status": [], "hitl list": []}
    with target.running() as at, product.workspace(at.url, ASKING) as empty, product.workspace(at.url, ASKING) as full:
        empty.up_until_idle()  # makes the keys, and fills caches
        began = time.perf_counter()
        full.publish(runs)
        grown = full.up_until_idle()
        parking_s = time.perf_counter() - began
        if (asked := full.count("hitl.queued")) != runs:
            raise Failed(f"only {asked} of {runs} runs wait for a person")
        for _ in range(repeats):
            empties.append(_start(empty))
            with full.up() as up:
                fulls.append(Start(up.wall_s, up.cpu_s, process.rss_mb(up.pid)))
                looks.append(_look(full, up.pid))
                for words, took in commands.items():
                    ended = full.orch(*words.split())
                    took.append(Command(ended.wall_s, ended.cpu_s))
    ratio = median(full.wall_s / empty.wall_s for full, empty in zip(fulls, empties, strict=True))
    most = max(look.peak_mb for look in looks)
    goals = [
        Goal(f"start over {runs:,} parked runs, of an empty store", ratio, 5, " times", at_most=True),
        Goal(f"memory of `up` over {runs:,} parked runs, at its peak", most, 500, " MB", at_most=True),
    ]
    notes = [
        f"Each run waits for an approval of its first step; a real `up` has parked them, in {parking_s:,.0f} s (with "
        f"all of them in memory it had {grown.peak_mb:,.0f} MB). Then starts over that store and over an empty one, "
        f"turn and turn about, {repeats} times, files in the cache of the system; ready is when /readyz answers 200. "
        "Medians; the goal is about the highest peak of all.",
        "After each start: /metrics; a decision, from its POST to its answer; GET /v1/hitl, which lists all items at "
        "once; and two commands beside `up`. /metrics and the decision are made on the loop, and nothing else is "
        "answered meanwhile; the list is made beside it.",
    ]
    return Section(
        "Parked runs",
        goals,
        ["what", "empty", f"{runs:,} parked", "ratio"],
        _rows(empties, fulls, looks, commands),
        notes,
    )


def _start(work: Workspace) -> Start:
    with work.up() as up:
        return Start(up.wall_s, up.cpu_s, process.rss_mb(up.pid))


def _look(work: Workspace, pid: int) -> Look:
    """Asks `up` what it is asked on such a store, and decides the oldest item."""
    with work.reading() as db:
        ((item,),) = db.execute(
            "SELECT json_extract(items, '$[0].id') FROM runs WHERE items IS NOT NULL ORDER BY saga_id LIMIT 1"
        ).fetchall()
    metrics = _ask(work, "GET", "/metrics")
    decision = _ask(work, "POST", f"/v1/hitl/{item}", {"decision": "approve", "note": "bench", "actor": "bench"})
    decided = process.rss_mb(pid)
    items = _ask(work, "GET", "/v1/hitl")
    return Look(metrics, decision, decided, items, process.rss_mb(pid), process.peak_mb(pid))


def _ask(work: Workspace, method: str, path: str, body: object = None) -> float:
    """Milliseconds to the end of the answer. Raises Failed for one that is not 200."""
    connection = http.client.HTTPConnection("127.0.0.1", work.port, timeout=60)
    try:
        connection.connect()
        began = time.perf_counter()
        content = None if body is None else orjson.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        words = response.read()
        took = (time.perf_counter() - began) * 1e3
    finally:
        connection.close()
    if response.status != 200:
        raise Failed(f"{method} {path} answered {response.status}: {words[:300].decode(errors='replace')}")
    return took


def _rows(
    empties: list[Start], fulls: list[Start], looks: list[Look], commands: dict[str, list[Command]]
) -> list[list[str | float]]:
    def pair(what: str, scale: float, empty: list[float], full: list[float]) -> list[str | float]:
        ratio = median(b / a for a, b in zip(empty, full, strict=True))
        return [what, median(empty) * scale, median(full) * scale, ratio]

    rows = [
        pair("start to ready, ms", 1e3, [s.wall_s for s in empties], [s.wall_s for s in fulls]),
        pair("start to ready, CPU ms", 1e3, [s.cpu_s for s in empties], [s.cpu_s for s in fulls]),
        pair("RSS when ready, MB", 1, [s.rss_mb for s in empties], [s.rss_mb for s in fulls]),
    ]
    for what, values in {
        "/metrics, ms": [look.metrics_ms for look in looks],
        "a decision, ms": [look.decision_ms for look in looks],
        "RSS after the decision, MB": [look.decided_mb for look in looks],
        "GET /v1/hitl, ms": [look.items_ms for look in looks],
        "RSS after the list, MB": [look.listed_mb for look in looks],
        "peak, MB": [look.peak_mb for look in looks],
    }.items():
        rows.append([what, "", median(values), ""])
    for words, took in commands.items():
        rows.append([f"`hms-orch {words}`, ms", "", median(each.wall_s for each in took) * 1e3, ""])
        rows.append([f"`hms-orch {words}`, CPU ms", "", median(each.cpu_s for each in took) * 1e3, ""])
    return rows
