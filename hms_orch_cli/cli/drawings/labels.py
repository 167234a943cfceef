"""What stands in the boxes of a drawing that another program lays out, and how a run colours them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from hms_orch_cli.safe import safe
from hms_orch_cli.views.graph import Graph, Node, Point

LENGTH: Final = 120
"""Characters of a line of a label."""


class Paint(NamedTuple):
    """Colours of a box, as `#rrggbb`: readable on light and on dark pages."""

    fill: str
    line: str
    text: str


_DONE: Final = Paint("#dff3e4", "#2f7d4f", "#12351f")
_MOVES: Final = Paint("#dcecf9", "#2b6ca3", "#0f2a42")
_BACK: Final = Paint("#fbf0d5", "#a97b16", "#3f2e08")
_WRONG: Final = Paint("#f9dedc", "#b3261e", "#410e0b")

PAINTS: Final = {
    "SUCCEEDED": _DONE,
    **dict.fromkeys(("RUNNING", "WAITING", "RETRYING", "COMPENSATING"), _MOVES),
    "COMPENSATED": _BACK,
    **dict.fromkeys(("FAILED", "UNKNOWN", "STUCK"), _WRONG),
}
"""State of a step -> how its box is painted; the others are not."""


def title(graph: Graph) -> list[str]:
    """The lines of the first box: what it is, and what starts it."""
    run = [f"run {graph.run}", f"{graph.state} {graph.reason}".strip()] if graph.run else []
    return _short([graph.saga, *run, f"on {', '.join(graph.triggers)}", *graph.notes])


def label(point: Point) -> list[str]:
    """The lines of a point's box."""
    if point.node is None:
        how = ["cancel on failure"] if point.cancels else []
        return ["side by side", *how] if point.kind == "fork" else [" "]
    return _short(_of_undo(point.node) if point.kind == "undo" else _of_step(point.node))


def _of_step(node: Node) -> Iterator[str]:
    yield node.name
    yield node.does
    yield from node.notes
    if node.irreversible:
        yield "irreversible"
    if node.mark is not None and node.mark.state != "PENDING":
        yield f"{node.mark.state} {node.mark.said}".strip()


def _of_undo(node: Node) -> Iterator[str]:
    yield f"undo {node.name}"
    yield node.undo or ""


def _short(lines: Iterator[str] | list[str]) -> list[str]:
    return [safe(line, LENGTH) for line in lines]
