"""The events of a run, in the order of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.words import pretty
from hms_orch_cli.ports.store import Event

SHOWN: Final = 400
"""Events of a run that the page shows: the newest."""

TONES: Final = {
    "saga.step.succeeded": "s-succeeded",
    "saga.completed": "s-succeeded",
    "saga.step.failed": "s-failed",
    "saga.failed": "s-failed",
    "saga.step.stuck": "s-stuck",
    "saga.stuck": "s-stuck",
    "saga.step.held": "s-failed",
    "saga.step.retrying": "s-retrying",
    "saga.step.doubted": "s-unknown",
    "saga.compensating": "s-compensating",
    "saga.compensate": "s-compensating",
    "saga.step.compensated": "s-compensated",
    "hitl.queued": "s-waiting",
    "hitl.decided": "s-waiting",
}


def events_list(events: Sequence[Event]) -> str:
    """Each with what it is about; its data is to be opened."""
    lines = "".join(map(_line, events[-SHOWN:]))
    left_out = ""
    if len(events) > SHOWN:
        left_out = f'<p class="hint">the newest {SHOWN} of {len(events)}; GET /v1/sagas/{{id}} has all</p>'
    return f'{left_out}<ol class="card events">{lines}</ol>'


def _line(event: Event) -> str:
    time = text(event.time, 40)
    more = ""
    if event.data:
        data = pretty(orjson.loads(event.data))
        more = f'<details data-key="event {event.seq}"><summary>data</summary><pre>{data}</pre></details>'
    return (
        f'<li class="{TONES.get(event.type, "s-pending")}" data-key="{event.seq}">'
        f'<time datetime="{time}" title="{time}">{text(event.time[11:23], 20)}</time>'
        f'<div><b>{text(event.type, 200)}</b> <span class="told">{text(_told(event.data), 300)}</span> {more}</div>'
        f'<small title="position in the log">{event.seq}</small></li>'
    )


def _told(data: str | None) -> str:
    """What an event is about, in a line: the step, which attempt, what was said, who did it."""
    value = orjson.loads(data) if data else None
    if not isinstance(value, dict):
        return ""
    step = value.get("step")
    name = step.get("name") if isinstance(step, dict) else step
    attempt = value.get("attempt")
    again = f"attempt {attempt}" if isinstance(attempt, int) and attempt > 1 else None
    said = value.get("decision") or value.get("summary") or value.get("reason")
    by = f"by {value['actor']}" if isinstance(value.get("actor"), str) else None
    note = value.get("note")
    return " · ".join(words for words in (name, again, said, by, note) if isinstance(words, str) and words)
