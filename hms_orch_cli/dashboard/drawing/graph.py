"""A saga, or a run of it, as SVG. Each step is a link to what the page tells about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hms_orch_cli.dashboard.drawing.layout import NODE_H, NOTE_H, NOTES, Arrow, Box, Corners, Layout, layout
from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.words import tone
from hms_orch_cli.safe import safe
from hms_orch_cli.views.graph import UNDO_STATES, Beside, Graph, Node, Part, Series
from hms_orch_cli.views.states import SIGNS

ROUND: Final = 8
"""Radius of a corner."""

FITTING: Final = 1_500
"""Up to this width a drawing is made smaller where there is less room; beyond it, it is moved about."""

NAME: Final = 19
DOES: Final = 24
UNDO: Final = 15
"""Characters that fit into a line of a box: a name, what it does, an undo. What is cut stands whole in the title."""

_MEETINGS: Final = ("step fork ", "step join ", "undo fork ", "undo join ")
"""How the ids begin of points where lines part and meet."""

_LEFT: Final = ("SUCCEEDED", "SKIPPED", *UNDO_STATES)
"""States of a step behind which the run has gone on."""


def graph_svg(graph: Graph, *, page: str | None = "") -> str:
    """The drawing. The steps lead to `#step-<name>` of the page at the address `page`; empty: of this one, None:
    nowhere. With groups there are two, of which a style sheet shows the one that there is room for."""
    plan = layout(graph)
    if not _has_groups(graph.forward):
        return _drawing(graph, plan, page, "narrow")
    kind = "fitting" if plan.width <= FITTING else "wide"
    beside = _drawing(graph, plan, page, f"{kind} at-a-desk")
    return beside + _drawing(graph, layout(graph, stacked=True), page, "narrow on-a-phone")


def _has_groups(part: Part) -> bool:
    return isinstance(part, Beside) or (isinstance(part, Series) and any(map(_has_groups, part.parts)))


def _drawing(graph: Graph, plan: Layout, page: str | None, kind: str) -> str:
    nodes = list(_nodes(graph.forward))
    marks = {node.name: node.mark.state for node in nodes if node.mark is not None}
    ways = [(arrow, _forward_tone(arrow, marks, graph.state)) for arrow in plan.forward]
    ways += [(arrow, f"undo {_undo_tone(arrow, marks)}") for arrow in plan.undo]
    ways.sort(key=lambda way: way[1].endswith("been"))  # where the run has come lies on top
    arrows = "".join(_arrow(*way) for way in ways)
    boxes = "".join(_step(node, plan, page) for node in nodes)
    size = f'viewBox="0 0 {plan.width:.0f} {plan.height:.0f}" width="{plan.width:.0f}" height="{plan.height:.0f}"'
    said = text(f"{graph.saga}: {len(nodes)} steps from top to bottom; beside each what undoes it")
    return (
        f'<div class="graph {kind}" tabindex="0" role="group" aria-label="Drawing"><svg {size}>'
        f"<title>{said}</title>{arrows}{_caps(graph, plan)}{boxes}</svg></div>"
    )


def _nodes(part: Part) -> Iterator[Node]:
    if isinstance(part, Node):
        yield part
        return
    for each in part.parts:
        yield from _nodes(each)


def _forward_tone(arrow: Arrow, marks: dict[str, str], state: str) -> str:
    """Whether the run has come this way."""
    if arrow.end == "end":
        return "been" if state == "COMPLETED" else ""
    start, end = (marks.get(point.partition(" ")[2]) for point in (arrow.start, arrow.end))
    left = start in _LEFT or (start is None and bool(marks))
    return "been" if left and end != "PENDING" and (start or end) else ""


def _undo_tone(arrow: Arrow, marks: dict[str, str]) -> str:
    """Whether the undo has come this way."""
    start, end = (marks.get(point.partition(" ")[2], "") for point in (arrow.start, arrow.end))
    return "been" if start == "COMPENSATED" or (not start and end in UNDO_STATES) else ""


def _arrow(arrow: Arrow, kind: str) -> str:
    head = ""
    if not arrow.end.startswith(_MEETINGS):
        (_, y0), (x, y) = arrow.corners[-2:]
        back = -6 if y > y0 else 6
        head = f'<path class="head" d="M{x - 4:.1f} {y + back:.1f} {x:.1f} {y:.1f} {x + 4:.1f} {y + back:.1f}"/>'
    return f'<g class="way {kind}"><path d="{_path(arrow.corners)}"/>{head}</g>'


def _path(corners: Corners) -> str:
    """A line with rounded corners."""
    parts = [f"M{corners[0][0]:.1f} {corners[0][1]:.1f}"]
    for place, (x, y) in enumerate(corners[1:-1], 1):
        before, after = corners[place - 1], corners[place + 1]
        near, far = _towards((x, y), before), _towards((x, y), after)
        parts.append(f"L{near[0]:.1f} {near[1]:.1f}Q{x:.1f} {y:.1f} {far[0]:.1f} {far[1]:.1f}")
    parts.append(f"L{corners[-1][0]:.1f} {corners[-1][1]:.1f}")
    return "".join(parts)


def _towards(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """A point a radius away from the corner, at most half way."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = abs(dx) + abs(dy)
    part = min(ROUND / length, 0.5) if length else 0
    return corner[0] + dx * part, corner[1] + dy * part


