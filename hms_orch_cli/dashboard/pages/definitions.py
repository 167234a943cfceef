"""The definitions: what events start, and one of them with its drawing, its revisions and its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.drawing.graph import graph_svg
from hms_orch_cli.dashboard.frame import page
from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.pages.runs import run_line
from hms_orch_cli.dashboard.pages.wishes import button
from hms_orch_cli.dashboard.words import facts_list, href, moment, number, plural, pretty, state
from hms_orch_cli.errors import NotFound
from hms_orch_cli.saga.definition import Saga, saga_from
from hms_orch_cli.saga.moment import from_rfc3339
from hms_orch_cli.views.graph import graph_of

RUNS: Final = 8
"""Runs of a definition that its page shows: the newest."""

REVISIONS: Final = 50
BACK: Final = '<p class="back"><a href="/definitions">← Definitions</a></p>'

LEGEND: Final = (
    '<p class="legend">Down the left: what is called. Up the right, dashed: what undoes it when a later step fails.</p>'
)

EMPTY: Final = """<section class="card empty">
<h2>No saga is deployed</h2>
<p>A definition says which event starts a run, which services are called, and how each step is undone.
<code>hms-orch init</code> writes an example; this makes it hold:</p>
<pre><b>hms-orch validate</b> sagas/benefit-increase.yaml
<b>hms-orch deploy</b> sagas/benefit-increase.yaml</pre>
</section>"""


async def show(office: Office, request: Request) -> Response:
    """The definitions that hold, by id."""
    seq = office.last_seq()
    found = office.definitions()
    if not found:
        body = f'<div class="lead"><h1>Definitions</h1></div>{EMPTY}'
    else:
        about = f"{plural(len(found), 'saga')}, by the event that starts a run."
        cards = "".join(_card(office, each) for each in found)
        lead = f'<div class="lead"><h1>Definitions</h1><p class="about">{about}</p></div>'
        body = f'{lead}<ul class="definitions">{cards}</ul>'
    return page(office, request, "Definitions", body, place="/definitions", seq=seq)


async def one(office: Office, request: Request) -> Response:
    """One definition, as it holds or in the revision that the query names."""
    seq = office.last_seq()
    name, asked = request.path_params["id"], request.query_params.get("revision")
    try:
        revisions = office.revisions(name)
        told = office.definition(name, asked or revisions[0]["revision"])
    except NotFound as error:
        body = f'{BACK}<section class="card empty"><h1>{text(error.message)}</h1><p>{text(error.hint)}</p></section>'
        return page(office, request, "No such definition", body, place="/definitions", status=404, seq=seq)
    saga = saga_from(told["content"], told["revision"])
    return page(office, request, name, _one(office, saga, told["content"], revisions), place="/definitions", seq=seq)


def _card(office: Office, told: Mapping[str, Any]) -> str:
    saga = saga_from(told["content"], told["revision"])
    name = told["id"]
    flying = sum(told["inFlight"].values())
    ended = office.totals().counts.get("ended", {})
    ends = "".join(
        f"<li><b>{number(ended[label])}</b> {word}</li>"
        for word in ("completed", "failed", "cancelled", "abandoned")
        if (label := f"{name}|{word}") in ended
    )
    steps = plural(len(saga.steps), "step")
    without = sum(step.compensate is None for step in saga.steps.values())
    if without:
        steps += f", {without} without undo"
    paused = state("PAUSED") if told["paused"] else ""
    return (
        f'<li class="card definition" data-key="{text(name)}">'
        f'<h2><a data-row href="{href("definitions", name)}">{text(name, 130)}</a>{paused}</h2>'
        f'<p class="trigger"><code>{text(" or ".join(saga.triggers), 200)}</code></p>'
        f'<p class="hint">{steps}</p>'
        f'<ul class="ends"><li><b>{flying}</b> in flight</li>{ends}</ul></li>'
    )


def _one(office: Office, saga: Saga, content: Mapping[str, Any], revisions: Sequence[Mapping[str, Any]]) -> str:
    newest = revisions[0]
    holds = newest["undeployedAt"] is None
    word = "" if holds else state("ABANDONED").replace("abandoned", "undeployed")
    paused = office.is_paused(saga.id)
    if paused and holds:
        word = state("PAUSED")
    runs = office.runs(saga=saga.id, limit=RUNS)
    now = office.clock.now_ms()
    lines = "".join(run_line(row, now) for row in runs)
    more = f'<p class="pages"><a class="button" href="{href(saga=saga.id)}">All its runs →</a></p>'
    none = '<section class="card empty"><p>None yet. An event of its type starts one.</p></section>'
    old = ""
    if saga.revision != newest["revision"]:
        old = (
            '<div class="why asks"><p>This is an earlier revision. Runs that began with it keep it.</p>'
            f'<a class="button" href="{href("definitions", saga.id)}">The newest</a></div>'
        )
    actions = _actions(saga.id, paused) if holds else ""
    return f"""{BACK}
