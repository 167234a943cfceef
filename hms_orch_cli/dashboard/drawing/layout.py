"""Where the points of a saga's drawing stand, and how its arrows run. Pure geometry, in the units of an SVG.

A step is a cell of two boxes: left what it calls, right what undoes it. The way forward runs down the left lane, the
way back up the right one. The branches of a group stand side by side or, where there is no room for that, one below the
other, with the lines to and from them at the sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Final, NamedTuple

from hms_orch_cli.views.graph import Beside, Flow, Graph, Node, Part, Series, flow

CALL_W: Final = 184
UNDO_W: Final = 112
LANES: Final = 22
"""Between the two boxes of a cell."""

CELL_W: Final = CALL_W + LANES + UNDO_W
FORWARD_X: Final = CALL_W // 2 - CELL_W // 2
"""From the middle of a cell to its left lane."""

UNDO_X: Final = CELL_W // 2 - UNDO_W // 2
NODE_H: Final = 56
NOTE_H: Final = 16
NOTES: Final = 2
"""Notes of a step that are drawn."""

DOWN: Final = 36
"""Between a part and the next."""

MEET: Final = 4
"""How far inside a group the lines of the way forward part and meet."""

BACK: Final = 10
"""How much further in those of the way back do, so that they do not lie on one another."""

BESIDE: Final = 32
FORK: Final = 30
"""Above and below the branches of a group: there the lines part and meet."""

BUS: Final = 16
"""At the sides of a group whose branches stand one below the other: there run the lines to and from them."""

SIDE: Final = 10
"""Beside a group in which nothing is undone: there the way back passes it."""

EDGE: Final = 14
CAP: Final = 30
"""Height of the beginning and of the end."""


class Box(NamedTuple):
    """A place: its left upper corner, and its size."""

    x: float
    y: float
    w: float
    h: float

    @property
    def middle(self) -> float:
        """Half way across."""
        return self.x + self.w / 2

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.h


Corners = tuple[tuple[float, float], ...]


class Arrow(NamedTuple):
    """A way from one point to another, corner by corner; `start` and `end` are ids of points."""

    start: str
    end: str
    corners: Corners


class Layout(NamedTuple):
    """The whole drawing: boxes of steps and undos by the id of their point, the arrows of both ways, the caps at the
    beginning and the end, and the size."""

    boxes: dict[str, Box]
    forward: list[Arrow]
    undo: list[Arrow]
    begin: Box
    end: Box
    undone: Box | None
    width: float
    height: float


def layout(graph: Graph, *, stacked: bool = False) -> Layout:
    """The drawing of a definition, or of a run of it. `stacked`: branches stand one below the other."""
    plan = _Plan(stacked)
    width, height = plan.size(graph.forward)
    left, top = EDGE + width / 2, EDGE + CAP + DOWN
    plan.place(graph.forward, left, top, ())
    begin = Box(left + FORWARD_X - CALL_W / 2, EDGE, CALL_W, CAP)
    end = Box(begin.x, top + height + DOWN, CALL_W, CAP)
    ways = flow(graph.forward, "step"), flow(graph.undo, "undo")
    forward = [plan.arrow(*arrow) for arrow in ways[0].arrows]
    undo = [plan.arrow(*arrow) for arrow in ways[1].arrows]
    undone = None
    if ways[1].last:
        undone = Box(left + UNDO_X - UNDO_W / 2, EDGE, UNDO_W, CAP)
    forward += _caps(plan, ways[0], begin, end)
    if undone is not None:
        undo.append(plan.to_cap(ways[1].last, undone))
    return Layout(plan.boxes, forward, undo, begin, end, undone, width + 2 * EDGE, end.bottom + EDGE)


def _caps(plan: _Plan, way: Flow, begin: Box, end: Box) -> list[Arrow]:
    if not way.first:
        return [Arrow("begin", "end", ((begin.middle, begin.bottom), (end.middle, end.y)))]
    return [plan.from_cap(begin, way.first), plan.to_cap(way.last, end)]


def height_of(node: Node) -> float:
    """The height of a step's box."""
    return NODE_H + NOTE_H * min(len(node.notes), NOTES)


