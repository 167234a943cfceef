"""Lays a batch of appends out as rows: positions, versions, hashes. Pure; every backend writes what stands here."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final, NamedTuple

from hms_orch_cli.errors import EventRefused, VersionConflict
from hms_orch_cli.event_store.chain import Anchor, link
from hms_orch_cli.ports import Append, Having

FOLDED_TO: Final = "folded_to"
"""The mark under which a store keeps the position that its derived tables are folded to."""

HAVING: Final[Mapping[Having, str]] = {"items": "items", "lock": "lock_key", "awaits": "awaits"}
"""The column that is not null in rows that have it."""

OF_RUNS: Final = ("saga.", "hitl.")
"""How the types begin of what runs record. They lie in the runs' own streams, most of them, and in no index."""

Row = tuple[Any, ...]
"""The columns of `ports.Event`, in its order."""


class Laid(NamedTuple):
    """`rows` to insert, one result for each member of the batch, and the head of the log once they are in."""

    rows: list[Row]
    results: list[int | Exception]
    head: Anchor


def lay(batch: Sequence[Append], head: Anchor, versions: MutableMapping[str, int] | None = None) -> Laid:
    """Lays `batch` out behind `head`.

    `versions` holds where each stream of the batch is, and moves along; a member that expects another version is left
    out with VersionConflict. Without `versions` every expectation is taken as true: the backend finds out.
    """
    rows: list[Row] = []
    results: list[int | Exception] = []
    seq, prev = head
    for stream, events, expected in batch:
        if versions is not None and (actual := versions[stream]) != expected:
            results.append(_conflict(stream, expected, actual))
            continue
        mine: list[Row] = []
        version, at, before = expected, seq, prev
        try:
            for event in events:
                at += 1
                version += 1
                before = link(before, at, stream, version, *event)
                mine.append((at, stream, version, *event, before))
        except ValueError as error:
            results.append(_refused(stream, error))
            continue
        rows += mine
        seq, prev = at, before
        if versions is not None:
            versions[stream] = version
        results.append(seq)
    return Laid(rows, results, Anchor(seq, prev))


def _conflict(stream: str, expected: int, actual: int) -> VersionConflict:
    return VersionConflict(
        f"{stream} is at version {actual}, not at {expected}", "read it again and decide anew", actual=actual
    )


def _refused(stream: str, error: ValueError) -> EventRefused:
    what = "text that is not valid Unicode" if isinstance(error, UnicodeError) else "a NUL character in an attribute"
    return EventRefused(f"an event for {stream!a} holds {what}", "leave it out; nothing of it was recorded")
