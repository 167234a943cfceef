"""The frame of every page: what it is called, the way to the other pages, and whether all is well."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.assets import ICON, SCRIPTS, STYLES
from hms_orch_cli.dashboard.html import text

PLACES: Final = (
    ("/", "Runs"),
    ("/hitl", "Decisions"),
    ("/definitions", "Definitions"),
    ("/charts", "Charts"),
    ("/services", "Services"),
)


def page(
    office: Office, request: Request, title: str, body: str, *, place: str = "", status: int = 200, seq: int
) -> HTMLResponse:
    """A whole page. `seq` is the position of the log up to which it is known to be complete: to be asked for first;
    `place` is the address of the main page that it belongs to."""
    styles = "".join(f'<link rel="stylesheet" href="{style}">\n' for style in STYLES)
    scripts = "".join(f'<script type="module" src="{script}"></script>\n' for script in SCRIPTS)
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)} · hms-orch</title>
<link rel="icon" href="{ICON}">
{styles}{scripts}</head>
<body>
<a class="skip" href="#live">Skip to the content</a>
<header id="bar">
<a class="brand" href="/"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3.1 5.2A6 6 0 1 1 2 8.4"/>\
<path d="M2.6 1.6 3 5.4 6.8 5"/></svg>hms-orch</a>
<nav aria-label="Pages">{"".join(_place(office, *each, place) for each in PLACES)}</nav>
{_light(office.objection())}
</header>
<main id="live" data-seq="{seq}" data-now="{office.clock.now_ms()}" tabindex="-1">
{body}
</main>
<footer><p><a href="/metrics">metrics</a> <a href="/openapi.json">API</a>\
 <button type="button" class="link" data-keys>keys</button></p></footer>
</body>
</html>
""",
        status,
    )


def _place(office: Office, address: str, name: str, here: str) -> str:
    current = ' aria-current="page"' if address == here else ""
    waiting = office.open_items() if address == "/hitl" else 0
    count = f' <b class="count">{waiting}<span class="unseen"> open</span></b>' if waiting else ""
    return f'<a href="{address}"{current}>{name}{count}</a>'


def _light(objection: str) -> str:
    return f'<p class="light off">{text(objection)}</p>' if objection else '<p class="light on">ready</p>'