class _Plan:
    """Boxes as they find their place. A point's `within` are the parts around it, from the outermost inwards, itself
    the last: where a way from one point to another may run across."""

    def __init__(self, stacked: bool) -> None:
        self._stacked = stacked
        self._groups: set[Box] = set()
        """those whose branches stand one below the other"""
        self.boxes: dict[str, Box] = {}
        self._points: dict[str, Box] = {}
        self._within: dict[str, tuple[Box, ...]] = {}
        self._in_the_way: list[Box] = []
        """groups in which nothing is undone"""

    def size(self, part: Part) -> tuple[float, float]:
        """How wide and how high a part is."""
        if isinstance(part, Node):
            return CELL_W, height_of(part)
        sizes = [self.size(each) for each in part.parts] or [(CELL_W, 0)]
        widths, heights = [w for w, _ in sizes], [h for _, h in sizes]
        below = sum(heights) + DOWN * (len(sizes) - 1)
        if not isinstance(part, Beside):
            return max(widths), below
        if self._stacked:
            return max(widths) + 2 * BUS, below + 2 * FORK
        return sum(widths) + BESIDE * (len(sizes) - 1), max(heights) + 2 * FORK

    def place(self, part: Part, middle: float, top: float, within: tuple[Box, ...]) -> None:
        """Gives a part its place, below `top` and around `middle`."""
        width, height = self.size(part)
        within = (*within, Box(middle - width / 2, top, width, height))
        if isinstance(part, Node):
            self._node(part, middle, top, within)
        elif isinstance(part, Beside):
            self._group(part, middle, within)
        else:
            self._below(part, middle, top, within)

    def _below(self, part: Series | Beside, middle: float, top: float, within: tuple[Box, ...]) -> None:
        for each in part.parts:
            self.place(each, middle, top, within)
            top += self.size(each)[1] + DOWN

    def _node(self, node: Node, middle: float, top: float, within: tuple[Box, ...]) -> None:
        height = height_of(node)
        self._set(f"step {node.name}", Box(middle - CELL_W / 2, top, CALL_W, height), within)
        self.boxes[f"step {node.name}"] = self._points[f"step {node.name}"]
        if node.undo is not None:
            self._set(f"undo {node.name}", Box(middle + UNDO_X - UNDO_W / 2, top, UNDO_W, height), within)
            self.boxes[f"undo {node.name}"] = self._points[f"undo {node.name}"]

    def _group(self, group: Beside, middle: float, within: tuple[Box, ...]) -> None:
        box = within[-1]
        if not _has_undo(group) and not any(outer in self._in_the_way for outer in within[:-1]):
            self._in_the_way.append(box)
        for kind, lane in (("step", FORWARD_X), ("undo", UNDO_X)):
            above, below = ("fork", "join") if kind == "step" else ("join", "fork")
            inside = MEET if kind == "step" else MEET + BACK
            self._set(f"{kind} {above} {group.number}", Box(middle + lane, box.y + inside, 0, 0), within)
            self._set(f"{kind} {below} {group.number}", Box(middle + lane, box.bottom - inside, 0, 0), within)
        if self._stacked:
            self._groups.add(box)
            self._below(group, middle, box.y + FORK, within)
            return
        x = box.x
        for each in group.parts:
            width = self.size(each)[0]
            self.place(each, x + width / 2, box.y + FORK, within)
            x += width + BESIDE

    def _set(self, point: str, box: Box, within: tuple[Box, ...]) -> None:
        self._points[point] = box
        self._within[point] = (*within, box)

    def arrow(self, start: str, end: str) -> Arrow:
        """The way from one point to another: out of the groups around the first, into those around the second; across
        only where the lines of a group part and meet."""
        a, b = self._within[start], self._within[end]
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
        lane = self._lane(end)
        near = max(shared - 1, 0)
        corners = [*lane.out_of(a[near:]), *reversed(lane.into(b[near:]))]
        return Arrow(start, end, self._around(corners))

    def from_cap(self, cap: Box, end: str) -> Arrow:
        """The way from the beginning to the first point."""
        return Arrow("begin", end, ((cap.middle, cap.bottom), *reversed(self._lane(end).into(self._within[end]))))

    def to_cap(self, start: str, cap: Box) -> Arrow:
        """The way from the last point to the end that it leads to."""
        lane = self._lane(start)
        end = (cap.middle, cap.y if lane.down else cap.bottom)
        return Arrow(start, "end", self._around([*lane.out_of(self._within[start]), end]))

    def _lane(self, point: str) -> _Lane:
        down = point.startswith("step ")
        return _Lane(FORWARD_X if down else UNDO_X, down, frozenset(self._groups))

    def _around(self, corners: Sequence[tuple[float, float]]) -> Corners:
        """The same way, but past the groups that stand in it."""
        found = [corners[0]]
        for (x, out), (x1, into) in pairwise(corners):
            if x == x1:
                passed = [box for box in self._in_the_way if _is_between(box, x, out, into)]
                for box in sorted(passed, key=lambda box: box.y, reverse=into < out):
                    before, behind = box.bottom + DOWN / 2, box.y - DOWN / 2
                    if into > out:
                        before, behind = behind, before
                    side = box.x + box.w + SIDE
                    found += [(x, before), (side, before), (side, behind), (x, behind)]
            found.append((x1, into))
        return tuple(found)


