"""What a browser sees at an address where there is no page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.frame import page
from hms_orch_cli.dashboard.html import text


async def show(office: Office, request: Request) -> Response:
    """The way back."""
    body = (
        f'<section class="card empty"><h1>There is no page {text(request.url.path, 100)}</h1>'
        '<p><a href="/">The runs</a> are a good place to start from.</p></section>'
    )
    return page(office, request, "No such page", body, place="", status=404, seq=office.last_seq())
