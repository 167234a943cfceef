"""A store file built anew from events, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from hms_orch_cli.errors import EventRefused, NotAllowed, StoreError, StoreMissing, VersionConflict
from hms_orch_cli.event_store.chain import Anchor
from hms_orch_cli.event_store.files import make_folder, sync, unwritable
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader
from hms_orch_cli.ports.store import Append, Derived, Event, NewEvent

BATCH: Final = 128
"""Events in a commit: with the largest ones, what waits in memory stays bounded."""

_BESIDE: Final = ("-wal", "-shm", "-journal")


def restore(events: Iterable[Event], path: str | Path, derived: Callable[[], Derived]) -> Anchor:
    """Builds the store at `path` from the events of a whole log and returns its head. `derived` is asked, once all
    events are in, for what its derived tables hold. Take `holder.Holder` of `path` first.

    Raises NotAllowed if there is a store with events, EventRefused for an event out of its stream's order, and what
    `events` and SqliteStore raise: then nothing is there that was not before.
    """
    path = Path(path)
    refuse_events(path)
    make_folder(path.parent)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        store = SqliteStore(partial)
        try:
            iterator = iter(events)
            while batch := list(islice(iterator, BATCH)):
                _append(store, batch)
            store.append([], derived())
            head = store.head()
        finally:
            store.close()
        _name(partial, path)
    finally:
        _remove(partial)
    return head


def refuse_events(path: Path) -> None:
    """Raises NotAllowed if there is a store with events at `path`, NotAStore if there is something else."""
    try:
        with SqliteReader(path) as there:
            count = there.last_seq()
    except StoreMissing:
        return
    if count:
        raise NotAllowed(
            f"{path} holds {count} events already", "set [store] url (HMS_STORE_URL) to a place where no store is"
        )


def _append(store: SqliteStore, events: list[Event]) -> None:
    results = store.append([Append(each.stream, (_new(each),), each.version - 1) for each in events])
    for event, result in zip(events, results, strict=True):
        if isinstance(result, VersionConflict):
            raise EventRefused(
                f"line {event.seq} is version {event.version} of {event.stream!a}, which is at {result.actual}",
                "the log that was exported is not one that hms-orch wrote",
            )
        if isinstance(result, Exception):
            raise result


def _new(event: Event) -> NewEvent:
    return NewEvent(*event[3:12])


def _name(partial: Path, path: Path) -> None:
    """Puts the finished file in its place; what may stand there is a store without events."""
    if any(_beside(partial, suffix).exists() for suffix in _BESIDE):
        raise StoreError(f"{path} cannot be finished: its last changes stay in a file beside it", "check the disk")
    try:
        sync(partial)
        for suffix in _BESIDE:
            _beside(path, suffix).unlink(missing_ok=True)
        partial.replace(path)
        sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


def _remove(partial: Path) -> None:
    for suffix in ("", *_BESIDE):
        _beside(partial, suffix).unlink(missing_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
