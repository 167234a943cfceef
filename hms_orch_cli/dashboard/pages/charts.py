"""Charts: how many runs end and how, how long they take, and where they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.activity import asked
from hms_orch_cli.dashboard.drawing.columns import LINES, Axis, Series, columns, lines, nice
from hms_orch_cli.dashboard.frame import page
from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.words import duration, href, number
from hms_orch_cli.views.activity import OUTCOMES, WINDOWS

WORDS: Final[Mapping[str, tuple[str, str, int]]] = {
    "hour": ("hour", "minute by minute", 6),
    "day": ("24 hours", "in quarters of an hour", 6),
    "week": ("7 days", "two hours at a time", 7),
}
"""Window -> its name, what the columns are, and how many times stand below."""

TONES: Final = {"completed": "c-green", "failed": "c-red", "cancelled": "c-amber", "abandoned": "c-grey"}

EMPTY: Final = """<section class="card empty"><h2>Nothing in this time</h2>
<p>Runs that begin and end are counted as they do. Choose a longer time, or publish an event that starts a run.</p>
</section>"""


async def show(office: Office, request: Request) -> Response:
    """The last hour, day or week; of one saga if the query names it."""
    seq = office.last_seq()
    window, saga = asked(request)
    told = await office.activity(window, saga)
    total = told["total"]
    quiet = not total["started"] and not any(total[outcome] for outcome in OUTCOMES)
    body = _lead(office, window, saga) + (EMPTY if quiet else _tiles(total) + _charts(told))
    return page(office, request, "Charts", body, place="/charts", seq=seq)


def _lead(office: Office, window: str, saga: str | None) -> str:
    windows = "".join(
        f'<a href="{href("charts", window=name, saga=saga)}"{_current(name == window)}>{WORDS[name][0]}</a>'
        for name in WINDOWS
    )
    ids = office.saga_ids()
    if saga is not None and saga not in ids:
        ids = [saga, *ids]
    options = "".join(
        f'<option value="{text(each)}"{" selected" if each == saga else ""}>{text(each, 60)}</option>' for each in ids
    )
    return f"""<div class="lead"><h1>Charts</h1>
<form class="search" action="/charts" method="get" data-keep><input type="hidden" name="window" value="{window}">
<select name="saga" aria-label="Saga"><option value="">all sagas</option>{options}</select>
<button class="button">Show</button></form></div>
<nav class="filters" aria-label="Time">{windows}</nav>"""


def _current(is_current: bool) -> str:
    return ' aria-current="true"' if is_current else ""


def _tiles(total: Mapping[str, Any]) -> str:
    ended = sum(total[outcome] for outcome in OUTCOMES)
    well = f"{100 * total['completed'] / ended:.1f} %" if ended else "–"
    tiles = (
        ("runs begun", number(total["started"])),
        ("completed", number(total["completed"])),
        ("failed and undone", number(total["failed"])),
        ("ended well", well),
        ("half took less than", _span(total["p50Ms"])),
        ("one in twenty took more than", _span(total["p95Ms"])),
    )
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles)
    return f'<dl class="card tiles">{shown}</dl>'


def _charts(told: Mapping[str, Any]) -> str:
    name, column, _ = WORDS[told["window"]]
    return f"""<section class="card chart"><h2>Runs that ended</h2>
<p class="hint">in the last {name}, {column}; times are UTC</p>
{_throughput(told)}</section>
<section class="card chart"><h2>How long they took</h2><p class="hint">of the runs that ended, {column}</p>
{_durations(told)}</section>
<section class="card chart"><h2>Where they fail</h2><p class="hint">steps that failed for good</p>
{_failures(told["failures"])}</section>
{_table(told)}"""


def _throughput(told: Mapping[str, Any]) -> str:
    slots = told["slots"]
    shown = [outcome for outcome in OUTCOMES if told["total"][outcome] or outcome in ("completed", "failed")]
    series = [Series(outcome, TONES[outcome], [slot[outcome] for slot in slots]) for outcome in shown]
    high = nice(max(sum(slot[outcome] for outcome in shown) for slot in slots))
    titles = [
        f"{_time(slot['at'])}: " + ", ".join(f"{slot[outcome]} {outcome}" for outcome in shown if slot[outcome])
        if any(slot[outcome] for outcome in shown)
        else ""
        for slot in slots
    ]
    axis = Axis(high, [number(round(high * line / LINES)) for line in range(LINES + 1)], _places(told), titles)
    label = "Runs that ended: " + ", ".join(f"{told['total'][outcome]} {outcome}" for outcome in shown)
    return columns(series, axis, label)


def _durations(told: Mapping[str, Any]) -> str:
    slots = told["slots"]
    high = nice(max((slot["p95Ms"] or 0 for slot in slots), default=0) or 1)
    series = [
        Series("one in twenty took longer (p95)", "c-amber", [slot["p95Ms"] for slot in slots]),
        Series("half took longer (median)", "c-blue", [slot["p50Ms"] for slot in slots]),
    ]
    titles = [
        f"{_time(slot['at'])}: median {_span(slot['p50Ms'])}, p95 {_span(slot['p95Ms'])}" if slot["p50Ms"] else ""
        for slot in slots
    ]
    axis = Axis(high, [duration(round(high * line / LINES)) for line in range(LINES + 1)], _places(told), titles)
    total = told["total"]
    return lines(series, axis, f"Durations: median {_span(total['p50Ms'])}, p95 {_span(total['p95Ms'])}")


def _failures(failures: Sequence[Mapping[str, Any]]) -> str:
    if not failures:
        return '<p class="none">None has.</p>'
    most = failures[0]["count"]
    rows = "".join(
        f'<li><a href="{href(saga=each["saga"], state="failed")}"><b>{text(each["step"], 130)}</b> '
        f"<small>{text(each['saga'], 130)}</small></a>"
        f'<svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="c-red" width="{1000 * each["count"] / most:.0f}" height="10"/></svg>'
        f'<span class="number">{number(each["count"])}</span></li>'
        for each in failures
    )
    return f'<ol class="bars">{rows}</ol>'


def _table(told: Mapping[str, Any]) -> str:
    """The same in numbers, for whoever does not see the charts."""
    rows = "".join(
        f"<tr><th scope='row'>{_time(slot['at'])}</th><td>{slot['started']}</td>"
        + "".join(f"<td>{slot[outcome]}</td>" for outcome in OUTCOMES)
        + f"<td>{_span(slot['p50Ms'])}</td><td>{_span(slot['p95Ms'])}</td></tr>"
        for slot in reversed(told["slots"])
        if slot["started"] or any(slot[outcome] for outcome in OUTCOMES)
    )
    heads = "".join(f"<th scope='col'>{word}</th>" for word in ("from (UTC)", "begun", *OUTCOMES, "median", "p95"))
    return (
        '<details class="content" data-key="numbers"><summary>The same in numbers</summary><div class="scrolls" '
        f'tabindex="0" role="region" aria-label="Numbers"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>'
        "</table></div></details>"
    )


def _places(told: Mapping[str, Any]) -> list[str]:
    """Times below the columns."""
    slots = told["slots"]
    count = WORDS[told["window"]][2]
    return [_time(slots[place * len(slots) // count]["at"], told["window"]) for place in range(count)] + ["now"]


def _time(at: str, window: str = "") -> str:
    return at[5:10] if window == "week" else at[11:16] if window else f"{at[5:10]} {at[11:16]}"


def _span(ms: int | None) -> str:
    return "–" if ms is None else duration(ms)
