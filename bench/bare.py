"""The bare loop: the same calls through the same client (pyreqwest on uvloop), storing nothing, signing nothing.

What a durable orchestrator around this client cannot beat. `python -m bench.bare URL RUNS INFLIGHT` prints one line of
JSON; with `group` as a fourth argument, each run is the four calls of the group, side by side.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import orjson
from pyreqwest.client import ClientBuilder

from bench.saga import GROUP, STEPS, Step, body, headers, saga_id


async def measure(url: str, runs: int, inflight: int, group: bool = False) -> dict[str, float]:
    """Runs `runs` sagas, `inflight` at a time: runs per second, and CPU microseconds per run (all threads)."""
    async with ClientBuilder().no_proxy().follow_redirects(False).build() as client:

        async def call(run: str, step: Step, context: dict[str, Any]) -> Any:
            request = client.post(url + step.path).headers(headers(run, step)).body_bytes(body(run, step, context))
            response = await request.build().send()
            if response.status != 200:
                raise SystemExit(f"the target answered {response.status}")
            return orjson.loads(memoryview(await response.bytes()))

        numbers = iter(range(runs))

        async def straight(run: str) -> None:
            context: dict[str, Any] = {}
            for step in STEPS:
                context[step.name] = await call(run, step, context)

        async def side_by_side(run: str) -> None:
            await asyncio.gather(*(call(run, step, {}) for step in GROUP))

        one = side_by_side if group else straight

        async def worker() -> None:
            for number in numbers:
                await one(saga_id(number))

        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(inflight)))
        seconds = time.perf_counter() - began
        return {"runs_s": runs / seconds, "cpu_us": (time.process_time() - cpu) / runs * 1e6}


if __name__ == "__main__":
    import uvloop

    print(json.dumps(uvloop.run(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] == ["group"]))))
