"""The event store in memory: nothing survives the process. For trying things out, tests and the simulation.

One writer at a time; readers in other threads see whole batches, since the log grows by one list operation each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter

from hms_orch_cli.event_store.batch import FOLDED_TO, HAVING, OF_RUNS, appends_of, lay
from hms_orch_cli.event_store.chain import START
from hms_orch_cli.ports.store import Append, Derived, Event, Having, RunRow, Together


class MemoryStore:
    """EventStore and DerivedTables over plain lists and dicts."""

    def __init__(self) -> None:
        self._head = START
        self._log: list[Event] = []
        self._streams: dict[str, list[Event]] = {}
        self._arrivals: list[Event] = []
        self._runs: dict[str, RunRow] = {}
        self._marks: dict[str, str] = {}

    def append(self, batch: Sequence[Append | Together], derived: Derived | None = None) -> list[int | Exception]:
        """See `ports.EventStore.append`."""
        before = self._head.seq
        versions = {member.stream: len(self._streams.get(member.stream, ())) for member in appends_of(batch)}
        laid = lay(batch, self._head, versions)
        events = [Event._make(row) for row in laid.rows]
        for event in events:
            self._streams.setdefault(event.stream, []).append(event)
        self._arrivals += [event for event in events if not event.stream.startswith("run/")]
        self._log += events
        self._head = laid.head
        if derived is not None:
            self._runs.update((row.saga_id, row) for row in derived.runs)
            self._marks.update(derived.marks)
            self._marks[FOLDED_TO] = str(before if derived.folded_to is None else derived.folded_to)
        return laid.results

    def read(self, stream: str, after: int = 0) -> list[Event]:
        """See `ports.EventStore.read`."""
        return self._streams.get(stream, [])[after:]

    def read_all(self, after: int, limit: int, *, arrivals: bool = False) -> list[Event]:
        """See `ports.EventStore.read_all`."""
        if not arrivals:
            return self._log[after : after + limit]
        first = bisect_right(self._arrivals, after, key=attrgetter("seq"))
        return self._arrivals[first : first + limit]

    def read_type(self, kind: str, after: int, to: int, limit: int) -> list[Event]:
        """See `ports.LogReader.read_type`."""
        events = self._log if kind.startswith(OF_RUNS) else self._arrivals
        first, end = (bisect_right(events, seq, key=attrgetter("seq")) for seq in (after, to))
        return list(islice((event for event in events[first:end] if event.type == kind), limit))

    def scan(self, after: int = 0) -> Iterator[Event]:
        """Every event above `after`, in order, as long as there is one."""
        return islice(self._log, after, None)

    def last_seq(self) -> int:
        """See `ports.EventStore.last_seq`."""
        return self._head.seq

    def arrivals(self, after: int, limit: int) -> int:
        """See `ports.LogReader.arrivals`."""
        return min(len(self._arrivals) - bisect_right(self._arrivals, after, key=attrgetter("seq")), limit)

    def last_of_runs(self) -> int:
        """See `ports.LogReader.last_of_runs`."""
        return next((event.seq for event in reversed(self._log) if event.stream.startswith("run/")), 0)

    def close(self) -> None:
        """Nothing to let go of."""

    def folded_to(self) -> int:
        """See `ports.DerivedTables.folded_to`."""
        return int(self._marks.get(FOLDED_TO, "0"))

    def mark(self, name: str) -> str | None:
        """See `ports.DerivedTables.mark`."""
        return self._marks.get(name)

    def run_row(self, saga_id: str) -> RunRow | None:
        """See `ports.DerivedTables.run_row`."""
        return self._runs.get(saga_id)

    def run_rows(
        self,
        *,
        saga: str | None = None,
        states: Sequence[str] = (),
        event_seq: int | None = None,
        unfinished: bool = False,
        having: Having | None = None,
        parked: bool | None = None,
        due_to: int | None = None,
        text: str = "",
        before: str | None = None,
        limit: int = 100,
    ) -> list[RunRow]:
        """See `ports.DerivedTables.run_rows`."""
        fitting = (
            row
            for row in sorted(self._runs.values(), reverse=True)
            if (saga is None or row.saga == saga)
            and (not states or row.state in states)
            and (event_seq is None or row.event_seq == event_seq)
            and (not unfinished or row.ended_at is None)
            and (having is None or getattr(row, HAVING[having]) is not None)
            and (parked is None or row.parked == parked)
            and (due_to is None or (row.due_at is not None and row.due_at <= due_to))
            and (before is None or row.saga_id < before)
            and (not text or row.mentions(text))
        )
        return list(islice(fitting, limit))

    def next_due(self, after: int) -> int | None:
        """See `ports.DerivedTables.next_due`."""
        parked = (row.due_at for row in self._runs.values() if row.parked and row.ended_at is None)
        return min((due for due in parked if due is not None and due > after), default=None)

    def oldest_run(self, having: Having | None = None) -> RunRow | None:
        """See `ports.DerivedTables.oldest_run`."""
        fitting = (
            row
            for row in self._runs.values()
            if row.ended_at is None and (having is None or getattr(row, HAVING[having]) is not None)
        )
        return min(fitting, default=None)

    def count_by_state(self) -> dict[tuple[str, str], int]:
        """See `ports.DerivedTables.count_by_state`."""
        return dict(Counter((row.saga, row.state) for row in self._runs.values() if row.ended_at is None))

    def count_by_revision(self) -> dict[tuple[str, str], int]:
        """See `ports.DerivedTables.count_by_revision`."""
        return dict(Counter((row.saga, row.revision) for row in self._runs.values() if row.ended_at is None))

    def forget_derived(self) -> None:
        """Throws the derived tables away: they are folded to 0 again."""
        self._runs.clear()
        self._marks.clear()
