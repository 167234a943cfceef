"""What waits for a person: the queue, and one item with its decisions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.application.overview import timeline_json
from hms_orch_cli.dashboard.drawing.graph import graph_svg
from hms_orch_cli.dashboard.frame import page
from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.pages.decisions import ABOUT, CHOICES, question
from hms_orch_cli.dashboard.pages.wishes import button
from hms_orch_cli.dashboard.words import event_of, href, moment, plural, sentence, state, took
from hms_orch_cli.errors import NotFound
from hms_orch_cli.saga.moment import from_rfc3339
from hms_orch_cli.views.graph import graph_of

SHOWN: Final = 200
"""Items of the queue that the page shows: the oldest."""

BACK: Final = '<p class="back"><a href="/hitl">← Decisions</a></p>'

EMPTY: Final = """<section class="card empty">
<h2>Nobody has to decide anything</h2>
<p>A question appears here when a step waits for an approval, when an undo keeps failing, when a saga says
<code>onExhausted: hitl</code> and a step has failed, and when runs of a saga fail in a row.</p>
<p>Each can be decided here or with <code>hms-orch hitl decide</code>, once, with a note that stays in the log.
<code>[hitl] webhook</code> tells a pager of each new one.</p>
</section>"""


async def queue(office: Office, request: Request) -> Response:
    """The open items, the oldest first."""
    seq = office.last_seq()
    items = await asyncio.to_thread(office.items)
    if not items:
        return page(
            office, request, "Decisions", f'<div class="lead"><h1>Decisions</h1></div>{EMPTY}', place="/hitl", seq=seq
        )
    now = office.clock.now_ms()
    lines = "".join(_line(item, now) for item in items[:SHOWN])
    more = f'<p class="hint">the oldest {SHOWN} of {len(items)}</p>' if len(items) > SHOWN else ""
    about = f"{plural(len(items), 'question waits', 'questions wait')} for a person, the oldest first."
    body = f"""<div class="lead"><h1>Decisions</h1><p class="about">{about}</p></div>
<ol class="card runs items">{lines}</ol>{more}"""
    return page(office, request, "Decisions", body, place="/hitl", seq=seq)


async def item(office: Office, request: Request) -> Response:
    """One item: what is asked, what can be decided, and what the run looks like; or what became of it."""
    seq = office.last_seq()
    try:
        found = office.item(request.path_params["id"])
    except NotFound as error:
        body = f'{BACK}<section class="card empty"><h1>{text(error.message)}</h1><p>{text(error.hint)}</p></section>'
        return page(office, request, "No such item", body, place="/hitl", status=404, seq=seq)
    title = question(found)
    is_open = found["state"] == "open"
    decided = _choices(found) if is_open else _end(found)
    body = f"""{BACK}
<div class="lead"><h1>{text(title, 500)}</h1>{_kind(found["kind"])}</div>
<div class="halves item"><section aria-label="The question">
{_facts(found, office.clock.now_ms())}
{decided}</section>
{_run(office, found)}</div>"""
    return page(office, request, title, body, place="/hitl", seq=seq)


def _line(item: Mapping[str, Any], now: int) -> str:
    since = from_rfc3339(item["since"])
    step = f" · {text(item['step'], 130)}" if item["step"] else ""
    reason = "" if item["kind"] == "approval" else f'<p class="sub">{sentence(item["reason"])}</p>'
    until = f" · until {sentence(item['expiresAt'])}" if item["expiresAt"] else ""
    decisions = ", ".join(item["decisions"])
    return (
        f'<li class="run" data-key="{text(item["id"])}">{_kind(item["kind"])}'
        f'<div class="what"><a class="name" data-row href="{href("hitl", item["id"])}">{text(question(item), 300)}</a>'
        f'{reason}<p class="sub">{text(item["saga"], 130)}{step}{until}</p></div>'
        f'<p class="sub choices">{text(decisions)}</p>'
        f'<div class="when">{took(since, None, now)}</div></li>'
    )


def _kind(kind: str) -> str:
    tone = "s-stuck" if kind == "undo" else "s-waiting" if kind == "approval" else "s-paused"
    return f'<span class="state {tone}">{text(kind, 40)}</span>'


def _facts(item: Mapping[str, Any], now: int) -> str:
    since = from_rfc3339(item["since"])
    facts = []
    if item["kind"] != "approval":
        facts.append(("Why", sentence(item["reason"])))
    facts.append(("About", ABOUT.get(item["kind"], "")))
    run = text(item["saga"], 130)
    if item["sagaId"]:
        run = f'<a href="{href("runs", item["sagaId"])}">{run}</a>'
    facts.append(("Saga", run))
    if item["step"]:
        facts.append(("Step", f"<code>{text(item['step'], 130)}</code>"))
    open_for = took(since, None if item["ended"] is None else from_rfc3339(item["ended"]), now)
    facts.append(("Asked", f"{moment(since, ago=True)} <small>open for {open_for}</small>"))
    if item["expiresAt"]:
        facts.append(("Expires", moment(from_rfc3339(item["expiresAt"]))))
    facts.append(("Item", f"<code class='id'>{text(item['id'])}</code>"))
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    return f'<dl class="card asked">{rows}</dl>'


def _choices(item: Mapping[str, Any]) -> str:
    cards = "".join(_choice(item, decision, place == 0) for place, decision in enumerate(item["decisions"]))
    return f'<h2>Decide</h2><p class="hint only-looks-on">An operator decides.</p><ul class="decide">{cards}</ul>'


def _choice(item: Mapping[str, Any], decision: str, first: bool) -> str:
    choice = CHOICES[item["kind"], decision]
    ask = button(
        choice.word,
        post=f"/v1/hitl/{item['id']}",
        title=f"{choice.word}?",
        says=choice.follows,
        plan=f"/v1/sagas/{item['sagaId']}/plan" if choice.undoes else "",
        grave=choice.grave,
        main=first,
        needs_note=True,
        output=choice.output,
        body={"decision": decision},
    )
    return f'<li class="card"><p>{text(re.sub(":$", ".", choice.follows))}</p>{ask}<code>{text(decision)}</code></li>'


def _end(item: Mapping[str, Any]) -> str:
    when = moment(from_rfc3339(item["ended"]))
    if item["state"] == "closed":
        said = f"It was closed by itself, {when}: {text(item['note'] or '')}."
    else:
        said = f"<b>{text(item['decision'])}</b>, decided by <b>{text(item['actor'], 200)}</b>, {when}."
        if item["note"]:
            said += f'</p><p class="quoted">{text(item["note"])}'
    return f'<div class="why done"><p>{said}</p></div>'


def _run(office: Office, item: Mapping[str, Any]) -> str:
    """The run that it is about, as it stands now."""
    if not item["sagaId"]:
        runs = f"The runs of {text(item['saga'], 130)}"
        return f'<p class="lead"><a class="button" href="{href(saga=item["saga"])}">{runs}</a></p>'
    view = office.run(item["sagaId"])
    graph = graph_svg(graph_of(view.run.saga, timeline_json(view)), page=href("runs", item["sagaId"]))
    event = f'<p class="hint">started by {event_of(view.row)}</p>'
    return f'<section class="card drawing"><h2>The run {state(view.row.state)}</h2>{event}{graph}</section>'
