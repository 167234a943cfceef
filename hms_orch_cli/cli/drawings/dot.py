"""A graph in DOT, the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hms_orch_cli.cli.drawings.labels import PAINTS, label, title
from hms_orch_cli.views.graph import Graph, Point, flow


def dot(graph: Graph) -> str:
    """The digraph: the way forward from top to bottom, the way back dashed beside it. Text from a file is label and
    nothing else, whatever stands in it."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    forward, undo = flow(graph.forward, "step"), flow(graph.undo, "undo")
    points = (*forward.points, *undo.points)
    ids = {point.id: f"n{number}" for number, point in enumerate(points)}
    yield f"digraph {_text([graph.saga])} {{"
    yield '  node [shape=box, style="rounded,filled", fillcolor=white, fontname=Helvetica, fontsize=11]'
    yield "  edge [fontname=Helvetica, fontsize=10]"
    yield f"  start [shape=plaintext, style=solid, label={_text(title(graph))}]"
    yield from (f"  {ids[point.id]} [{', '.join(_attributes(point))}]" for point in points)
    yield "  completed [shape=plaintext, style=solid, label=COMPLETED]"
    yield f"  start -> {ids[forward.first]}"
    yield from (f"  {ids[tail]} -> {ids[head]}" for tail, head in forward.arrows)
    yield f"  {ids[forward.last]} -> completed"
    if undo.points:
        yield "  failed [shape=plaintext, style=solid, label=FAILED]"
        yield "  {rank=same; start; failed}"
        for point in undo.points:
            arrow = " -> " if point.node is not None else "; "
            yield f"  {{rank=same; edge [style=dashed, label=undo]; {ids[point.opposite]}{arrow}{ids[point.id]}}}"
        back = [*((ids[tail], ids[head]) for tail, head in undo.arrows), (ids[undo.last], "failed")]
        yield from (f"  {tail} -> {head} [style=dashed, constraint=false]" for tail, head in back)
    yield "}"


def _attributes(point: Point) -> Iterator[str]:
    if point.node is None:
        yield "shape=point" if point.kind == "join" else "shape=plaintext, style=solid"
    elif point.kind == "step" and point.node.kind == "approval":
        yield "shape=diamond"
    if paint := PAINTS.get(point.state):
        yield f'fillcolor="{paint.fill}", color="{paint.line}", fontcolor="{paint.text}"'
    yield f"label={_text(label(point))}"


def _text(lines: Sequence[str]) -> str:
    r"""A quoted text: Graphviz reads `\` and `&` in it as well as the quote."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
