"""The live page: the runs, and one run. Server-rendered; a small script swaps the middle when the log has grown."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.assets import ASSETS
from hms_orch_cli.dashboard.html import document, text
from hms_orch_cli.dashboard.reading import choices, number
from hms_orch_cli.dashboard.run_view import BACK, run_rows, timeline
from hms_orch_cli.dashboard.streams import Streams
from hms_orch_cli.errors import NotFound
from hms_orch_cli.ports import RunRow
from hms_orch_cli.views.states import STATES

ROWS: Final = 100
LIVE_S: Final = 0.5
"""Seconds between two looks whether the log has grown."""

USUAL_STATES: Final = ("RUNNING", "COMPLETED", "FAILED", "STUCK")
"""Those that the page always offers; the others when a run is in them."""

SHOWN_STATES: Final = (*USUAL_STATES, *(state for state in STATES if state not in (*USUAL_STATES, "SKIPPED")))

EMPTY: Final = """<section class="empty">
<h2>Nothing has run yet</h2>
<p>Deploy a saga, keep <code>up</code> running, and publish an event that triggers it:</p>
<pre><code><span>hms-orch deploy</span> sagas/benefit-increase.yaml
<span>hms-orch up</span>
<span>hms-bus publish</span> policy.changed --data '{"policyId":"dol.unemployment.v3"}'</code></pre>
<p>The run appears here by itself.</p>
</section>"""


async def run_list(office: Office, request: Request) -> Response:
    """The runs, newest first; `?state=` and `?saga=` choose."""
    seq = office.last_seq()
    saga = request.query_params.get("saga") or None
    states = choices(request, "state", SHOWN_STATES)
    rows = office.runs(saga=saga, states=states, limit=ROWS)
    counts = _unfinished(office)
    if not rows and saga is None and not states:
        body = EMPTY
    else:
        body = _filters(saga, states, counts) + _table(rows, office.clock.now_ms())
    return HTMLResponse(document("Runs", body, seq=seq, ready=office.objection()))


async def one_run(office: Office, request: Request) -> Response:
    """One run's timeline."""
    seq = office.last_seq()
    try:
        view = office.run(request.path_params["id"])
    except NotFound as error:
        body = f'{BACK}<section class="empty"><h2>{text(error.message)}</h2></section>'
        return HTMLResponse(document("No such run", body, seq=seq, ready=office.objection()), 404)
    body = timeline(view, office.clock.now_ms())
    return HTMLResponse(document(view.row.saga, body, seq=seq, ready=office.objection()))


async def live(office: Office, streams: Streams, request: Request) -> Response:
    """A stream that says how far the log has grown, at most twice a second, and nothing of what is in it."""
    told = request.headers.get("last-event-id", "")
    seen = int(told) if told.isdigit() and len(told) < 19 else number(request, "after", 0, 0, (1 << 63) - 1)

    def look() -> tuple[bytes, bool]:
        nonlocal seen
        seq = office.last_seq()
        if seq == seen:
            return b"", False
        seen = seq
        return b"id: %d\ndata: %d\n\n" % (seq, seq), False

    return streams.answer(look, LIVE_S)


async def static(_office: Office, request: Request) -> Response:
    """A file of the page."""
    asset = ASSETS.get(request.path_params["name"])
    if asset is None:
        raise NotFound("there is no such file")
    headers = {"cache-control": "public, max-age=31536000, immutable", "content-type": asset.media_type}
    return Response(asset.content, headers=headers)


def _unfinished(office: Office) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, state), count in office.gauges().in_flight.items():
        counts[state] = counts.get(state, 0) + count
    return counts


def _filters(saga: str | None, states: list[str], counts: dict[str, int]) -> str:
    """A row of links, with the number of runs in a state that is no end."""
    shown = [state for state in SHOWN_STATES if state in USUAL_STATES or state in states or counts.get(state)]
    links = [_filter("all", saga, None, not states, 0)]
    links += [_filter(state.lower(), saga, state, states == [state], counts.get(state, 0)) for state in shown]
    chosen = ""
    if saga is not None:
        chosen = f'<a class="chosen" href="{_href(None, states)}" title="all sagas">{text(saga, 130)} ✕</a>'
    return f'<nav class="filters" aria-label="State">{"".join(links)}{chosen}</nav>'


def _filter(words: str, saga: str | None, state: str | None, is_chosen: bool, count: int) -> str:
    current = ' aria-current="true"' if is_chosen else ""
    number = f"<b>{count}</b>" if count else ""
    return f'<a href="{_href(saga, [state] if state else [])}"{current}>{words}{number}</a>'


def _href(saga: str | None, states: list[str]) -> str:
    query = {**({"saga": saga} if saga else {}), **({"state": ",".join(states).lower()} if states else {})}
    return text(f"/?{urlencode(query)}" if query else "/", 2_000)


def _table(rows: list[RunRow], now_ms: int) -> str:
    if not rows:
        return '<section class="empty"><h2>No run fits</h2><p><a href="/">Show all runs</a></p></section>'
    note = f'<p class="note">the newest {ROWS}; <code>hms-orch status</code> has more</p>' if len(rows) == ROWS else ""
    return f'<ol class="runs">{run_rows(rows, now_ms)}</ol>{note}'
