"""A store whose commits a test holds up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from hms_orch_cli.event_store.group_commit import GroupCommit
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.ports.store import Append, Derived

from .making import event


class Gate(MemoryStore):
    """A store whose commits wait until the gate opens, and fail as told."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()
        self.errors: dict[int, Exception] = {}
        self.batches: list[int] = []
        self.threads: list[str] = []

    def append(self, batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        self.batches.append(len(batch))
        self.threads.append(threading.current_thread().name)
        self.entered.release()
        assert self.open.wait(30)
        if error := self.errors.get(len(self.batches)):
            raise error
        return super().append(batch, derived)

    async def shut(self, journal: GroupCommit) -> asyncio.Future[int]:
        """Closes the gate with one append before it."""
        self.open.clear()
        first = asyncio.ensure_future(journal.append("run/first", [event("first")], 0))
        await asyncio.to_thread(self.entered.acquire)
        return first
