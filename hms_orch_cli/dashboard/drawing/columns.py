"""Columns and lines over time. The shapes stretch with the page; the words beside them do not, so they are HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from hms_orch_cli.dashboard.html import text

WIDE: Final = 1_000
HIGH: Final = 200
GAP: Final = 0.22
"""Part of a column's place that stays free."""

LINES: Final = 4
"""Lines across, and words beside them."""


class Series(NamedTuple):
    """What is drawn in one colour: a value for each place, None where there is none."""

    name: str
    tone: str
    values: Sequence[float | None]


class Axis(NamedTuple):
    """Words along the edges: `high` is the value at the top, `told` the words for 0 and each line up to it; `places`
    stand below, at even distances; `titles` tell each column."""

    high: float
    told: Sequence[str]
    places: Sequence[str]
    titles: Sequence[str]


def nice(value: float) -> float:
    """The next number above that the lines divide into round ones."""
    step = 1.0
    while True:
        for factor in (1, 2, 5):
            if value <= LINES * factor * step:
                return LINES * factor * step
        step *= 10


def columns(series: Sequence[Series], axis: Axis, label: str) -> str:
    """Columns, one series on top of another."""
    count = len(series[0].values)
    place = WIDE / count
    parts = []
    for at in range(count):
        y = float(HIGH)
        for each in series:
            value = each.values[at] or 0
            if not value:
                continue
            height = max(HIGH * value / axis.high, 1.5)
            y -= height
            parts.append(
                f'<rect class="{each.tone}" x="{at * place + place * GAP / 2:.1f}" y="{y:.1f}" '
                f'width="{place * (1 - GAP):.1f}" height="{height:.1f}"/>'
            )
        parts.append(_title(at, place, axis.titles[at]))
    return _chart("".join(parts), series, axis, label)


def lines(series: Sequence[Series], axis: Axis, label: str) -> str:
    """A line for each series, broken where there is nothing."""
    place = WIDE / len(series[0].values)
    parts = []
    for each in series:
        for stretch in _stretches(each.values):
            points = [(at * place + place / 2, HIGH - HIGH * value / axis.high) for at, value in stretch]
            if len(points) == 1:  # a point alone is a short line
                (x, y) = points[0]
                points = [(x - place / 3, y), (x + place / 3, y)]
            told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline class="{each.tone}" points="{told}"/>')
    parts += [_title(at, place, title) for at, title in enumerate(axis.titles)]
    return _chart("".join(parts), series, axis, label)


def _stretches(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    found: list[list[tuple[int, float]]] = []
    before: float | None = None
    for at, value in enumerate(values):
        if value is not None:
            if before is None:
                found.append([])
            found[-1].append((at, value))
        before = value
    return found


def _title(at: int, place: float, words: str) -> str:
    if not words:
        return ""
    return (
        f'<rect class="hover" x="{at * place:.1f}" y="0" width="{place:.1f}" height="{HIGH}">'
        f"<title>{text(words, 300)}</title></rect>"
    )


def _chart(shapes: str, series: Sequence[Series], axis: Axis, label: str) -> str:
    grid = "".join(
        f'<line x1="0" x2="{WIDE}" y1="{HIGH * line / LINES:.1f}" y2="{HIGH * line / LINES:.1f}"/>'
        for line in range(LINES + 1)
    )
    beside = "".join(f"<span>{text(word, 20)}</span>" for word in reversed(axis.told))
    below = "".join(f"<span>{text(word, 20)}</span>" for word in axis.places)
    key = "".join(f'<li class="{each.tone}">{text(each.name, 40)}</li>' for each in series)
    return (
        f'<ul class="key">{key}</ul><div class="plot"><div class="beside" aria-hidden="true">{beside}</div>'
        f'<svg viewBox="0 0 {WIDE} {HIGH}" preserveAspectRatio="none" role="img" aria-label="{text(label, 300)}">'
        f'<g class="grid">{grid}</g>{shapes}</svg><div class="below" aria-hidden="true">{below}</div></div>'
    )
