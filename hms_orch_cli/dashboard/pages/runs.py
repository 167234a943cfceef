"""The runs: what is under way, what went wrong, what is done; by state, saga and text, a page at a time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.frame import page
from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.reading import choices
from hms_orch_cli.dashboard.words import href, moment, number, plural, sentence, state, tone, took, track
from hms_orch_cli.ports.store import RunRow
from hms_orch_cli.views.states import STATES

ROWS: Final = 50
TAIL: Final = 500
"""Events behind the run list that a page waits for; while more come in, it shows what was a moment ago."""

SEARCH: Final = 200
"""Characters of a search that are looked for."""

USUAL_STATES: Final = ("RUNNING", "STUCK", "COMPLETED", "FAILED")
"""Those that the page always offers; the others when a run is in them."""

SHOWN_STATES: Final = tuple(word for word in STATES if word != "SKIPPED")

EMPTY: Final = """<section class="card empty">
<h2>Nothing has run yet</h2>
<p>A saga is a list of steps, each with its undo. Deploy one, keep <code>up</code> running, and publish an event that
triggers it:</p>
<pre><b>hms-orch deploy</b> sagas/benefit-increase.yaml
<b>hms-orch up</b>
<b>hms-bus publish</b> policy.changed --data '{"policyId":"dol.unemployment.v3"}'</pre>
<p>The run appears here by itself, and moves while you look.</p>
</section>"""


class Chosen(NamedTuple):
    """What the address asks for."""

    states: list[str]
    saga: str | None
    text: str
    before: str | None

    def address(self, **but: str | None) -> str:
        """The address of this list, with some of it otherwise."""
        asked: dict[str, str | None] = {"state": ",".join(self.states).lower(), "saga": self.saga, "text": self.text}
        return href(**asked | but)


async def show(office: Office, request: Request) -> Response:
    """The runs, newest first."""
    seq = office.last_seq()
    asked = request.query_params
    words = (asked.get("text") or "").strip()[:SEARCH]
    chosen = Chosen(choices(request, "state", SHOWN_STATES), asked.get("saga") or None, words, asked.get("before"))
    wanted: dict[str, Any] = {
        "saga": chosen.saga,
        "states": chosen.states,
        "text": chosen.text,
        "before": chosen.before,
        "limit": ROWS + 1,
        "tail_limit": TAIL,
    }
    rows = await asyncio.to_thread(partial(office.runs, **wanted)) if words else office.runs(**wanted)
    nothing = not (rows or chosen.states or chosen.saga or chosen.text or chosen.before)
    if nothing:
        body = f'<div class="lead"><h1>Runs</h1></div>{EMPTY}'
    else:
        body = _lead(office, chosen) + _filters(office, chosen) + _list(rows, chosen, office.clock.now_ms())
    behind = seq - office.folded_to() > TAIL
    return page(office, request, "Runs", body, place="/", seq=seq, behind=behind)


def run_line(row: RunRow, now_ms: int, *, same: str = "") -> str:
    """One row of the list; `same` leads to the runs of its saga alone."""
    only = f'<a class="same" href="{same}">only this saga</a>' if same else ""
    cause = f"{text(row.event_type, 130)} · <span class='mono'>{text(row.saga_id[-12:])}</span>"
    said = sentence(row.reason) if row.reason else cause
    kind = "sub reason" if row.reason and row.state in ("STUCK", "FAILED") else "sub"
    return (
        f'<li class="run {tone(row.state)}" data-key="{text(row.saga_id)}">{state(row.state)}'
        f'<div class="what"><a class="name" data-row href="{href("runs", row.saga_id)}">{text(row.saga, 130)}</a>{only}'
        f'<p class="{kind}" title="{text(row.reason)}">{said}</p></div>'
        f"{track(orjson.loads(row.steps))}"
        f'<div class="when">{took(row.started_at, row.ended_at, now_ms)}{moment(row.started_at, ago=True)}</div></li>'
    )


def _lead(office: Office, chosen: Chosen) -> str:
    ids = office.saga_ids()
    if chosen.saga is not None and chosen.saga not in ids:
        ids = [chosen.saga, *ids]
    sagas = "".join(
        f'<option value="{text(saga)}"{" selected" if saga == chosen.saga else ""}>{text(saga, 60)}</option>'
        for saga in ids
    )
    states = ",".join(chosen.states).lower()
    kept = f'<input type="hidden" name="state" value="{states}">' if states else ""
    return f"""<div class="lead"><h1>Runs</h1>
<form class="search" role="search" action="/" method="get" data-keep>{kept}
<input type="search" name="text" value="{text(chosen.text)}" maxlength="{SEARCH}" aria-label="Search"\
 placeholder="Search id, event, reason …" autocomplete="off" spellcheck="false">
<select name="saga" aria-label="Saga"><option value="">all sagas</option>{sagas}</select>
<button class="button">Search</button></form></div>"""


def _filters(office: Office, chosen: Chosen) -> str:
    """A row of links, with the number of runs in a state that is no end."""
    counts: dict[str, int] = {}
    for (_, word), count in office.gauges().in_flight.items():
        counts[word] = counts.get(word, 0) + count
    shown = [word for word in SHOWN_STATES if word in USUAL_STATES or word in chosen.states or counts.get(word)]
    links = [_filter("all", chosen.address(state=None), not chosen.states)]
    for word in shown:
        address = chosen.address(state=word.lower())
        links.append(_filter(word.lower(), address, chosen.states == [word], counts.get(word, 0), tone(word)))
    extra = ""
    if chosen.text:
        extra += f'<a class="chosen" href="{chosen.address(text=None)}">“{text(chosen.text, 40)}” ✕</a>'
    if chosen.saga is not None:
        extra += f'<a class="chosen" href="{chosen.address(saga=None)}">{text(chosen.saga, 130)} ✕</a>'
    return f'<nav class="filters" aria-label="State">{"".join(links)}{extra}</nav>'


def _filter(words: str, address: str, is_chosen: bool, count: int = 0, colour: str = "") -> str:
    current = ' aria-current="true"' if is_chosen else ""
    told = f"<b>{number(count)}</b>" if count else ""
    return f'<a class="{colour}" href="{address}"{current}>{words}{told}</a>'


def _list(rows: list[RunRow], chosen: Chosen, now_ms: int) -> str:
    if not rows:
        return (
            '<section class="card empty"><h2>No run fits</h2>'
            "<p>Nothing is in this state, of this saga, with these words. A search looks at ids, names, events and "
            'reasons.</p><p><a href="/">Show all runs</a></p></section>'
        )
    lines = "".join(run_line(row, now_ms, same=chosen.address(saga=row.saga)) for row in rows[:ROWS])
    newest = f'<a class="button" href="{chosen.address()}">← Newest</a>' if chosen.before else "<span></span>"
    older = ""
    if len(rows) > ROWS:
        older = f'<a class="button" rel="next" href="{chosen.address(before=rows[ROWS - 1].saga_id)}">Older →</a>'
    pages = f'<nav class="pages" aria-label="Pages of the list">{newest}{older}</nav>' if chosen.before or older else ""
    told = f'<h2 class="unseen">{plural(min(len(rows), ROWS), "run")}</h2>'
    return f'{told}<ol class="card runs">{lines}</ol>{pages}'
