"""A process that appends through a group commit until it is killed, and prints each position once it is acknowledged.

python writing.py PATH STREAMS
"""

from __future__ import annotations

import asyncio
import sys

from hms_orch_cli.event_store.group_commit import GroupCommit
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.ports.store import NewEvent


async def main() -> None:
    store = SqliteStore(sys.argv[1])
    journal = GroupCommit(store, inline=lambda: True)

    async def write(stream: str) -> None:
        version = len(store.read(stream))
        while True:
            name = f"{stream} {version + 1}"
            event = NewEvent(name, "hms-orch", "saga.fact", "2025-03-01T12:00:00.000Z", '{"n": 1}')
            seq = await journal.append(stream, [event], version)
            version += 1
            print(seq, name, flush=True)

    await asyncio.gather(*(write(f"run/{n}") for n in range(int(sys.argv[2]))))


asyncio.run(main())
