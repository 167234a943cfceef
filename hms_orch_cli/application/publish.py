"""Publishing: an event is durable before anyone hears that it was taken, and a second time is no second event.

Each event from outside has a stream of its own, named by source and id: that it must be new is all there is to telling
a duplicate. Events that come together are taken together or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from hms_orch_cli.errors import EventConflict, Overloaded, VersionConflict
from hms_orch_cli.ports.journal import Journal
from hms_orch_cli.ports.store import Append, Event, EventStore, LogReader, NewEvent, Together


class Published(NamedTuple):
    """Where an event stands in the log; `duplicate` if it stood there before."""

    position: int
    duplicate: bool


def append_of(event: NewEvent) -> Append:
    """The append that takes an event from outside in, once."""
    return Append(f"event/{event.source} {event.id}", (event,), 0)


def publish(store: EventStore, events: Sequence[NewEvent]) -> list[Published]:
    """Appends events in one commit, without an orchestrator. Raises EventConflict at the first whose source and id
    came before with other data; then none of them is taken."""
    arrivals = _Arrivals(store, events)
    while arrivals.fresh:
        (result,) = store.append([Together([append_of(event) for event in arrivals.fresh.values()])])
        if isinstance(result, int):
            return arrivals.published(result)
        if not isinstance(result, VersionConflict):
            raise result
        arrivals.look_up(result)
    return arrivals.published(0)


async def publish_live(journal: Journal, reader: LogReader, events: Sequence[NewEvent]) -> list[Published]:
    """The same through the journal of a running orchestrator. Raises Overloaded besides."""
    if journal.is_full:
        raise Overloaded("too many appends wait for the disk already", "try again in a second")
    arrivals = _Arrivals(reader, events)
    while arrivals.fresh:
        try:
            last = await journal.append_together([append_of(event) for event in arrivals.fresh.values()])
        except VersionConflict as conflict:
            arrivals.look_up(conflict)
        else:
            return arrivals.published(last)
    return arrivals.published(0)


_Name = tuple[str, str]
"""(source, id)"""


class _Arrivals:
    """Events on their way into the log. `fresh` are those that are not there yet, each once, as far as is known: that
    all are is tried first, and only when the log refuses them is it asked which of them it has."""

    def __init__(self, reader: LogReader, events: Sequence[NewEvent]) -> None:
        self._reader = reader
        self._events = events
        self._index: dict[_Name, int] = {}
        self._known: dict[_Name, int] = {}
        self.fresh: dict[_Name, NewEvent] = {}
        for index, event in enumerate(events):
            name = (event.source, event.id)
            if (same := self.fresh.get(name)) is None:
                self._index[name] = index
                self.fresh[name] = event
            elif not _is_same(same, event):
                message = f"event {event.id} of {event.source} comes twice, with different content"
                raise EventConflict(message, _NEW_ID, index=index)

    def look_up(self, conflict: VersionConflict) -> None:
        """Takes out what the log has. Raises EventConflict; `conflict` if the log has none of them."""
        before = len(self._known)
        for name, event in list(self.fresh.items()):
            for first in self._reader.read(append_of(event).stream)[:1]:
                if not _is_same(first, event):
                    message = f"event {event.id} of {event.source} is already in the log at position {first.seq}"
                    raise EventConflict(f"{message} with other content", _NEW_ID, index=self._index[name])
                self._known[name] = first.seq
                del self.fresh[name]
        if len(self._known) == before:
            raise conflict

    def published(self, last: int) -> list[Published]:
        """Where each stands, once those that were fresh are in the log, side by side up to `last`."""
        positions = dict(zip(self.fresh, range(last - len(self.fresh) + 1, last + 1), strict=True))
        found: list[Published] = []
        for index, event in enumerate(self._events):
            name = (event.source, event.id)
            if (position := positions.get(name)) is not None:
                found.append(Published(position, duplicate=self._index[name] != index))
            else:
                found.append(Published(self._known[name], duplicate=True))
        return found


_NEW_ID = "an id names one event for ever: give a new one"


def _is_same(one: NewEvent | Event, other: NewEvent | Event) -> bool:
    """Whether type and data are equal. The other attributes may differ: a second publisher has its own time."""
    return (one.type, _content(one.data)) == (other.type, _content(other.data))


def _content(data: str | None) -> bytes:
    """Data in a form in which equal content is equal bytes."""
    return b"" if data is None else orjson.dumps(orjson.loads(data), option=orjson.OPT_SORT_KEYS)
