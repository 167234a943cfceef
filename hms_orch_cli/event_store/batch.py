"""Lays a batch of appends out as rows: positions, versions, hashes. Pure; every backend writes what stands here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Final, NamedTuple

from hms_orch_cli.errors import EventRefused, VersionConflict
from hms_orch_cli.event_store.chain import Anchor, link
from hms_orch_cli.ports.store import Append, Having, Together

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


def appends_of(batch: Sequence[Append | Together]) -> Iterator[Append]:
    """Every append of a batch, those that hold together one by one."""
    for member in batch:
        if isinstance(member, Together):
            yield from member.members
        else:
            yield member


def lay(batch: Sequence[Append | Together], head: Anchor, versions: MutableMapping[str, int] | None = None) -> Laid:
    """Lays `batch` out behind `head`.

    `versions` holds where each stream of the batch is, and moves along; a member that expects another version is left
    out with VersionConflict. Without `versions` every expectation is taken as true: the backend finds out.
    """
    rows: list[Row] = []
    results: list[int | Exception] = []
    seq, prev = head
    for member in batch:
        if isinstance(member, Together):
            laid = _lay_together(member, Anchor(seq, prev), versions)
            rows += laid.rows
            results += laid.results
            seq, prev = laid.head
            continue
        stream, events, expected = member
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


def _lay_together(group: Together, head: Anchor, versions: MutableMapping[str, int] | None) -> Laid:
    """All of the group with one result, or nothing of it with the first refusal."""
    moved = None if versions is None else {stream: versions[stream] for stream, _, _ in group.members}
    laid = lay(group.members, head, moved)
    for result in laid.results:
        if isinstance(result, Exception):
            return Laid([], [result], head)
    if versions is not None and moved is not None:
        versions.update(moved)
    return Laid(laid.rows, [laid.head.seq], laid.head)


def _conflict(stream: str, expected: int, actual: int) -> VersionConflict:
    return VersionConflict(
        f"{stream} is at version {actual}, not at {expected}", "read it again and decide anew", actual=actual
    )


def _refused(stream: str, error: ValueError) -> EventRefused:
    what = "text that is not valid Unicode" if isinstance(error, UnicodeError) else "a NUL character in an attribute"
    return EventRefused(f"an event for {stream!a} holds {what}", "leave it out; nothing of it was recorded")
