"""The services: where they are, which sagas call them, and how they have been answering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.frame import page
from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.words import href, moment, number, plural, state
from hms_orch_cli.saga.moment import duration, from_rfc3339

NAMED: Final = 4
"""Sagas that are named at a service."""

ORDER: Final = ("down", "unsteady", "up", "quiet")

SAYS: Final[Mapping[str, str]] = {
    "down": "It does not answer.",
    "unsteady": "It answers, but not always.",
    "up": "It answers.",
    "quiet": "It has not been called since hms-orch was started.",
}

EMPTY: Final = """<section class="card empty"><h2>No service is known</h2>
<p>Services are those of the address book, and those that deployed sagas call. A name that is not in the book is a host
name.</p><pre><b>hms-orch service set</b> payment-svc http://127.0.0.1:9001</pre></section>"""


async def show(office: Office, request: Request) -> Response:
    """The services: those first that do not answer."""
    seq = office.last_seq()
    found = sorted(office.services(), key=lambda each: (ORDER.index(each["state"]), each["name"]))
    if not found:
        body = f'<div class="lead"><h1>Services</h1></div>{EMPTY}'
    else:
        about = (
            "Health is what their answers to real calls say; nothing is called only to look. "
            "A refusal (4xx) is an answer. Numbers are of the last hour."
        )
        cards = "".join(map(_card, found))
        lead = f'<div class="lead"><h1>Services</h1><p class="about">{about}</p></div>'
        body = f'{lead}<ul class="services">{cards}</ul>'
    return page(office, request, "Services", body, place="/services", seq=seq)


def _card(told: Mapping[str, Any]) -> str:
    where = (
        f"<code>{text(told['url'], 200)}</code>" if told["url"] else f"<code>http://{text(told['name'], 200)}</code>"
    )
    book = "" if told["url"] else " <small>by its name, not in the address book</small>"
    trouble = ""
    if told["lastFailureAt"]:
        when = moment(from_rfc3339(told["lastFailureAt"]), ago=True)
        trouble = f'<p class="trouble"><b>{text(told["lastFailure"] or "no answer", 200)}</b> {when}</p>'
    used = "".join(
        f'<li><a href="{href("definitions", saga)}">{text(saga, 130)}</a></li>' for saga in told["usedBy"][:NAMED]
    )
    more = f"<li>and {plural(len(told['usedBy']) - NAMED, 'more saga')}</li>" if len(told["usedBy"]) > NAMED else ""
    numbers = ""
    if told["state"] != "quiet":
        spans = f"median {_span(told['p50Ms'])}, p95 {_span(told['p95Ms'])}"
        counts = f"<b>{number(told['answered'])}</b> answered, <b>{number(told['failed'])}</b> not"
        numbers = f'<p class="hint">{counts}; {spans}</p>'
    return (
        f'<li class="card service" data-key="{text(told["name"])}">'
        f"<h2>{text(told['name'], 130)}{state(told['state'])}</h2>"
        f'<p class="where">{where}{book}</p><p class="hint">{SAYS[told["state"]]}</p>'
        f"{_minutes(told['minutes'])}{numbers}{trouble}"
        f'<ul class="used" aria-label="Called by">{used}{more}</ul></li>'
    )


def _minutes(minutes: Sequence[Sequence[int]]) -> str:
    """The last hour as columns: what was answered, and above it what was not."""
    most = max((answered + failed for answered, failed in minutes), default=0)
    if not most:
        return ""
    parts = []
    for at, (answered, failed) in enumerate(minutes):
        low = 28 * answered / most
        parts.append(_column("c-green", at, low, 0) + _column("c-red", at, 28 * failed / most, low))
    answered, failed = (sum(each[place] for each in minutes) for place in (0, 1))
    return (
        f'<svg class="minutes" viewBox="0 0 600 30" preserveAspectRatio="none" role="img" '
        f'aria-label="The last hour: {answered} answered, {failed} not">{"".join(parts)}</svg>'
    )


def _column(tone: str, at: int, height: float, above: float) -> str:
    if not height:
        return ""
    height = max(height, 2)
    return f'<rect class="{tone}" x="{at * 10 + 1}" y="{30 - above - height:.1f}" width="8" height="{height:.1f}"/>'


def _span(ms: int | None) -> str:
    return "–" if ms is None else duration(ms)
