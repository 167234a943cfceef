"""`python -m bench.taker FOLDER [--forget]`: the server of `hms-orch up` over the store of a folder, and nothing else.

With --forget it answers the same requests after the same checks, and stores nothing: what is left is the cost of HTTP.
Says its port on the first line, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import uvloop

from hms_orch_cli.application.publish import Published
from hms_orch_cli.config import load
from hms_orch_cli.dashboard.app import App
from hms_orch_cli.dashboard.callers import Register
from hms_orch_cli.dashboard.serve import bind
from hms_orch_cli.ports.store import NewEvent
from hms_orch_cli.wiring import assemble, open_store


async def serve(folder: Path, forget: bool) -> None:
    """Until standard input ends."""
    config = replace(load(folder), port=0)
    store = open_store(config)
    server = bind(config.host, 0)
    works = assemble(config, store, [], server.shown_url)
    office = works.open_office()
    if forget:
        office.publish = _forgetting()  # type: ignore[method-assign]
    await server.start(App(works.orchestrator, lambda: office, register=Register(works.tokens)))
    works.orchestrator.start()
    print(server.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await works.orchestrator.stop()
    await server.stop()
    await works.journal.close()
    store.close()


def _forgetting() -> Callable[[Sequence[NewEvent]], Awaitable[list[Published]]]:
    positions = count(1)

    async def publish(events: Sequence[NewEvent]) -> list[Published]:
        return [Published(next(positions), duplicate=False) for _ in events]

    return publish


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), "--forget" in sys.argv[2:]))
