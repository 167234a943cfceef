"""The disk under the journal: latency, a full disk, a failed fsync whose outcome nobody knows, a power cut at a commit.

The journal is the real group commit; only its writer thread is replaced by callbacks in virtual time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from hms_orch_cli.errors import StoreFailed, StoreFull
from hms_orch_cli.event_store.group_commit import BATCH, GroupCommit
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.ports.store import Append, Derived, Event
from hms_orch_cli.rehearsal.virtual_time import Agenda, Loop, PowerCut

from .faults import Plan

AT_A_COMMIT = ("crash before append", "disk full", "fsync failed, lost")
BEHIND_A_COMMIT = ("fsync failed, kept", "crash after append")

Committed = Callable[[list[Event], Derived | None, int], None]
"""(events that are in the log now, derived rows written with them, head of the log before)"""


class Disk:
    """What outlives a process."""

    def __init__(self, plan: Plan, on_commit: Committed) -> None:
        self.store = MemoryStore()
        self.plan = plan
        self._on_commit = on_commit

    def write(self, batch: Sequence[Append], derived: Derived | None) -> list[int | Exception]:
        """Appends, and lets the oracle see what is in the log now."""
        before = self.store.last_seq()
        if derived is not None:
            self._on_commit([], derived, before)
        results = self.store.append(batch, derived)
        self._on_commit(self.store.read_all(before, 1 << 30), None, before)
        return results


class ProcessStore:
    """The event store as one process has it: writing with faults, reading without, but for a power cut at a start."""

    def __init__(self, disk: Disk, loop: Loop, violated: Callable[[str, str], None]) -> None:
        self._disk = disk
        self._loop = loop
        self._violated = violated
        self._failed = False
        self.reads_to_live: int | None = None
        """reads after which the power goes out; None: it does not"""

    def append(self, batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        """See `ports.EventStore.append`."""
        plan = self._disk.plan
        if self._loop.dead:
            raise PowerCut
        if self._failed:
            self._violated("L6", "the process wrote again after a commit of unknown outcome")
        fault = plan.pick(AT_A_COMMIT)
        if fault:
            plan.fire(fault)
            if fault == "disk full":
                raise StoreFull("no space is left")
            if fault == "crash before append":
                self._loop.kill()
                raise PowerCut
            self._failed = True
            raise StoreFailed("the commit failed, and nobody knows")
        results = self._disk.write(batch, derived)
        fault = plan.pick(BEHIND_A_COMMIT)
        if fault:
            plan.fire(fault)
            if fault == "crash after append":
                self._loop.kill()
                raise PowerCut
            self._failed = True
            raise StoreFailed("the commit failed, and it is in the log")
        return results

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._disk.store, name)
        if self.reads_to_live is not None:
            self.reads_to_live -= 1
            if self.reads_to_live < 0:
                self._disk.plan.fire("crash in recovery")
                self._loop.kill()
                raise PowerCut
        return verb


class _NoThread:
    """Stands where the writer thread would."""

    def join(self) -> None:
        """Nothing to wait for."""


class Journal(GroupCommit):
    """The real journal, its writer in virtual time: a commit takes a while, and so does the way back to the loop."""

    def __init__(self, store: ProcessStore, agenda: Agenda, latency: Callable[[], float], **keys: Any) -> None:
        self._agenda = agenda
        self._latency = latency
        self._handed: deque[Any] = deque()
        self._writing = False
        self._deliver_at = 0.0
        super().__init__(store, **keys)
        self._queue = self  # type: ignore[assignment]  # of the queue only `put` is used outside the thread

    def _start_writer(self) -> Any:
        return _NoThread()

    def put(self, tickets: Any) -> None:
        """Takes what the real journal hands over to its thread."""
        self._handed.append(tickets)
        if not self._writing:
            self._write_next()

    def _write_next(self) -> None:
        self._writing = False
        if not self._handed:
            return
        tickets = self._handed.popleft()
        if tickets is None:
            self._loop.call_at(self._deliver_at, self._ended.set_result, None)
            return
        while self._handed and len(tickets) < BATCH:
            following = self._handed[0]
            if following is None or following[0].derived is not None:
                break
            tickets += self._handed.popleft()
        self._writing = True
        self._loop.call_later(self._latency(), self._write_now, tickets)

    def _write_now(self, tickets: Any) -> None:
        answer = self._commit(tickets)
        self._deliver_at = max(self._deliver_at, self._agenda.now + self._latency() / 4)
        self._loop.call_at(self._deliver_at, self._deliver, tickets, *answer)
        self._write_next()