class _Lane(NamedTuple):
    """The lane of one of the two ways: how far it is from the middle of a part, where it leads, and the groups in which
    it runs past branches at the side."""

    shift: float
    down: bool
    stacked: frozenset[Box]
    enters: bool = False

    def out_of(self, around: Sequence[Box]) -> list[tuple[float, float]]:
        """Corners of the way from the last of these boxes, a point, out of the others."""
        inner, x = around[-1], around[-1].middle
        corners = [(x, inner.bottom if self.down else inner.y)]
        for box in reversed(around[:-1]):
            lane, edge = box.middle + self.shift, box.bottom - MEET if self.down else box.y + MEET + BACK
            if box in self.stacked and self._passes(inner, box):
                corners += self._past(inner, box, x, edge)
            elif abs(x - lane) > 1:
                corners += [(x, edge), (lane, edge)]
            inner, x = box, lane
        return corners

    def into(self, around: Sequence[Box]) -> list[tuple[float, float]]:
        """Corners of the way into these boxes up to the last, a point, seen from there."""
        mirrored = self._replace(stacked=frozenset(map(_upside_down, self.stacked)), enters=True)
        return [(x, -y) for x, y in mirrored.out_of([_upside_down(box) for box in around])]

    def _passes(self, inner: Box, group: Box) -> bool:
        """Whether other branches stand between this one and the edge of the group; where lines meet is at the edge."""
        left = group.bottom - inner.bottom if self.down else inner.y - group.y
        return inner.h > 0 and left > FORK + 1

    def _past(self, inner: Box, group: Box, x: float, edge: float) -> list[tuple[float, float]]:
        """Corners of the way past them, at the side."""
        away, inset = (DOWN / 2, BUS / 4) if self.enters else (DOWN / 3, BUS * 3 / 4)
        side = group.x + inset if self.shift < 0 else group.x + group.w - inset
        near = inner.bottom + away if self.down else inner.y - away
        return [(x, near), (side, near), (side, edge), (group.middle + self.shift, edge)]


def _upside_down(box: Box) -> Box:
    return Box(box.x, -box.bottom, box.w, box.h)


def _has_undo(part: Part) -> bool:
    return part.undo is not None if isinstance(part, Node) else any(map(_has_undo, part.parts))


def _is_between(box: Box, x: float, out: float, into: float) -> bool:
    return box.x < x < box.x + box.w and min(out, into) < box.y and box.bottom < max(out, into)
