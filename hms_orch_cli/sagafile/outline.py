"""What a saga is to other sagas: its id, what starts it, what it locks, what it waits for."""

from __future__ import annotations

from typing import NamedTuple

from hms_orch_cli.sagafile.findings import Path, Place
from hms_orch_cli.sagafile.own_events import is_of_a_run
from hms_orch_cli.sagafile.places import steps_of
from hms_orch_cli.sagafile.reader import Tree


class Point(NamedTuple):
    """Where something stands in a file."""

    place: Place
    path: Path


class Awaited(NamedTuple):
    """A step that waits for an event of some run. `match` is CEL, empty for the first of the type."""

    step: str
    event: str
    match: str
    at: Point


class Outline(NamedTuple):
    """A saga as the others see it. `filter` and `lock` are CEL, empty for none; `triggers` and `awaits` are those of
    the orchestrator's own events alone, since only runs bring these about."""

    id: str
    at: Point
    filter: str
    triggers: tuple[tuple[str, Point], ...]
    lock: str
    awaits: tuple[Awaited, ...]


def outline_of(tree: Tree) -> Outline:
    """The outline of a saga that says what it means."""
    content = tree.value
    lock = content.get("lock", "")
    return Outline(
        id=content["id"],
        at=_point(tree, ("id",)),
        filter=content.get("filter", ""),
        triggers=tuple(_triggers(tree)),
        lock=lock if isinstance(lock, str) else lock["key"],
        awaits=tuple(_awaits(tree)),
    )


def _triggers(tree: Tree) -> list[tuple[str, Point]]:
    written = tree.value["trigger"]
    if isinstance(written, str):
        return [(written, _point(tree, ("trigger",)))] if is_of_a_run(written) else []
    return [(kind, _point(tree, ("trigger", index))) for index, kind in enumerate(written) if is_of_a_run(kind)]


def _awaits(tree: Tree) -> list[Awaited]:
    return [
        Awaited(
            step["name"],
            step["await"]["event"],
            step["await"].get("match", ""),
            _point(tree, (*path, "await", "event")),
        )
        for path, step in steps_of(tree.value["steps"], ("steps",))
        if "await" in step and is_of_a_run(step["await"]["event"])
    ]


def _point(tree: Tree, path: Path) -> Point:
    return Point(tree.place(path), path)
