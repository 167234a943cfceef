"""A graph as a Mermaid flowchart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from hms_orch_cli.cli.drawings.labels import PAINTS, label, title
from hms_orch_cli.views.graph import Graph, Point, flow

_MARKUP: Final = re.compile(r"[^A-Za-z0-9 _./:,?-]|(?=style|classDef).")
"""What may mean something to Mermaid, or to the page around it: written as the number of its character. The two words,
because it takes the last semicolon off a line that it takes for a style."""


def mermaid(graph: Graph) -> str:
    """The flowchart. Text from a file is label and nothing else, whatever stands in it."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    forward, undo = flow(graph.forward, "step"), flow(graph.undo, "undo")
    points = (*forward.points, *undo.points)
    ids = {point.id: f"n{number}" for number, point in enumerate(points)}
    yield "flowchart TD"
    yield f"  start([{_text(title(graph))}])"
    yield from (f"  {ids[point.id]}{_box(point)}" for point in points)
    yield f"  start --> {ids[forward.first]}"
    yield from (f"  {ids[tail]} --> {ids[head]}" for tail, head in forward.arrows)
    yield f"  {ids[forward.last]} --> completed(({_text(['COMPLETED'])}))"
    if undo.points:
        steps = (point for point in undo.points if point.node is not None)
        yield from (f"  {ids[step.opposite]} -. undo .-> {ids[step.id]}" for step in steps)
        yield from (f"  {ids[tail]} -.-> {ids[head]}" for tail, head in undo.arrows)
        yield f"  {ids[undo.last]} -.-> failed(({_text(['FAILED'])}))"
    for point in points:
        if paint := PAINTS.get(point.state):
            yield f"  style {ids[point.id]} fill:{paint.fill},stroke:{paint.line},color:{paint.text}"


def _box(point: Point) -> str:
    text = _text(label(point))
    if point.kind == "undo":
        return f"[/{text}/]"
    if point.node is None:
        return f"{{{{{text}}}}}" if point.kind == "fork" else f"(({text}))"
    return f"{{{text}}}" if point.node.kind == "approval" else f"[{text}]"


def _text(lines: Sequence[str]) -> str:
    return '"' + "<br/>".join(_MARKUP.sub(lambda found: f"#{ord(found[0])};", line) for line in lines) + '"'
