"""One run alone: from the event to the first byte at the target, against a bare durable append plus a bare call."""

from __future__ import annotations

import asyncio
import http.client
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import orjson

from bench import product, target
from bench.process import Failed
from bench.product import Workspace
from bench.report import Goal, Section
from bench.saga import DATA, STEPS, TRIGGER, body, headers, saga_id
from bench.target import Target


def measure(quick: bool) -> Section:
    """Samples of all kinds turn and turn about; medians."""
    samples = 40 if quick else 300
    with target.running() as at, product.workspace(at.url) as work, work.up(), _bare(at) as (append, call):
        run, ingress, bare, appends, calls = [], [], [], [], []
        events = _Events(work)
        for number in range(samples + 20):
            one = events.first_byte(at, number)
            two = events.unheard(number)
            three, four = append(number), call(number)
            if number >= 20:  # the first ones open connections and fill caches
                run.append(one)
                ingress.append(two)
                appends.append(three)
                calls.append(four)
                bare.append(three + four)
        events.close()
    ratio = median(run) / median(bare)
    rows: list[list[str | float]] = [
        _row("POST /v1/events sent, to first byte at the target", run),
        _row("bare durable append + bare call", bare),
        _row("of it: append of one row, WAL, synchronous=FULL", appends),
        _row("of it: POST to the target through pyreqwest, answer read", calls),
        _row("besides: POST /v1/events that starts nothing, to its 202", ingress),
    ]
    notes = [
        f"{samples} samples of each, turn and turn about, one at a time. The clock starts before the event's "
        "own HTTP request is sent, so the cost of taking an event over HTTP is in the figure.",
    ]
    goals = [Goal("one run alone, event to first byte, of append + call", ratio, 4, " times", at_most=True)]
    return Section("One run alone", goals, ["what", "p50 ms", "p90 ms"], rows, notes)


def _row(what: str, seconds: list[float]) -> list[str | float]:
    return [what, median(seconds) * 1e3, quantiles(seconds, n=10)[-1] * 1e3]


class _Events:
    """Posts events to a running `up` over one kept connection."""

    def __init__(self, work: Workspace) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", work.port, timeout=10)
        self._connection.connect()

    def first_byte(self, at: Target, number: int) -> float:
        """Seconds from sending an event to the first byte of the run's first call; returns when the run is over."""
        at.reset()
        began = self._post(TRIGGER, f"run-{number}")[0]
        first, last = STEPS[0].path, STEPS[-1].path
        for _ in range(250):
            time.sleep(0.01)  # and no question in the moments that are measured
            if at.count().get(last):
                break
        arrived = at.last_ns(first)
        if arrived is None:
            raise Failed("an event started no run within 2.5 s")
        time.sleep(0.01)  # the run's last facts settle
        return (arrived - began) / 1e9

    def unheard(self, number: int) -> float:
        """Seconds that an event costs which no saga listens to, to its 202."""
        began, ended = self._post("bench.unheard", f"unheard-{number}")
        return (ended - began) / 1e9

    def _post(self, kind: str, number: str) -> tuple[int, int]:
        event = {"specversion": "1.0", "id": number, "source": "bench", "type": kind, "data": DATA}
        content, kept = orjson.dumps(event), {"Content-Type": "application/cloudevents+json"}
        began = time.monotonic_ns()
        self._connection.request("POST", "/v1/events", content, kept)
        response = self._connection.getresponse()
        words = response.read()
        ended = time.monotonic_ns()
        if response.status != 202:
            raise Failed(f"POST /v1/events answered {response.status}: {words.decode(errors='replace')[:300]}")
        return began, ended

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _bare(at: Target) -> Iterator[tuple[Callable[[int], float], Callable[[int], float]]]:
    """A durable append of one row and a call, each timed in seconds."""
    import apsw
    import uvloop
    from pyreqwest.client import ClientBuilder

    with (
        tempfile.TemporaryDirectory(prefix="hms-bench-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        db = apsw.Connection(str(Path(folder) / "bare.db"))
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, data TEXT)")
        client = ClientBuilder().no_proxy().follow_redirects(False).build()

        def append(number: int) -> float:
            row = body(saga_id(number), STEPS[0], {}).decode()
            began = time.perf_counter()
            db.execute("INSERT INTO events (data) VALUES (?)", (row,))
            return time.perf_counter() - began

        async def timed_call(number: int) -> float:
            run = saga_id(number)
            content, fields = body(run, STEPS[0], {}), headers(run, STEPS[0])
            began = time.perf_counter()
            response = await client.post(f"{at.url}/bare").headers(fields).body_bytes(content).build().send()
            await response.bytes()
            return time.perf_counter() - began

        try:
            yield append, lambda number: runner.run(timed_call(number))
        finally:
            runner.run(client.close())
            db.close()