<div class="lead"><h1>{text(saga.id)}</h1>{word}{actions}</div>
{old}{_facts(saga)}
<div class="halves">
<section aria-label="Drawing" class="card drawing">{graph_svg(graph_of(saga), page=None)}{LEGEND}</section>
<section aria-label="Revisions"><h2 class="first">Revisions</h2>
<ol class="card revisions">{"".join(_revision(saga, each) for each in revisions[:REVISIONS])}</ol>
<details class="content" data-key="content"><summary>The definition as JSON</summary><pre>{pretty(content)}</pre>
</details></section></div>
<h2>Runs</h2>{f'<ol class="card runs">{lines}</ol>{more}' if runs else none}"""


def _facts(saga: Saga) -> str:
    facts = [("Trigger", " or ".join(f"<code>{text(each, 200)}</code>" for each in saga.triggers))]
    if saga.filter:
        facts.append(("Filter", f"<code>{text(saga.filter, 300)}</code>"))
    if saga.lock is not None:
        facts.append(("Lock", f"<code>{text(saga.lock.key, 200)}</code> <small>{text(saga.lock.on_conflict)}</small>"))
    facts.append(("Revision", f'<code title="{text(saga.revision)}">{text(saga.revision[:12])}</code>'))
    return facts_list(facts)


def _revision(saga: Saga, told: Mapping[str, Any]) -> str:
    here = ' aria-current="true"' if told["revision"] == saga.revision else ""
    flying = f"<small>{plural(told['inFlight'], 'run')} in flight</small>" if told["inFlight"] else ""
    changes = "".join(f"<li>{text(change, 300)}</li>" for change in told["changes"][:12])
    more = f"<li>and {len(told['changes']) - 12} more</li>" if len(told["changes"]) > 12 else ""
    ended = f"<li>undeployed {moment(from_rfc3339(told['undeployedAt']))}</li>" if told["undeployedAt"] else ""
    address = href("definitions", saga.id, revision=told["revision"])
    when = moment(from_rfc3339(told["deployedAt"]), ago=True)
    return (
        f'<li data-key="{text(told["revision"])} {text(told["deployedAt"])}"><div class="head">'
        f'<a href="{address}"{here}><code>{text(told["revision"][:12])}</code></a>{when}{flying}</div>'
        f"<ul>{ended}{changes}{more}</ul></li>"
    )


def _actions(name: str, paused: bool) -> str:
    if paused:
        ask = button(
            "Resume",
            post=f"/v1/definitions/{name}/resume",
            title="Resume this definition?",
            says="It meets the events that have waited, each once, in the revision that held when it came.",
            sure="Resume the definition",
            main=True,
        )
    else:
        ask = button(
            "Pause",
            post=f"/v1/definitions/{name}/pause",
            title="Pause this definition?",
            says="Its events wait in the log, and start no run. Runs in flight go on.",
            sure="Pause the definition",
        )
    return f'<div class="actions" role="group" aria-label="What can be done">{ask}</div>'
