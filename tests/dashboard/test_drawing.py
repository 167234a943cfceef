"""The drawing of a saga: nothing lies on anything else, and every arrow begins and ends where it should."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hms_orch_cli.dashboard.drawing.columns import nice
from hms_orch_cli.dashboard.drawing.graph import graph_svg
from hms_orch_cli.dashboard.drawing.layout import Layout, layout
from hms_orch_cli.saga.definition import saga_from
from hms_orch_cli.views.graph import Graph, graph_of
from tests.dashboard.pages import is_harmless

SAGAS = sorted((Path(__file__).parents[2] / "sagas").glob("*.yaml"))


def graph(content: Any) -> Graph:
    """The graph of a definition."""
    return graph_of(saga_from(content, "r"))


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """A definition of any shape."""
    names = iter(range(1_000))

    def step() -> dict[str, Any]:
        told: dict[str, Any] = {"name": f"s{next(names)}", "call": "a:/b"}
        if draw(st.booleans()):
            told["compensate"] = "a:/undo"
        if draw(st.booleans()):
            told["when"] = "data.x"
        return told

    def items(depth: int) -> list[dict[str, Any]]:
        return [item(depth) for _ in range(draw(st.integers(1, 3)))]

    def item(depth: int) -> dict[str, Any]:
        if depth == 0 or draw(st.integers(0, 2)) == 0:
            return step()
        return {"steps": items(depth - 1), **({"parallel": True} if draw(st.booleans()) else {})}

    return {"id": "x", "trigger": "t", "steps": items(3)}


def holds(drawn: Layout) -> None:
    """Asserts what is true of every drawing."""
    boxes = [*drawn.boxes.values(), drawn.begin, drawn.end, *([drawn.undone] if drawn.undone else [])]
    for box in boxes:
        assert box.x >= 0 and box.x + box.w <= drawn.width + 1e-6
        assert box.y >= 0 and box.bottom <= drawn.height + 1e-6
    for one, other in combinations(boxes, 2):
        apart = one.x + one.w <= other.x or other.x + other.w <= one.x or one.bottom <= other.y or other.bottom <= one.y
        assert apart, (one, other)
    for arrow in (*drawn.forward, *drawn.undo):
        for (x0, y0), (x1, y1) in pairwise(arrow.corners):
            assert abs(x0 - x1) < 1e-6 or abs(y0 - y1) < 1e-6, "an arrow runs across or down"
            crossed = [
                point
                for point, box in drawn.boxes.items()
                if point not in (arrow.start, arrow.end)
                and min(x0, x1) < box.x + box.w - 1e-6
                and max(x0, x1) > box.x + 1e-6
                and min(y0, y1) < box.bottom - 1e-6
                and max(y0, y1) > box.y + 1e-6
            ]
            assert not crossed, (arrow, crossed)
        for point, (x, y) in ((arrow.start, arrow.corners[0]), (arrow.end, arrow.corners[-1])):
            if point in drawn.boxes:
                box = drawn.boxes[point]
                assert abs(x - box.middle) < 1e-6 and (abs(y - box.y) < 1e-6 or abs(y - box.bottom) < 1e-6)
    assert all(arrow.corners[0][1] <= arrow.corners[-1][1] for arrow in drawn.forward), "forward is down"
    assert all(arrow.corners[0][1] >= arrow.corners[-1][1] for arrow in drawn.undo), "back is up"


@pytest.mark.parametrize("path", SAGAS, ids=lambda path: path.name)
def test_the_examples_are_drawn(path: Path) -> None:
    if path.name.endswith(".test.yaml"):
        return
    for content in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        holds(layout(graph(content)))


@pytest.mark.parametrize("stacked", [False, True])
@given(content=contents())
@settings(max_examples=150, deadline=None)
def test_any_saga_is_drawn(content: dict[str, Any], stacked: bool) -> None:
    holds(layout(graph(content), stacked=stacked))


@given(content=contents())
@settings(max_examples=50, deadline=None)
def test_stacked_it_fits_a_phone_whatever_stands_side_by_side(content: dict[str, Any]) -> None:
    """Three groups in one another are the most here."""
    assert layout(graph(content), stacked=True).width <= 450


def test_each_step_leads_to_what_is_told_about_it() -> None:
    content = {"id": "x", "trigger": "t", "steps": [{"name": "pay", "call": "a:/b", "compensate": "a:/c"}]}
    assert 'href="#step-pay"' in graph_svg(graph(content))
    assert 'href="/runs/1#step-pay"' in graph_svg(graph(content), page="/runs/1")
    assert "href" not in graph_svg(graph(content), page=None)


@pytest.mark.parametrize(
    "step", [{"compensate": "a:/deleteSnapshot"}, {"compensate": "event"}, {"onExhausted": "hitl"}]
)
def test_the_words_of_the_first_saga_and_our_own_are_not_cut(step: dict[str, str]) -> None:
    drawn = graph_svg(graph({"id": "x", "trigger": "t", "steps": [{"name": "pay", "call": "a:/b", **step}]}))
    assert "…" not in drawn


def test_what_stands_in_a_file_is_text_in_the_drawing() -> None:
    hostile = "</text><script>alert(1)</script>\u202e"
    step = {"name": "pay", "call": f"a:/{hostile}", "compensate": f"a:/{hostile}", "when": hostile}
    drawn = graph_svg(graph({"id": "x", "trigger": hostile, "filter": hostile, "steps": [step]}))
    is_harmless(f"<html>{drawn}</html>")
    assert len(re.findall("<text", drawn)) == len(re.findall("</text>", drawn))


@pytest.mark.parametrize(
    ("value", "high"), [(0, 4), (1, 4), (4, 4), (5, 8), (9, 20), (28, 40), (41, 80), (81, 200), (1_900, 2_000)]
)
def test_a_chart_ends_at_a_round_number(value: float, high: float) -> None:
    assert nice(value) == high
