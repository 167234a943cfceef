"""The journal for `up`: one writer thread takes everything that waits and commits it once.

A batch forms by itself while the commit before it is on its way to the disk, and it is gathered as long as each turn
of the loop brings more: a commit costs as much processor time as some twenty rows, so where many runs are under way a
few of them waiting for one another is the faster way for all, and where few are nothing waits. The loop hands over
through one queue, so the order of calls is the order in the log; the thread hands a whole batch of results back with
one wake-up of the loop. When nothing at all is on its way, an append may be committed on the loop's own thread, which
saves two changes of thread, about 0.9 ms (`inline`); the writer thread sleeps then, so there are never two at once.
What comes from outside is looked at a turn later for that, and not at all while others have come in the same moment:
each of many publishers would wait for the commits of all before it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from queue import SimpleQueue
from time import perf_counter
from typing import Final, NamedTuple

from hms_orch_cli.errors import StoreError, StoreFull, StoreHeld
from hms_orch_cli.event_store.batch import appends_of
from hms_orch_cli.event_store.inline import merged
from hms_orch_cli.ports.store import Append, Derived, EventStore, NewEvent, Together
from hms_orch_cli.views.histogram import Histogram

BATCH: Final = 512
"""Weight of one commit at most, but for its last member: it bounds how long the first of them waits."""

GATHERED: Final = 64
"""Weight that is handed over without waiting for more."""

WAITING: Final = 32_768
"""Weight under way past which nothing more is taken from outside."""

BEGUN: Final = 4_096
"""Weight under way past which the process begins nothing of its own accord, so that there is room for the outside."""

WEIGHED_BYTES: Final = 4_096
"""An append weighs 1; together with others it weighs 1 more for so many characters of its data, so that what waits is
bounded in bytes as well."""

COMMIT_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Bounds of the histogram of commits, in seconds."""

COMPANY_S: Final = 0.02
"""For so long after several came at once, nothing from outside is committed on the loop's thread."""

DERIVE_AFTER_S: Final = 0.2
"""Derived rows that no append takes along are written by themselves after this time."""


_PASSING: Final = (StoreFull, StoreHeld)
"""Errors that end by themselves or by a person's hand: nothing of the batch is in the log, the next one may be."""


_FOLDED: Final = ("run/", "hitl/")
"""Streams whose facts the process has folded before they are durable. Once one of them is lost, whatever it decides
from then on may rest on what is not in the log (a run has the lock that its holder there has still): no more of them is
written."""


class _Ticket(NamedTuple):
    """Something to commit. Without `member` it is derived rows alone."""

    member: Append | Together | None
    future: asyncio.Future[int] | None
    derived: Derived | None
    weight: int = 1


