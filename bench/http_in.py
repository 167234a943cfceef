"""Events over HTTP: one a request beside the same server without storing, in batches beside appending in process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.process import Failed
from bench.report import Goal, Section
from hms_orch_cli.application.incoming import event_from
from hms_orch_cli.application.publish import publish
from hms_orch_cli.event_store.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS = 64
BATCH = 500
BATCH_CONNECTIONS = 8
NOBODY = "bench.nobody.listens"
LIMIT = 1 << 20


class Round(NamedTuple):
    """Events a second of each."""

    forgetting: float
    singles: float
    single_p50_ms: float
    single_p99_ms: float
    batches: float
    in_process: float


def measure(quick: bool) -> Section:
    """Rounds of all four, turn and turn about."""
    rounds, singles, batches = (1, 4_000, 40) if quick else (5, 30_000, 200)
    found = [_round(singles, batches) for _ in range(rounds)]
    goals = [
        Goal(
            "events over HTTP, one a request, of the same server without storing",
            median(each.singles / each.forgetting for each in found),
            0.5,
        ),
        Goal(
            f"events over HTTP in batches of {BATCH}, of appending in process",
            median(each.batches / each.in_process for each in found),
            0.4,
        ),
    ]
    head = ["round", "of not storing", "of in process", "not storing, events/s", "one a request, events/s"]
    head += ["its p50 ms", "its p99 ms", "batches, events/s", "in process, events/s"]
    rows: list[list[str | float]] = [
        [str(number), each.singles / each.forgetting, each.batches / each.in_process, *each]
        for number, each in enumerate(found, 1)
    ]
    notes = [
        f"One a request: {singles:,} events of a type that nothing listens to, {CONNECTIONS} connections, each answer "
        "durable before it is sent. Not storing: the same server and checks, whose publishing only counts; measured "
        "before and after, and the mean of both taken.",
        f"Batches: {batches:,} of {BATCH} events, {BATCH_CONNECTIONS} connections. In process: the same events, as they "
        f"are stored, published into a store of their own, {BATCH} a commit.",
    ]
    return Section("Events over HTTP", goals, head, rows, notes)


def _round(singles: int, batches: int) -> Round:
    with tempfile.TemporaryDirectory(prefix="hms-bench-") as name:
        with taker(Path(name), "--forget") as port:
            before = post(port, singles, CONNECTIONS)
        with taker(Path(name)) as port:
            one = post(port, singles, CONNECTIONS)
            many = post(port, batches, BATCH_CONNECTIONS, BATCH)
        in_process = _in_process(Path(name), batches)
        with taker(Path(name), "--forget") as port:
            after = post(port, singles, CONNECTIONS)
    forgetting = (_rate(before) + _rate(after)) / 2
    return Round(forgetting, _rate(one), one["p50_ms"], one["p99_ms"], _rate(many), in_process)


@contextmanager
def taker(folder: Path, *words: str) -> Iterator[int]:
    """A running `bench.taker`; its port."""
    command = [sys.executable, "-m", "bench.taker", str(folder), *words]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    try:
        if not (port := child.stdout.readline()):
            raise Failed("the server did not start")
        yield int(port)
    finally:
        child.stdin.close()
        child.wait(60)
        child.stdout.close()


def post(port: int, count: int, connections: int, batch: int = 0, kind: str = NOBODY) -> dict[str, Any]:
    """What `bench.publisher` found."""
    command = [sys.executable, "-m", "bench.publisher", *map(str, (port, count, connections, batch, kind))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    if done.returncode != 0:
        raise Failed(f"publishing failed: {done.stderr[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _rate(found: dict[str, Any]) -> float:
    rate: float = found["events"] / found["seconds"]
    return rate


def _in_process(folder: Path, batches: int) -> float:
    """Events a second, as `hms-bus publish --lines` takes them without a server."""
    made = []
    for batch in range(batches):
        attributes = [
            {"id": f"in-process-{batch}-{n}", "source": "bench", "type": NOBODY, "specversion": "1.0"}
            for n in range(BATCH)
        ]
        data = f'{{"policyId":"dol.unemployment.v3","n":{batch}}}'
        made.append([event_from(each, data, 1_764_000_000_000, LIMIT) for each in attributes])
    store = SqliteStore(folder / "in-process.db")
    began = time.perf_counter()
    for events in made:
        publish(store, events)
    seconds = time.perf_counter() - began
    store.close()
    return batches * BATCH / seconds
