"""DBOS Transact for Python doing the same saga on SQLite. Runs in an environment of its own (see `peer.py`).

`python dbos_saga.py URL RUNS INFLIGHT FOLDER` prints one line of JSON. Each call is a step, so its answer is durable
before the next begins; a failure undoes what was done, in reverse. The client is the one that hms-orch uses, each
workflow is awaited where it starts (nothing is polled), logging is off but for errors, all else is as DBOS ships it.
`fail` as a fifth argument lets the last call of every run be refused, to show that the undo works.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from dbos import DBOS, DBOSConfig, SetWorkflowID
from pyreqwest.client import Client, ClientBuilder

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.saga import STEPS, body, headers, saga_id  # the environment does not install this project

FAIL = sys.argv[5:] == ["fail"]
client: Client
url: str


@DBOS.step()
async def call(run: str, number: int, context: dict[str, Any], op: str, result: Any) -> Any:
    """One POST; its answer is what DBOS records."""
    step = STEPS[number]
    path = step.path if op == "call" else step.undo
    if FAIL and op == "call" and number == len(STEPS) - 1:
        path = "/refuse" + path
    request = client.post(url + path).headers(headers(run, step, op))
    response = await request.body_bytes(body(run, step, context, op, result)).build().send()
    if response.status != 200:
        raise RuntimeError(f"{path} answered {response.status}")
    return orjson.loads(memoryview(await response.bytes()))


@DBOS.workflow()
async def saga(run: str) -> str:
    """Three steps forward, or all the way back."""
    context: dict[str, Any] = {}
    try:
        for number, step in enumerate(STEPS):
            context[step.name] = await call(run, number, dict(context), "call", None)
    except RuntimeError:
        for number in reversed(range(len(context))):
            await call(run, number, {}, "compensate", context[STEPS[number].name])
        return "FAILED"
    return "COMPLETED"


async def measure(runs: int, inflight: int) -> dict[str, Any]:
    """Runs `runs` sagas, `inflight` at a time."""
    global client
    ends: list[str] = []
    numbers = iter(range(runs))

    async def worker() -> None:
        for number in numbers:
            run = saga_id(number)
            with SetWorkflowID(run):
                ends.append(await saga(run))

    async with ClientBuilder().no_proxy().follow_redirects(False).build() as client:
        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(inflight)))
        seconds = time.perf_counter() - began
    return {"runs_s": runs / seconds, "completed": ends.count("COMPLETED"), "failed": ends.count("FAILED")}


def main() -> None:
    """Launches DBOS on a fresh file and prints what was measured."""
    import uvloop

    global url
    url, runs, inflight, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    database = Path(folder) / "dbos.sqlite"
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": f"sqlite:///{database}",
        "log_level": "ERROR",
        "enable_otlp": False,
    }
    DBOS(config=config)
    DBOS.launch()
    try:
        result = uvloop.run(measure(runs, inflight))
    finally:
        DBOS.destroy()
    import sqlite3

    with sqlite3.connect(database) as db:
        journal = db.execute("PRAGMA journal_mode").fetchone()[0]
        stored = db.execute("SELECT count(*) FROM operation_outputs").fetchone()[0]
    settings = f"journal_mode={journal}, synchronous and pools as shipped, log_level=ERROR, uvloop, workflows awaited"
    print(json.dumps({**result, "stored": stored, "version": version("dbos"), "settings": settings}))


if __name__ == "__main__":
    main()