class GroupCommit:
    """Journal over a store, for the running event loop; every method is to be called on that loop's thread.

    `inline` says whether the caller has nothing else to do meanwhile, so that a commit on the loop's thread keeps
    nobody waiting. `on_failure` is called once, on the loop, when the store fails; every append fails from then on.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        inline: Callable[[], bool] = lambda: False,
        on_failure: Callable[[Exception], None] = lambda _: None,
        waiting_limit: int = WAITING,
        begun_limit: int = BEGUN,
    ) -> None:
        self.inline = inline
        self.on_failure = on_failure
        self.commits = 0
        self.seconds = Histogram(COMMIT_S)
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._limit = waiting_limit
        self._begun_limit = begun_limit
        self._wanting_room: list[asyncio.Future[None]] = []
        self._under_way = 0
        self._derived: Derived | None = None
        self._deriving = 0
        """writes of derived rows on their way"""
        self._rows_lost = False
        """a full disk refused some: the next ones, which say that they are folded further, are not written either"""
        self._derives = True
        self._timer: asyncio.TimerHandle | None = None
        self._failure: Exception | None = None
        self._broken: Exception | None = None
        self._lost: Exception | None = None
        self._ended = self._loop.create_future()
        self._closing = False
        self._gathered: list[_Ticket] = []
        self._counted = 0
        self._company_until = 0.0
        self._handing_over: asyncio.Handle | None = None
        self._queue: SimpleQueue[list[_Ticket] | None] = SimpleQueue()
        self._thread = self._start_writer()

    @property
    def waiting(self) -> int:
        """Weight of the tickets under way: handed over and not yet answered."""
        return self._under_way

    @property
    def is_full(self) -> bool:
        """See `ports.Journal.is_full`."""
        return self._under_way >= self._limit

    async def room(self) -> None:
        """See `ports.Journal.room`."""
        if self._under_way >= self._begun_limit:
            wanting = self._loop.create_future()
            self._wanting_room.append(wanting)
            await wanting

    def append(self, stream: str, events: Sequence[NewEvent], expected_version: int) -> Awaitable[int]:
        """See `ports.Journal.append`."""
        return self._append(Append(stream, events, expected_version), 1, at_once=True)

    def append_together(self, members: Sequence[Append]) -> Awaitable[int]:
        """See `ports.Journal.append_together`."""
        weight = sum(1 + len(event.data or "") // WEIGHED_BYTES for member in members for event in member.events)
        return self._append(Together(members), weight, at_once=False)

    def _append(self, member: Append | Together, weight: int, *, at_once: bool) -> Awaitable[int]:
        future = self._loop.create_future()
        if self._failure is not None:
            future.set_exception(self._failure)
        elif self._closing:
            future.set_exception(StoreError("the journal is closed", "start again: nothing acknowledged is lost"))
        else:
            ticket = _Ticket(member, future, self._take_derived(), weight)
            was_free = self._under_way == 0
            self._under_way += weight
            if at_once and was_free and self.inline():
                self._deliver([ticket], *self._commit([ticket]))
            else:
                self._gather(ticket)
        return future

    def _gather(self, ticket: _Ticket) -> None:
        if ticket.derived is not None:
            self._hand_over()  # derived rows open a batch: what stands before them is what they are folded to
        self._gathered.append(ticket)
        if ticket.weight >= GATHERED or len(self._gathered) >= GATHERED:
            self._hand_over()
        elif self._handing_over is None:
            self._counted = 0
            self._handing_over = self._loop.call_soon(self._look)

    def _look(self) -> None:
        """One turn of the loop later: hands over unless more keeps coming."""
        if len(self._gathered) == self._counted:
            if self._is_alone():
                self._handing_over = None
                tickets, self._gathered = self._gathered, []
                self._deliver(tickets, *self._commit(tickets))
            else:
                self._hand_over()
        else:
            self._counted = len(self._gathered)
            self._handing_over = self._loop.call_soon(self._look)

    def _is_alone(self) -> bool:
        """Whether what is gathered is one ticket from outside, the only one under way, without company of late."""
        now, first = self._loop.time(), self._gathered[0]
        if len(self._gathered) > 1 or self._under_way > first.weight:
            self._company_until = now + COMPANY_S
        alone = isinstance(first.member, Together) and first.weight < GATHERED and now >= self._company_until
        return alone and self.inline()

    def _hand_over(self) -> None:
        if self._handing_over is not None:
            self._handing_over.cancel()
            self._handing_over = None
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    def derive(self, derived: Derived) -> None:
        """See `ports.Journal.derive`. The rows must hold everything that was handed to `append` before: the position
        behind all of that is what they count as folded to."""
        if not self._derives:
            return
        self._derived = merged(self._derived, derived)
        self._wait_for_company()

    def _wait_for_company(self) -> None:
        if self._timer is None and not self._closing:
            self._timer = self._loop.call_later(DERIVE_AFTER_S, self._derive_alone)

    def _derive_alone(self) -> None:
        self._timer = None
        if self._derived is not None and self._failure is None:
            self._under_way += 1
            self._gather(_Ticket(None, None, self._take_derived()))

    def _take_derived(self) -> Derived | None:
        derived, self._derived = self._derived, None
        self._deriving += derived is not None
        return derived

    async def close(self) -> None:
        """Commits everything that waits, derived rows included, and ends the thread. The store stays open."""
        if not self._closing:
            self._closing = True
            if self._timer is not None:
                self._timer.cancel()
            self._derive_alone()
            self._hand_over()
            self._queue.put(None)
        await asyncio.shield(self._ended)
        self._thread.join()

    def _start_writer(self) -> threading.Thread:
        thread = threading.Thread(target=self._write, name="journal", daemon=True)
        thread.start()
        return thread

    def _write(self) -> None:
        """The writer thread."""
        tickets = self._queue.get()
        while tickets is not None:
            following: list[_Ticket] | None = []
            weight = _weight(tickets)
            while weight < BATCH and not self._queue.empty():
                following = self._queue.get()
                if following is None or following[0].derived is not None:
                    break
                tickets += following
                weight += _weight(following)
                following = []
            self._loop.call_soon_threadsafe(self._deliver, tickets, *self._commit(tickets))
            tickets = self._queue.get() if following == [] else following
        self._loop.call_soon_threadsafe(self._ended.set_result, None)

    def _commit(self, tickets: Sequence[_Ticket]) -> tuple[list[int | Exception], Exception | None, Derived | None]:
        """Commits the tickets; on the writer thread, or on the loop's while that one sleeps. Only the first of them
        has derived rows; they are returned with the position they are folded to."""
        derived = tickets[0].derived
        if self._broken is not None:
            return [], self._broken, derived
        if derived is not None and derived.folded_to is None:
            # Rows that were made before anybody knew of a loss show what was lost.
            derived = derived._replace(folded_to=self._store.last_seq()) if self._lost is None else None
        members = [ticket.member for ticket in tickets if ticket.member is not None]
        began = perf_counter()
        try:
            kept = [m for m in members if self._lost is None or not _is_folded(m)]
            results = self._store.append(kept, None if self._rows_lost else derived)
        except Exception as error:  # noqa: BLE001 a bug too has to reach those who wait, not die with the thread
            if not isinstance(error, _PASSING):
                self._broken = error
            elif self._lost is None and _loses_facts(tickets):
                self._lost = error
            self._rows_lost = self._rows_lost or derived is not None
            return [], error, derived
        self.commits += 1
        self.seconds.observe(perf_counter() - began)
        if (lost := self._lost) is not None:
            written = iter(results)
            results = [lost if _is_folded(member) else next(written) for member in members]
        return results, None, derived

    def _deliver(
        self,
        tickets: Sequence[_Ticket],
        results: list[int | Exception],
        error: Exception | None,
        derived: Derived | None,
    ) -> None:
        """Answers the tickets, on the loop."""
        self._under_way -= _weight(tickets)
        self._deriving -= derived is not None
        if self._wanting_room and self._under_way <= self._begun_limit // 2:
            self._make_room()
        if error is not None:
            self._fail(tickets, error, derived)
            return
        answers = iter(results)
        for ticket in tickets:
            future = ticket.future
            if future is None:
                continue
            result = next(answers)
            if future.done():
                continue
            if isinstance(result, int):
                future.set_result(result)
            else:
                future.set_exception(result)

    def _make_room(self) -> None:
        """Those who wanted to begin something may."""
        wanting, self._wanting_room = self._wanting_room, []
        for each in wanting:
            if not each.done():
                each.set_result(None)

    def _fail(self, tickets: Sequence[_Ticket], error: Exception, derived: Derived | None) -> None:
        if isinstance(error, _PASSING):
            if derived is not None and not self._deriving:  # they wait for the next commit; newer ones win
                self._derived = derived if self._derived is None else merged(derived, self._derived)
                self._rows_lost = False
            elif derived is not None:  # newer ones were on their way, without these: the next start folds them all
                self._derives, self._derived = False, None
            if _loses_facts(tickets):
                # Facts that whoever makes the rows has folded are not in the log: from here on rows would lie.
                self._derives, self._derived = False, derived
            if self._derived is not None:
                self._wait_for_company()
        elif self._failure is None:
            self._failure = error
            self.on_failure(error)
        for ticket in tickets:
            if ticket.future is not None and not ticket.future.done():
                ticket.future.set_exception(error)


def _loses_facts(tickets: Sequence[_Ticket]) -> bool:
    """Whether these, if they are not written, leave the process with facts that the log does not have."""
    return any(ticket.member is not None and _is_folded(ticket.member) for ticket in tickets)


def _is_folded(member: Append | Together) -> bool:
    return any(each.stream.startswith(_FOLDED) for each in appends_of((member,)))


def _weight(tickets: Sequence[_Ticket]) -> int:
    return sum(ticket.weight for ticket in tickets)
