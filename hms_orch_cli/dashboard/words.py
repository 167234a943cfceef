"""Small pieces of the page that every screen uses: a state, a moment, a duration, the track of a run's steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from hms_orch_cli.dashboard.html import text
from hms_orch_cli.ports.store import RunRow
from hms_orch_cli.saga.moment import duration, rfc3339
from hms_orch_cli.views.states import SIGNS

DATA: Final = 4_000
"""Characters of JSON that the page shows at a time."""

TRACK: Final = 24
"""Steps of a run that the list shows; beyond it a number tells how many more there are."""


def tone(state: str) -> str:
    """The class that gives a state its colour."""
    return "s-" + "".join(letter for letter in state.lower() if letter.isalnum())


def state(word: str) -> str:
    """A state, as a coloured word."""
    return f'<span class="state {tone(word)}">{text(word.lower(), 40)}</span>'


def moment(at_ms: int, *, ago: bool = False) -> str:
    """A time; with `ago` a browser that runs the page's script says how long ago that is."""
    told = rfc3339(at_ms)
    how = ' data-ago=""' if ago else ""
    return f'<time datetime="{told}" title="{told[:10]} {told[11:23]} UTC"{how}>{told[:10]} {told[11:19]}</time>'


def event_of(run: RunRow) -> str:
    """The event that started a run: what tells it from the others of its saga."""
    return f"{text(run.event_type, 200)} <small>{text(run.event_source, 100)} · {text(run.event_id, 100)}</small>"


def took(started_at: int, ended_at: int | None, now_ms: int) -> str:
    """How long something took, or has been going on for."""
    if ended_at is not None:
        return f'<span class="took">{duration(ended_at - started_at)}</span>'
    return f'<span class="took" data-since="{started_at}">{duration(now_ms - started_at)}</span>'


def href(*parts: str, **query: str | None) -> str:
    """An address of this page, for an attribute: parts are quoted, members of the query without a value left out."""
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    asked = urlencode({name: value for name, value in query.items() if value})
    return text(f"{path}?{asked}" if asked else path, 4_000)


def track(steps: Sequence[Mapping[str, Any]]) -> str:
    """The steps of a run as a row of signs. A reader that cannot see them is told how many are done."""
    done = sum(step["state"] in ("SUCCEEDED", "SKIPPED") for step in steps)
    said = f"{done} of {len(steps)} steps done"
    notable = [step for step in steps if step["state"] not in ("SUCCEEDED", "SKIPPED", "PENDING")]
    said += "".join(f"; {step['name']} {step['state'].lower()}" for step in notable)
    more = f'<span class="more">+{len(steps) - TRACK}</span>' if len(steps) > TRACK else ""
    signs = "".join(mark(step) for step in steps[:TRACK])
    return f'<div class="track" role="img" aria-label="{text(said)}">{signs}{more}</div>'


def mark(step: Mapping[str, Any]) -> str:
    """The sign of one step; what it says stands in its title."""
    word = str(step["state"])
    title = f"{step['name']}: {word.lower()}"
    if step.get("summary"):
        title += f" · {step['summary']}"
    return f'<span class="mark {tone(word)}" title="{text(title)}">{SIGNS.get(word, "?")}</span>'


def pretty(value: Any) -> str:
    """A JSON value for a `pre`, cut at a length that a browser shows at once."""
    lines = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    shown = "\n".join(text(line, DATA) for line in lines[:DATA].split("\n"))
    return shown + ("\n…" if len(lines) > DATA else "")


def facts_list(facts: Iterable[tuple[str, str]]) -> str:
    """Names with their values, which are HTML."""
    return (
        '<dl class="facts">' + "".join(f"<div><dt>{name}</dt><dd>{told}</dd></div>" for name, told in facts) + "</dl>"
    )


def sentence(words: str) -> str:
    """What the orchestrator says, as HTML; times in it are shortened, and runs that it names are links."""
    told = _TIME.sub(r'<time datetime="\g<0>" title="\1 \2\3 UTC">\1 \2</time>', text(words, 2_000))
    return _RUN.sub(r'run <a href="/runs/\1">\1</a>', told)


_RUN: Final = re.compile(r"\brun ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_TIME: Final = re.compile(r"\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(?:\.\d+)?)Z")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 run`, `2 runs`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def number(value: int) -> str:
    """`2 001 445`, with spaces that do not break."""
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")
