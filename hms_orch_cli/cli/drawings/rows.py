"""A graph as the rows of a drawing in a terminal: what stands in each, before anything is known of widths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from hms_orch_cli.cli.output import Styled, styled
from hms_orch_cli.safe import safe
from hms_orch_cli.views.graph import UNDO_STATES, Beside, Graph, Mark, Node, Part, Series
from hms_orch_cli.views.states import SIGNS

NOTHING: Final = Styled("", "")
NAME: Final = 48
"""Characters of a step's name that are shown."""


class Row(NamedTuple):
    """A row of the drawing, the widths not known yet. `rail` leads to the `sign`, `below` goes on under it where
    `about` takes several lines; `title` takes the place of name and `about`; `back` is the sign and the text of the way
    back, of which the rail is the same."""

    rail: str
    sign: Styled = Styled("", "")
    name: str = ""
    about: tuple[Styled, ...] = ()
    below: str = ""
    back: tuple[Styled, Styled] | None = None
    title: str = ""

    @property
    def is_step(self) -> bool:
        """Whether it is a step, which has a way back even if that is none."""
        return self.back is not None and bool(self.name and self.back[1].text)


def rows_of(graph: Graph, colours: Mapping[str, str]) -> Iterator[Row]:
    """The rows from top to bottom. `colours` has a style for each state."""
    if graph.undo.parts:
        turned = graph.state if graph.state == "CANCELLED" else "FAILED"
        style = colours.get(turned, "") if graph.state == turned else "dim"
        yield Row("", back=(styled("✖", style), styled(turned, style)))
    notes = [f"on {', '.join(graph.triggers)}", *graph.notes]
    about = tuple(styled(safe(note), "dim") for note in notes)
    yield Row("", styled("●", "cyan"), "start", about, "│", (styled("▲", "dim"), NOTHING))
    yield Row("│")
    yield from _series(graph.forward, "", "", colours)
    yield Row("▼", back=(NOTHING, NOTHING))
    style = "dim" if graph.state not in ("", "COMPLETED") else colours.get(graph.state, "")
    yield Row("", styled("◎", style), "COMPLETED", back=(NOTHING, NOTHING))


def _series(series: Series, first: str, rest: str, colours: Mapping[str, str]) -> Iterator[Row]:
    """Parts one below the other: `first` leads to the first of them, `rest` stands before all others."""
    for place, part in enumerate(series.parts):
        if place:
            yield Row(f"{rest}│")
        follows = "│" if place < len(series.parts) - 1 or not rest else " "
        yield from _part(part, rest if place else first, rest, follows, colours)


def _part(part: Part, first: str, rest: str, follows: str, colours: Mapping[str, str]) -> Iterator[Row]:
    if isinstance(part, Node):
        yield _step(part, first, rest + follows, colours)
    elif isinstance(part, Series):
        yield from _series(part, first, rest, colours)
    else:
        yield from _beside(part, first, rest, colours)


def _beside(group: Beside, first: str, rest: str, colours: Mapping[str, str]) -> Iterator[Row]:
    said = "side by side" + (", cancel on failure" if group.cancels else "")
    yield Row(f"{first}╥", title=said)
    tall = False
    for place, branch in enumerate(group.parts):
        rows = [*_part(branch, f"{rest}╟─", f"{rest}║ ", " ", colours)]
        if place and (tall or len(rows) > 1):
            yield Row(f"{rest}║")
        tall = len(rows) > 1
        yield from rows
    yield Row(f"{rest}╨")


def _step(node: Node, first: str, below: str, colours: Mapping[str, str]) -> Row:
    about = [styled(safe(node.does), ""), *(styled(safe(note), "dim") for note in node.notes)]
    sign, undo = styled("○", ""), styled("↩", "dim")
    if node.mark is not None:
        state, style = node.mark.state, colours.get(node.mark.state, "dim")
        sign = styled("○" if state == "PENDING" else SIGNS[state], style)
        if state in UNDO_STATES:
            undo = styled(SIGNS[state], style)
        if state != "PENDING":
            about.append(styled(safe(_told(node.mark)), style))
    if node.undo is not None:
        back = (undo, styled(safe(node.undo), ""))
    else:
        back = (styled("·", "dim"), styled("irreversible", "yellow") if node.irreversible else styled("no undo", "dim"))
    return Row(first, sign, safe(node.name, NAME), tuple(about), below, back)


def _told(mark: Mark) -> str:
    attempts = f", {mark.attempts} attempts" if mark.attempts > 1 else ""
    return f"{mark.state.lower()}{attempts}{f': {mark.said}' if mark.said else ''}"
