"""The times of a run: a line for each call, undo and wait, drawn to one scale."""

from __future__ import annotations

from typing import Final

from hms_orch_cli.dashboard.html import text
from hms_orch_cli.saga.moment import duration
from hms_orch_cli.views.timings import Line, Stretch

WIDE: Final = 1_000
"""Units across, whatever the width on the screen."""

THIN: Final = 4
"""Units of the shortest stretch, so that it is seen."""

TICKS: Final = 4


def gantt(lines: list[Line], begin: int, end: int) -> str:
    """The lines from `begin` to `end` (milliseconds since 1970)."""
    whole = max(end - begin, 1)
    rows = "".join(_row(line, begin, end, whole) for line in lines)
    ticks = "".join(f"<span>{duration(whole * tick // TICKS)}</span>" for tick in range(TICKS + 1))
    scale = f'<li class="scale" aria-hidden="true"><div></div><div>{ticks}</div><div></div></li>'
    return f'<ol class="gantt">{rows}{scale}</ol>'


def _row(line: Line, begin: int, end: int, whole: int) -> str:
    bars = "".join(_bar(each, begin, end, whole) for each in line.stretches)
    first, last = line.stretches[0].begin, line.stretches[-1].end
    name = text(line.step, 130) if line.step else "the lock"
    what = f"<small>{line.what}</small>" if line.what == "undo" else ""
    spent = duration((end if last is None else last) - first)
    return (
        f'<li data-key="{line.what} {name}"><div class="who" title="{name}">{name} {what}</div>'
        f'<svg viewBox="0 0 {WIDE} 20" preserveAspectRatio="none" role="img" aria-label="{_said(line, end)}">'
        f"{bars}</svg>"
        f'<div class="took">{spent}</div></li>'
    )


def _bar(stretch: Stretch, begin: int, end: int, whole: int) -> str:
    until = end if stretch.end is None else stretch.end
    x = WIDE * (stretch.begin - begin) / whole
    width = max(WIDE * (until - stretch.begin) / whole, THIN)
    x = min(x, WIDE - width)
    high, y = (6, 7) if stretch.kind in ("pause", "wait") else (14, 3)
    going = " going" if stretch.end is None else ""
    return (
        f'<rect class="t-{stretch.kind}{going}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{high}">'
        f"<title>{_told(stretch, until)}</title></rect>"
    )


def _told(stretch: Stretch, until: int) -> str:
    said = f": {stretch.said}" if stretch.said else ""
    return text(f"{stretch.kind}, {duration(until - stretch.begin)}{said}", 300)


def _said(line: Line, end: int) -> str:
    parts = [_told(each, end if each.end is None else each.end) for each in line.stretches[:12]]
    return "; ".join(parts)