def _caps(graph: Graph, plan: Layout) -> str:
    triggers = " or ".join(graph.triggers)
    caps = [_cap(plan.begin, triggers, "begin", 26), _cap(plan.end, _end_word(graph), f"end {_end_tone(graph)}", 26)]
    if plan.undone is not None:
        word = "cancelled" if graph.state == "CANCELLED" else "failed"
        caps.append(_cap(plan.undone, word, f"end {tone(graph.state) if graph.state.lower() == word else ''}", 15))
    return "".join(caps)


def _end_word(graph: Graph) -> str:
    return "abandoned" if graph.state == "ABANDONED" else "completed"


def _end_tone(graph: Graph) -> str:
    return tone(graph.state) if graph.state in ("COMPLETED", "ABANDONED") else ""


def _cap(box: Box, words: str, kind: str, fits: int) -> str:
    return (
        f'<g class="cap {kind}">{_rect(box, 15)}'
        f'<text x="{box.middle:.0f}" y="{box.y + 19.5:.1f}">{_fit(words, fits)}</text><title>{text(words)}</title></g>'
    )


def _step(node: Node, plan: Layout, page: str | None) -> str:
    word = node.mark.state if node.mark is not None else ""
    undone = word in UNDO_STATES
    call = _call(node, plan.boxes[f"step {node.name}"], word, undone)
    undo = ""
    if node.undo is not None:
        undo = _undo(node, plan.boxes[f"undo {node.name}"], word if undone else "")
    said = f"{node.name}: {node.does}" + (f", {word.lower()}" if word else "")
    if node.mark is not None and node.mark.said:
        said += f", {node.mark.said}"
    drawn = f"<title>{text(said)}</title>{call}{undo}"
    if page is None:
        return f"<g>{drawn}</g>"
    return f'<a href="{page}#step-{text(node.name)}">{drawn}</a>'


def _call(node: Node, box: Box, word: str, undone: bool) -> str:
    kind = f"step {node.kind} {'taken-back' if undone else tone(word) if word else ''}"
    sign = "" if undone else SIGNS.get(word, "")
    lines = [
        f'<text class="name" x="{box.x + 12:.0f}" y="{box.y + 23:.0f}">{_fit(node.name, NAME)}</text>',
        f'<text class="does" x="{box.x + 12:.0f}" y="{box.y + 42:.0f}">{_fit(node.does, DOES)}</text>',
    ]
    lines += [
        f'<text class="note" x="{box.x + 12:.0f}" y="{box.y + NODE_H + 2 + NOTE_H * place:.0f}">{_fit(note, 27)}</text>'
        for place, note in enumerate(node.notes[:NOTES])
    ]
    mark = ""
    if sign:
        x, y = box.x + box.w - 17, box.y + 18
        mark = f'<circle cx="{x:.0f}" cy="{y:.0f}" r="9"/><text class="sign" x="{x:.0f}" y="{y + 4:.0f}">{sign}</text>'
    elif node.irreversible:
        mark = f'<text class="sign" x="{box.x + box.w - 17:.0f}" y="{box.y + 22:.0f}">⚑</text>'
    return f'<g class="{kind}">{_rect(box)}{"".join(lines)}{mark}</g>'


_UNDO_WORDS: Final = {"COMPENSATING": "undoing", "COMPENSATED": "undone", "STUCK": "stuck"}


def _undo(node: Node, box: Box, word: str) -> str:
    service, _, path = (node.undo or "").partition(":")
    shown = path or service.partition(",")[0]
    sign, state = SIGNS.get(word, "↩"), _UNDO_WORDS.get(word, "undo")
    return (
        f'<g class="undo {tone(word) if word else ""}">{_rect(box)}'
        f'<text class="name" x="{box.x + 11:.0f}" y="{box.y + 23:.0f}">{sign} {state}</text>'
        f'<text class="does" x="{box.x + 11:.0f}" y="{box.y + 42:.0f}">{_fit(shown, UNDO)}</text></g>'
    )


def _rect(box: Box, rx: int = 9) -> str:
    return f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.w:.0f}" height="{box.h:.0f}" rx="{rx}"/>'


def _fit(words: str, fits: int) -> str:
    """As much of the text as there is room for; wide letters take two places."""
    shown, room = "", float(fits)
    told = safe(words, 200)
    for place, letter in enumerate(told):
        room -= 2 if ord(letter) > 0x2E7F else 1
        if room < 1 and place + 1 < len(told):
            return text(shown) + "…"
        shown += letter
    return text(shown)
