"""A graph as lines of text: the way forward goes down on the left, the way back goes up on the right.

                                      ✖ FAILED
    ● order.placed                    ▲
    │                                 ┊
    ○ pay      pay-svc:/pay           ↩ pay-svc:/refund
    │                                 ┊
    ╥ side by side                    ╥
    ╟─○ ship   ship-svc:/ship         ╟╌↩ ship-svc:/return
    ╟─○ mail   mail-svc:/mail         ╟╌· no undo
    ╨                                 ╨
    ▼
    ◎ COMPLETED

Where that is too wide, the undo of a step stands below what it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from hms_orch_cli.cli.drawings.cells import broken, width
from hms_orch_cli.cli.drawings.rows import NOTHING, Row, rows_of
from hms_orch_cli.cli.output import Styled, styled
from hms_orch_cli.views.graph import Graph

Line = list[str | Styled]

GAP: Final = "   "
LEAST: Final = 24
"""Cells that what a step does gets, however narrow the terminal is."""

_BACK: Final = str.maketrans("│─▼", "┊╌ ")
"""A rail of the way forward as one of the way back."""


class _Widths(NamedTuple):
    """Of the way forward, of what stands beside it, and of the way back, which is 0 where there is no room for it."""

    left: int
    about: int
    back: int


def drawn(graph: Graph, columns: int, colours: Mapping[str, str]) -> list[Line]:
    """The lines of a drawing on a terminal of so many columns. `colours` has a style for each state."""
    rows = [*rows_of(graph, colours)]
    widths = _fitted(rows, columns, bool(graph.undo.parts))
    lines = [line for row in rows for line in _lines(row, widths)]
    return [*_heading(graph, colours), *lines]


def _heading(graph: Graph, colours: Mapping[str, str]) -> Iterator[Line]:
    yield [styled(graph.saga, "bold"), styled(f"  revision {graph.revision[:12]}", "dim")]
    if graph.run:
        reason = f"  {graph.reason}" if graph.reason else ""
        yield [f"run {graph.run}  ", styled(graph.state, colours.get(graph.state, "")), reason]
    yield []


def _fitted(rows: list[Row], columns: int, goes_back: bool) -> _Widths:
    left = max(width(row.rail) + width(row.sign.text) + 1 + width(row.name) for row in rows)
    does = max([LEAST, *(width(row.about[0].text) for row in rows if row.is_step)])
    back = max(width(row.rail) + 2 + width(row.back[1].text) for row in rows if row.back) if goes_back else 0
    room = columns - left - len(GAP)
    if not goes_back or does + len(GAP) + back > room:
        return _Widths(left, max(room, LEAST), 0)
    widest = max(width(part.text) for row in rows for part in row.about)
    return _Widths(left, min(room - len(GAP) - back, max(does, widest)), back)


def _lines(row: Row, widths: _Widths) -> Iterator[Line]:
    """The lines that a row takes."""
    about = [styled(piece, part.style) for part in row.about for piece in broken(part.text, widths.about)]
    if not widths.back and row.back is not None:
        if not (row.rail or row.sign.text):
            return  # it has nothing but a way back
        sign, undo = row.back
        pieces = broken(undo.text, widths.about - 2) if row.is_step else []
        about += [styled(f"{' ' if place else sign.text} {piece}", undo.style) for place, piece in enumerate(pieces)]
    for place, part in enumerate(about or [NOTHING]):
        rail, sign, name = (row.rail, row.sign, row.name) if place == 0 else (row.below, NOTHING, "")
        line: Line = [styled(rail, "dim"), sign]
        if row.title:
            _put(line, styled(f" {row.title}", "dim"), widths.left + len(GAP) + widths.about)
        else:
            _put(line, styled(f" {name}", "bold"), widths.left)
            _put(line, part, widths.left + len(GAP) + widths.about, GAP)
        if widths.back:
            line += [GAP, *_back(row, rail, first=place == 0)]
        yield _ended(line)


def _put(line: Line, part: Styled, column: int, gap: str = "") -> None:
    """Adds a part to a line, which reaches to a column then."""
    line += [gap, part]
    line.append(" " * (column - sum(width(each if isinstance(each, str) else each.text) for each in line)))


def _back(row: Row, rail: str, *, first: bool) -> Line:
    """The way back beside a line: its rail is that of the way forward."""
    dotted = styled(rail.translate(_BACK), "dim")
    if not first or row.back is None:
        return [dotted]
    return [dotted, row.back[0], " ", row.back[1]]


def _ended(line: Line) -> Line:
    """A line without blanks at its end."""
    while line:
        last = line[-1]
        text, style = (last, None) if isinstance(last, str) else last
        if text.rstrip():
            line[-1] = text.rstrip() if style is None else Styled(text.rstrip(), style)
            break
        line.pop()
    return line
