"""Publishing: an event is durable before anyone hears that it was taken, and a second time is no second event.

Each event from outside has a stream of its own, named by source and id: that it must be new is all there is to telling
a duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from hms_orch_cli.errors import EventConflict, HmsError, Overloaded, VersionConflict
from hms_orch_cli.ports import Append, EventStore, Journal, LogReader, NewEvent


class Published(NamedTuple):
    """Where an event stands in the log; `duplicate` if it stood there before."""

    position: int
    duplicate: bool


def append_of(event: NewEvent) -> Append:
    """The append that takes an event from outside in, once."""
    return Append(f"event/{event.source} {event.id}", (event,), 0)


def publish(store: EventStore, events: Sequence[NewEvent]) -> list[Published]:
    """Appends events in one commit, without an orchestrator. Raises EventConflict at the first whose source and id
    came before with other data; the others hold."""
    results = store.append([append_of(event) for event in events])
    return [_settled(store, event, result) for event, result in zip(events, results, strict=True)]


async def publish_live(journal: Journal, reader: LogReader, events: Sequence[NewEvent]) -> list[Published]:
    """The same through the journal of a running orchestrator. Raises Overloaded, and then none of them is taken."""
    if journal.is_full:
        raise Overloaded("too many appends wait for the disk already", "try again in a second")
    pending = [journal.append(*append_of(event)) for event in events]
    results: list[int | Exception] = []
    for appended in pending:
        try:
            results.append(await appended)
        except HmsError as error:  # raised below, once every one of them has ended
            results.append(error)
    return [_settled(reader, event, result) for event, result in zip(events, results, strict=True)]


def _settled(reader: LogReader, event: NewEvent, result: int | Exception) -> Published:
    if isinstance(result, int):
        return Published(result, duplicate=False)
    if not isinstance(result, VersionConflict):
        raise result
    first = reader.read(f"event/{event.source} {event.id}")[0]
    if (first.type, _content(first.data)) != (event.type, _content(event.data)):
        raise EventConflict(
            f"event {event.id} of {event.source} is already in the log at position {first.seq} with other content",
            "an id names one event for ever: give a new --id",
        )
    return Published(first.seq, duplicate=True)


def _content(data: str | None) -> bytes:
    """Data in a form in which equal content is equal bytes."""
    return b"" if data is None else orjson.dumps(orjson.loads(data), option=orjson.OPT_SORT_KEYS)
