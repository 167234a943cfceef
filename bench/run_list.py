"""The list of runs over HTTP, in a store of a hundred thousand runs beside one of a hundred."""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from statistics import quantiles

import orjson

from bench import product
from bench.process import Failed
from bench.product import Workspace
from bench.report import Goal, Section
from bench.saga import TRIGGER

FEW = 100
PAGE = 100
YAML = f"""
id: bench.quick.v1
trigger: {TRIGGER}
steps:
  - name: nothing
    when: "false"
    call: nobody:/never
"""
"""A run that is over without a call: it is the rows that count here."""

QUESTIONS = {
    "the newest": "/v1/sagas?limit=100",
    "of one saga": "/v1/sagas?limit=100&saga=bench.quick.v1",
    "of a state that none is in": "/v1/sagas?limit=100&state=failed",
    "of a state that all are in": "/v1/sagas?limit=100&state=completed",
    "ten pages back": "/v1/sagas?limit=10&before={}",
}


def measure(quick: bool) -> Section:
    """Both stores are asked the same, turn and turn about."""
    many, samples = (3_000, 40) if quick else (100_000, 300)
    with (
        product.workspace("http://127.0.0.1:9", YAML) as small,
        product.workspace("http://127.0.0.1:9", YAML) as large,
    ):
        for work, count in ((small, FEW), (large, many)):
            work.publish(count)
            work.up_until_idle()
            if work.count("saga.completed") != count:
                raise Failed(f"of {count} runs {work.count('saga.completed')} are over")
        with small.up(), large.up():
            found = {name: _ask(small, large, path, samples) for name, path in QUESTIONS.items()}
    rows: list[list[str | float]] = []
    for name, (few, lots) in found.items():
        rows.append([name, _p95(lots) / _p95(few), _p95(few), _p95(lots)])
    worst = max(_p95(lots) / _p95(few) for few, lots in found.values())
    goals = [Goal(f"list of runs with {many:,} stored, p95, of that with {FEW}", worst, 3, " times", at_most=True)]
    head = ["runs asked for", "times", f"p95 ms with {FEW}", f"p95 ms with {many:,}"]
    notes = [f"{samples} of each over one kept connection, one at a time; the goal is for the worst of them."]
    return Section("The list of runs", goals, head, rows, notes)


def _ask(small: Workspace, large: Workspace, path: str, samples: int) -> tuple[list[float], list[float]]:
    few, lots = [], []
    ends = [http.client.HTTPConnection("127.0.0.1", work.port, timeout=20) for work in (small, large)]
    paths = [path.format(_place(end)) for end in ends]
    for _ in range(samples):
        for end, each, into in zip(ends, paths, (few, lots), strict=True):
            began = time.perf_counter()
            _get(end, each)
            into.append((time.perf_counter() - began) * 1e3)
    for end in ends:
        end.close()
    return few, lots


def _place(end: http.client.HTTPConnection) -> str:
    """The last of the newest hundred less ten: there is a page behind it in either store."""
    return str(_get(end, "/v1/sagas?limit=90")["sagas"][-1]["sagaId"])


def _get(end: http.client.HTTPConnection, path: str) -> dict[str, list[dict[str, object]]]:
    end.request("GET", path)
    answer = end.getresponse()
    raw = answer.read()
    if answer.status != 200:
        raise Failed(f"{path} was answered {answer.status}")
    found: dict[str, list[dict[str, object]]] = orjson.loads(raw)
    return found


def _p95(samples: Sequence[float]) -> float:
    return quantiles(samples, n=20)[-1]
