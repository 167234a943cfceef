"""The event store: an append-only log, and tables derived from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Final, Literal, NamedTuple, Protocol


class NewEvent(NamedTuple):
    """A CloudEvents 1.0 event on its way into the log.

    `data` is JSON text (None: no data). `time` is RFC 3339 in UTC. `extensions` is a JSON object as text, or None.
    No attribute holds a control character.
    """

    id: str
    source: str
    type: str
    time: str
    data: str | None
    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: str | None = None


class Event(NamedTuple):
    """An event as the log holds it: `seq` rises from 1 without a gap, `version` from 1 within its `stream`; `hash`
    (32 bytes) chains it to the event before."""

    seq: int
    stream: str
    version: int
    id: str
    source: str
    type: str
    time: str
    data: str | None
    subject: str | None
    datacontenttype: str | None
    dataschema: str | None
    extensions: str | None
    hash: bytes


Content = tuple[int, str, str, str, str | None]
"""Of an event what folds read: seq, stream, type, time, data."""


class Append(NamedTuple):
    """Events for one stream, all or none. `expected_version` is where the caller saw the stream: 0 for a new one."""

    stream: str
    events: Sequence[NewEvent]
    expected_version: int


class Together(NamedTuple):
    """Appends to several streams, all or none of them, in one commit and side by side in the log."""

    members: Sequence[Append]


class RunRow(NamedTuple):
    """One row of the run list, a derived table: everything `status` shows of a run, and what a start needs to go on.

    Times are milliseconds since 1970. `due_at` is when the run wants to move next: 0 now, None only if something from
    outside happens (or it has ended). `steps` is JSON text: `[{"name","state","attempts","summary"}]`.

    `parked` is 1 if only a person, an event, a callback or a far time moves the run, else 0: such a run is not loaded
    at a start. `lock_key` is the key of the lock that it holds or waits for; `fence` is the lock's fencing number,
    None while the run waits. `awaits` is JSON text, a list of the event types that steps wait for; `items` likewise
    the open questions to a person. Of these four, None stands for none.
    """

    saga_id: str
    saga: str
    revision: str
    state: str
    reason: str
    started_at: int
    ended_at: int | None
    due_at: int | None
    event_seq: int
    event_id: str
    event_source: str
    event_type: str
    steps: str
    parked: int = 0
    lock_key: str | None = None
    fence: int | None = None
    awaits: str | None = None
    items: str | None = None

    def mentions(self, text: str) -> bool:
        """Whether an id, a name or the reason holds `text`; of letters only A to Z stand for a to z as well."""
        told = "\n".join((self.saga_id, self.saga, self.event_id, self.event_source, self.event_type, self.reason))
        return text.translate(_LOWER) in told.translate(_LOWER)


_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)

Having = Literal["items", "lock", "awaits"]
"""What a row of the run list may have beside its state: `items`, `lock_key` or `awaits`."""


class Derived(NamedTuple):
    """A write to the derived tables: rows to insert or replace, and marks (name -> value). The store itself notes the
    position up to which the tables are folded: `folded_to`, or (None) all that was appended before this write."""

    runs: Sequence[RunRow] = ()
    marks: Mapping[str, str] = {}
    folded_to: int | None = None


class LogReader(Protocol):
    """The reading verbs of the event store."""

    def read(self, stream: str, after: int = 0) -> list[Event]:
        """The events of one stream with a version above `after`, in order."""

    def read_all(self, after: int, limit: int, *, arrivals: bool = False) -> list[Event]:
        """Up to `limit` events with a seq above `after`, in order. `arrivals`: only what is not a run's own (streams
        `run/…` are left out): what a dispatcher has to look at, at a cost that runs do not add to."""

    def read_type(self, kind: str, after: int, to: int, limit: int) -> list[Event]:
        """Up to `limit` events of one type with `after` < seq <= `to`, in order.

        Of a type that begins with `saga.` or `hitl.`, at a cost that every event in between adds to. Of any other,
        which no run records, streams `run/…` are left out, and only events of that type cost anything."""

    def last_seq(self) -> int:
        """The position of the last event, 0 for an empty log."""

    def arrivals(self, after: int, limit: int) -> int:
        """How many events with a seq above `after` are not a run's own, counted up to `limit`."""

    def last_of_runs(self) -> int:
        """The position of the last event in a stream `run/…`, 0 if there is none: what stands behind it has started
        no run yet. Costs a little for each event behind it."""


class EventStore(LogReader, Protocol):
    """The append-only log, and beside it the derived tables that can be thrown away and folded anew."""

    def append(self, batch: Sequence[Append | Together], derived: Derived | None = None) -> list[int | Exception]:
        """Appends each member of the batch in one commit, durable when this returns, and writes `derived` with it.

        One result for each member, in order: the seq of its last event, or VersionConflict if the stream is
        elsewhere (that member is left out, the others hold). Raises StoreFull if no space is left (nothing of the
        batch is in the log), StoreFailed if the outcome of the commit is unknown: then append nothing more.
        """

    def close(self) -> None:
        """Lets go of the file."""


class DerivedTables(Protocol):
    """Reading side of the derived tables."""

    def folded_to(self) -> int:
        """The position that the tables are folded to."""

    def mark(self, name: str) -> str | None:
        """A mark's value."""

    def run_row(self, saga_id: str) -> RunRow | None:
        """One row."""

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
        """Rows, newest first (saga ids rise with time); `before` is the last id of the page before.

        `text` leaves out rows that do not mention it, at a cost that each row looked at adds to.
        `due_to` (ms since 1970) leaves out what wants to move later, or not by itself. What costs nothing for other
        rows: `unfinished`, and with it `parked=False`, `parked=True` with `due_to`, or having `lock` or `awaits`;
        having `items` also without it."""

    def next_due(self, after: int) -> int | None:
        """The least `due_at` above `after` (ms since 1970) among the parked rows that are unfinished, None if there
        is none."""

    def oldest_run(self, having: Having | None = None) -> RunRow | None:
        """The unfinished run that was triggered first: ids rise with the position of the event."""

    def count_by_state(self) -> dict[tuple[str, str], int]:
        """(saga, state) -> number of runs that have not ended."""

    def count_by_revision(self) -> dict[tuple[str, str], int]:
        """(saga, revision) -> number of runs that have not ended."""
