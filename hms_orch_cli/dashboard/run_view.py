"""Runs as HTML: a row of the list, and the timeline of one."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from hms_orch_cli.application.overview import RunView
from hms_orch_cli.dashboard.html import text
from hms_orch_cli.ports import Event, RunRow
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.views.states import SIGNS

BACK: Final = '<p class="back"><a href="/">all runs</a></p>'
DATA: Final = 4_000
"""Characters of an event's data that the page shows."""


def run_rows(rows: list[RunRow], now_ms: int) -> str:
    """The rows of the list."""
    return "".join(_row(row, now_ms) for row in rows)


def timeline(view: RunView, now_ms: int) -> str:
    """One run: what holds, its steps, and every event of it."""
    row = view.row
    cause = f"{text(row.event_type, 200)} <small>{text(row.event_source, 200)} · {text(row.event_id, 200)}</small>"
    facts = [
        ("run", f"<code>{text(row.saga_id)}</code>"),
        ("revision", f'<code title="{text(row.revision)}">{text(row.revision[:12])}</code>'),
        ("event", cause),
        ("started", _moment(row.started_at)),
        ("took" if row.ended_at is not None else "for", duration((row.ended_at or now_ms) - row.started_at)),
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    steps = "".join(_step_line(step) for step in orjson.loads(row.steps))
    events = "".join(_event(event) for event in view.events)
    return f"""{BACK}
<h1>{text(row.saga)} {_state(row.state)}</h1>
{_reason(row)}<dl class="facts">{listed}</dl>
<h2>Steps</h2><ol class="steplist">{steps}</ol>
<h2>Timeline</h2><ol class="timeline">{events}</ol>"""


def duration(ms: int) -> str:
    """`250 ms`, `3.4 s`, `3 m 14 s`, `2 h 5 m`, `4 d 2 h`."""
    if ms < 1_000:
        return f"{max(ms, 0)} ms"
    seconds = ms // 1_000
    if seconds < 60:
        return f"{ms / 1_000:.1f} s"
    for unit, name, below, small in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= unit:
            return f"{seconds // unit} {name} {seconds % unit // below} {small}"
    raise AssertionError("a minute is the smallest of them")


def _row(row: RunRow, now_ms: int) -> str:
    took = duration((row.ended_at or now_ms) - row.started_at)
    marks = "".join(_mark(step) for step in orjson.loads(row.steps))
    href = text("/runs/" + quote(row.saga_id, safe=""), 2_000)
    same = text("/?" + urlencode({"saga": row.saga}), 2_000)
    return (
        f'<li class="run {_tone(row.state)}">{_state(row.state)}'
        f'<div class="what"><a class="name" href="{href}">{text(row.saga, 130)}</a>'
        f'<a class="same" href="{same}" title="only this saga">only this</a>{_reason(row)}</div>'
        f'<div class="marks">{marks}</div>'
        f'<div class="when"><span>{_moment(row.started_at)}</span><span class="took">{took}</span></div></li>'
    )


def _reason(row: RunRow) -> str:
    return f'<p class="reason">{text(row.reason)}</p>' if row.reason else ""


def _state(state: str) -> str:
    return f'<span class="state {_tone(state)}">{text(state.lower(), 40)}</span>'


def _tone(state: str) -> str:
    """The class that gives a state its colour."""
    return "s-" + "".join(letter for letter in state.lower() if letter.isalnum())


def _moment(at_ms: int) -> str:
    told = rfc3339(at_ms)
    return f'<time datetime="{told}" title="{told}">{told[:10]} {told[11:19]}</time>'


def _mark(step: dict[str, Any]) -> str:
    state = str(step["state"])
    title = f"{step['name']}: {state.lower()}"
    if step.get("summary"):
        title += f" · {step['summary']}"
    sign, told = SIGNS.get(state, "?"), text(title)
    return f'<span class="mark {_tone(state)}" role="img" aria-label="{told}" title="{told}">{sign}</span>'


def _step_line(step: dict[str, Any]) -> str:
    state, attempts = str(step["state"]), int(step["attempts"])
    tries = f"{attempts} attempts" if attempts > 1 else ""
    return (
        f'<li><span class="mark {_tone(state)}" aria-hidden="true">{SIGNS.get(state, "?")}</span>'
        f'<b>{text(str(step["name"]), 130)}</b><span class="how">{text(state.lower(), 40)}</span>'
        f"<span>{text(str(step.get('summary') or ''))}</span><small>{tries}</small></li>"
    )


def _event(event: Event) -> str:
    data = _pretty(event.data)
    more = f"<details><summary>data</summary><pre>{data}</pre></details>" if data else ""
    told, time = _told(event.data), text(event.time, 40)
    return (
        f'<li><time datetime="{time}" title="{time}">{text(event.time[11:23], 20)}</time>'
        f'<div><b>{text(event.type, 200)}</b> <span class="how">{text(told, 300)}</span> {more}</div>'
        f"<small>{event.seq}</small></li>"
    )


def _told(data: str | None) -> str:
    """What an event is about, in a line: the step, which attempt, and what was said."""
    value = orjson.loads(data) if data else None
    if not isinstance(value, dict):
        return ""
    step = value.get("step")
    name = step.get("name") if isinstance(step, dict) else step
    attempt = value.get("attempt")
    again = f"attempt {attempt}" if isinstance(attempt, int) and attempt > 1 else None
    said = value.get("summary") or value.get("reason")
    return " · ".join(words for words in (name, again, said) if isinstance(words, str) and words)


def _pretty(data: str | None) -> str:
    if not data:
        return ""
    lines = orjson.dumps(orjson.loads(data), option=orjson.OPT_INDENT_2).decode()
    shown = "\n".join(text(line, DATA) for line in lines[:DATA].split("\n"))
    return shown + ("\n…" if len(lines) > DATA else "")
