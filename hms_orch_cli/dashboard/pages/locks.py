"""The locks: who holds what since when, who stands in line behind, and taking one away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.frame import page
from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.pages.wishes import button
from hms_orch_cli.dashboard.words import href, moment, number, plural, state, took

SHOWN: Final = 50
"""Locks that the page shows: those that most runs wait for."""

IN_LINE: Final = 5
"""Runs of a line that it shows: the first."""

SEARCH: Final = 200
KEY: Final = 100
"""Characters of a key that stand in a heading; one that is longer can be opened."""

WHOLE_KEY: Final = 8_000

EMPTY: Final = """<section class="card empty">
<h2>No run holds a lock</h2>
<p>A lock lets one run at a time work on an object: a person, an order, an account. A saga asks for it by its key, and
holds it from before its first call until the run has ended, its undo included:</p>
<pre><b>lock:</b> data.personId</pre>
<p>Runs of any saga that ask for the same key wait in line, in the order of their events. Each holder has a higher
number than the one before (<code>HMS-Fence</code>), so that a service can refuse what comes from a former holder.</p>
<p>Who holds a lock and who waits appears here by itself; in a terminal it is <code>hms-orch lock list</code>.</p>
</section>"""

NONE_FITS: Final = """<section class="card empty"><h2>No lock fits</h2>
<p>A search looks at keys, as JSON, and at the sagas and ids of the runs that hold a lock or wait for one.</p>
<p><a href="/locks">Show all locks</a></p></section>"""

STILL: Final[Mapping[str, str]] = {
    "PAUSED": "It is paused, so it begins nothing before somebody resumes it.",
    "STUCK": "It is stuck, so it calls nobody before somebody decides.",
}
"""State of a holder that does not move -> what keeps it from it."""

MOVES: Final = "It may still call services: pause it first, unless you know that it is dead."


class Found(NamedTuple):
    """What the page shows: the first of the locks that fit, as `locks_json` has them, each claim with `since` where it
    is shown; and how many there are in all."""

    locks: list[dict[str, Any]]
    fit: int
    held: int
    waiting: int


async def show(office: Office, request: Request) -> Response:
    """The locks, those first that most runs wait for."""
    seq = office.last_seq()
    words = (request.query_params.get("text") or "").strip()[:SEARCH]
    found = await asyncio.to_thread(partial(_find, office, words))
    if not (found.held or found.waiting):
        body = f'<div class="lead"><h1>Locks</h1></div>{EMPTY}'
    else:
        body = _lead(found, words) + (_list(found, office.clock.now_ms()) if found.locks else NONE_FITS)
    return page(office, request, "Locks", body, place="/locks", seq=seq)


def _find(office: Office, words: str) -> Found:
    every = office.locks()
    locks = [lock for lock in every if _mentions(lock, words.lower())] if words else every
    shown = sorted(locks, key=lambda lock: -len(lock["queue"]))[:SHOWN]
    for lock in shown:
        for claim in (*filter(None, [lock["holder"]]), *lock["queue"][:IN_LINE]):
            claim["since"] = office.claimed_since(claim["sagaId"])
    held = sum(lock["holder"] is not None for lock in every)
    return Found(shown, len(locks), held, sum(len(lock["queue"]) for lock in every))


def _mentions(lock: Mapping[str, Any], words: str) -> bool:
    """Whether its key, or a run at it, has these words (in small letters)."""
    claims = (*filter(None, [lock["holder"]]), *lock["queue"])
    return words in _key(lock).lower() or any(
        words in claim[name].lower() for claim in claims for name in ("saga", "sagaId")
    )


def _key(lock: Mapping[str, Any]) -> str:
    """The key as JSON, as a person types it."""
    return orjson.dumps(lock["key"]).decode()


def _lead(found: Found, words: str) -> str:
    waiting = plural(found.waiting, "run waits in line", "runs wait in line") if found.waiting else "nobody waits"
    about = f"{plural(found.held, 'lock is held', 'locks are held')}, {waiting}."
    return f"""<div class="lead"><h1>Locks</h1>
<form class="search" role="search" action="/locks" method="get" data-keep>
<input type="search" name="text" value="{text(words)}" maxlength="{SEARCH}" aria-label="Search"\
 placeholder="Search key, saga, run …" autocomplete="off" spellcheck="false">
<button class="button">Search</button></form><p class="about">{about}</p></div>"""


def _list(found: Found, now: int) -> str:
    cards = "".join(_card(lock, now) for lock in found.locks)
    more = found.fit - len(found.locks)
    said = f'<p class="hint">the {SHOWN} that most runs wait for, of {number(found.fit)}</p>' if more else ""
    return f'<ol class="locks">{cards}</ol>{said}'


def _card(lock: Mapping[str, Any], now: int) -> str:
    key, holder, queue = _key(lock), lock["holder"], lock["queue"]
    title, opened, rest = text(key, KEY), "", ""
    if (whole := text(key, WHOLE_KEY)) != title:
        opened = f"<details><summary>the whole key</summary><pre>{whole}</pre></details>"
    if holder is None:
        first = '<li class="run"><p class="place">free</p><p class="sub">It is being handed on.</p></li>'
    else:
        first = _claim(holder, f"holds it <small>fence {number(holder['fence'])}</small>", now)
    line = "".join(_claim(each, f"{place}. in line", now) for place, each in enumerate(queue[:IN_LINE], 1))
    if more := len(queue[IN_LINE:]):
        rest = f'<p class="hint rest">and {number(more)} more in line; <code>hms-orch lock list</code> shows all</p>'
    name = sha256(key.encode()).hexdigest()[:16]
    return (
        f'<li class="card lock" data-key="{name}"><div class="head"><h2><code>{title}</code></h2>'
        f'{_release(lock) if holder else ""}</div>{opened}<ol class="line">{first}{line}</ol>{rest}</li>'
    )


def _claim(claim: Mapping[str, Any], place: str, now: int) -> str:
    since, run = claim["since"], href("runs", claim["sagaId"])
    return (
        f'<li class="run" data-key="{text(claim["sagaId"])}"><p class="place">{place}</p>'
        f'<div class="what"><a class="name" data-row href="{run}">{text(claim["saga"], 130)}</a>'
        f'{state(claim["state"])}<p class="sub mono">{text(claim["sagaId"])}</p></div>'
        f'<div class="when">{took(since, None, now)}{moment(since)}</div></li>'
    )


def _release(lock: Mapping[str, Any]) -> str:
    key, holder, queue = _key(lock), lock["holder"], lock["queue"]
    if queue:
        first = queue[0]
        then = f"Run {first['sagaId']} of {first['saga']} is the next in line and gets it, with a higher fence."
    else:
        then = "Nobody waits for it; the next run that asks gets it, with a higher fence."
    return button(
        "Release",
        of=key[:KEY],
        post="/v1/locks/release",
        title=f"Take the lock {key[:KEY]} away?",
        says=f"Run {holder['sagaId']} of {holder['saga']} goes on without it. {then}",
        warns=f"{STILL.get(holder['state'], MOVES)} If it goes on, it and the next holder work on the same object, and "
        f"only services that refuse a fence of the past keep them apart; this run's is {holder['fence']}.",
        sure="Release the lock",
        grave=True,
        needs_note=True,
        body={"key": lock["key"], "sagaId": holder["sagaId"]},
    )
