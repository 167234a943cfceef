"""One run: where it stands and why, its steps with what was sent and answered, its times, and every event of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.application.operations import possible
from hms_orch_cli.application.overview import RunView, timeline_json
from hms_orch_cli.dashboard.drawing.gantt import gantt
from hms_orch_cli.dashboard.drawing.graph import graph_svg
from hms_orch_cli.dashboard.frame import page
from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.pages.events import events_list
from hms_orch_cli.dashboard.pages.locks import SEARCH
from hms_orch_cli.dashboard.pages.steps import step_cards
from hms_orch_cli.dashboard.pages.wishes import button
from hms_orch_cli.dashboard.words import event_of, facts_list, href, moment, sentence, state, took
from hms_orch_cli.errors import NotFound
from hms_orch_cli.views.graph import graph_of
from hms_orch_cli.views.runs import items_of
from hms_orch_cli.views.timings import timings

BACK: Final = '<p class="back"><a href="/">← Runs</a></p>'


async def show(office: Office, request: Request) -> Response:
    """One run."""
    seq = office.last_seq()
    try:
        view = office.run(request.path_params["id"])
    except NotFound as error:
        body = f'{BACK}<section class="card empty"><h1>{text(error.message)}</h1><p>{text(error.hint)}</p></section>'
        return page(office, request, "No such run", body, place="/", status=404, seq=seq)
    return page(office, request, f"{view.row.saga} {view.row.state.lower()}", _run(office, view), place="/", seq=seq)


def _run(office: Office, view: RunView) -> str:
    now = office.clock.now_ms()
    told = timeline_json(view)
    lines = timings(told["timeline"])
    graph = graph_svg(graph_of(view.run.saga, told))
    cards = step_cards(view.run.saga, told["steps"], office.exchanges(view.row.saga_id))
    times = ""
    if lines:
        times = f'<h2>Times</h2><div class="card">{gantt(lines, view.row.started_at, view.row.ended_at or now)}</div>'
    return f"""{BACK}
<div class="lead"><h1>{text(view.row.saga)}</h1>{state(view.row.state)}{_actions(view, now)}</div>
{_why(office, view)}
{_facts(view, told, now)}
<div class="halves">
<section aria-label="Drawing" class="card drawing">{graph}</section>
<section aria-label="Steps"><h2 class="unseen">Steps</h2>{cards}</section>
</div>
{times}
<h2>Events</h2>{events_list(view.events)}"""


def _why(office: Office, view: RunView) -> str:
    """Why it does not move, and the way to who can move it."""
    if view.row.state == "COMPLETED":
        return ""
    explained = office.explain(view.row.saga_id)
    items = [item for item in items_of(view.run) if item["id"] in explained["items"]]
    links = "".join(
        f'<a class="button" href="{href("hitl", item["id"])}">Decide about {text(item["step"] or item["saga"], 60)}</a>'
        for item in items
    )
    tone = "grave" if view.row.state in ("STUCK", "FAILED") else "asks" if items else ""
    return f'<div class="why {tone}"><p>{sentence(_COMMAND.sub("", explained["explanation"]))}</p>{links}</div>'


_COMMAND: Final = re.compile(r" \(hms-orch hitl decide [^)]*\)")
"""How a person decides in a terminal: here there is a button."""


def _facts(view: RunView, told: Mapping[str, Any], now: int) -> str:
    row = view.row
    revision = href("definitions", row.saga, revision=row.revision)
    facts = [
        ("Run", f'<code class="id">{text(row.saga_id)}</code>'),
        ("Event", event_of(row)),
        ("Started", moment(row.started_at, ago=True)),
        ("Took" if row.ended_at is not None else "Under way for", took(row.started_at, row.ended_at, now)),
        ("Revision", f'<a href="{revision}"><code>{text(row.revision[:12])}</code></a>'),
    ]
    if row.lock_key is not None:
        line = href("locks", text=row.lock_key[:SEARCH])
        holds = f"held, fence {row.fence}" if row.fence else "waits in line"
        facts.append(("Lock", f'<a href="{line}"><code>{text(row.lock_key, 120)}</code></a> <small>{holds}</small>'))
    for name, word in (("redriveOf", "In place of"), ("replacedBy", "Replaced by")):
        if told[name]:
            facts.append((word, f'<a href="{href("runs", told[name])}"><code>{text(told[name])}</code></a>'))
    return facts_list(facts)


_ACTIONS: Final[Mapping[str, str]] = {
    "pause": "Nothing begins any more; what is in flight settles.",
    "resume": "It goes on where it stands.",
    "redrive": "If it has undone nothing it goes on where it failed; otherwise a new run takes its place.",
    "cancel": "What is in flight settles, then everything that may have taken effect is undone:",
    "abandon": "It is closed as it stands. Nothing is undone, and nobody is called again.",
}
"""Verb -> what follows from it."""


def _actions(view: RunView, now: int) -> str:
    id_ = view.row.saga_id
    buttons = [
        button(
            verb.capitalize(),
            post=f"/v1/sagas/{id_}/{verb}",
            title=f"{verb.capitalize()} this run?",
            says=_ACTIONS[verb],
            sure=f"{verb.capitalize()} the run",
            plan=f"/v1/sagas/{id_}/plan" if verb == "cancel" else "",
            grave=verb in ("cancel", "abandon"),
            needs_note=verb == "abandon",
            follow="sagaId" if verb == "redrive" else "",
        )
        for verb in possible(view.run, now)
    ]
    return (
        f'<div class="actions" role="group" aria-label="What can be done">{"".join(buttons)}</div>' if buttons else ""
    )
