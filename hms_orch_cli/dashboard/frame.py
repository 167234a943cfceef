"""The frame of every page: what it is called, the way to the other pages, and whether all is well."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.assets import ICON, SCRIPTS, STYLES
from hms_orch_cli.dashboard.callers import ROLES, Caller, caller_of
from hms_orch_cli.dashboard.html import text

BRAND: Final = (
    '<a class="brand" href="/"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3.1 5.2A6 6 0 1 1 2 8.4"/>'
    '<path d="M2.6 1.6 3 5.4 6.8 5"/></svg>hms-orch</a>'
)

PLACES: Final = (
    ("/", "Runs"),
    ("/hitl", "Decisions"),
    ("/locks", "Locks"),
    ("/definitions", "Definitions"),
    ("/charts", "Charts"),
    ("/services", "Services"),
)


def page(
    office: Office,
    request: Request,
    title: str,
    body: str,
    *,
    place: str,
    seq: int,
    status: int = 200,
    behind: bool = False,
) -> HTMLResponse:
    """A whole page. `seq` is the position of the log up to which it is known to be complete: to be asked for first;
    `place` is the address of the main page that it belongs to, `behind` whether another look soon shows more."""
    caller = caller_of(request)
    looks_on = "" if "operate" in ROLES[caller.role] else ' class="looks-on"'
    scripts = "".join(f'<script type="module" src="{script}"></script>\n' for script in SCRIPTS)
    return HTMLResponse(
        f"""{head(title, scripts)}
<body{looks_on}>
<a class="skip" href="#live">Skip to the content</a>
<header id="bar">
{BRAND}
<nav aria-label="Pages">{"".join(_place(office, *each, place) for each in PLACES)}</nav>
{_light(office.objection())}{_caller(caller)}
</header>
<main id="live" data-seq="{seq}" data-now="{office.clock.now_ms()}"{" data-behind" if behind else ""} tabindex="-1">
{body}
</main>
<footer><p><a href="/metrics">metrics</a> <a href="/openapi.json">API</a>\
 <button type="button" class="link" data-keys>keys</button> <span>times are UTC</span></p></footer>
</body>
</html>
""",
        status,
    )


def head(title: str, scripts: str = "") -> str:
    """How every document begins."""
    styles = "".join(f'<link rel="stylesheet" href="{style}">\n' for style in STYLES)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)} · hms-orch</title>
<link rel="icon" href="{ICON}">
{styles}{scripts}</head>"""


def _caller(caller: Caller) -> str:
    """Who has logged in, and the way out; nothing where nobody has to."""
    if caller.name is None:
        return ""
    return (
        f'<form class="caller" method="post" action="/logout" data-actor="{text(caller.name, 200)}">'
        f'<span title="{text(caller.role)}">{text(caller.name, 60)}</span> <button class="link">log out</button></form>'
    )


def _place(office: Office, address: str, name: str, here: str) -> str:
    current = ' aria-current="page"' if address == here else ""
    waiting = office.open_items() if address == "/hitl" else 0
    count = f' <b class="count">{waiting}<span class="unseen"> open</span></b>' if waiting else ""
    return f'<a href="{address}"{current}>{name}{count}</a>'


def _light(objection: str) -> str:
    return f'<p class="light off">{text(objection)}</p>' if objection else '<p class="light on">ready</p>'
