"""GET /v1/activity and /v1/services: what goes on, by time; and how participants answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.reading import Json
from hms_orch_cli.dashboard.refusals import BadRequest
from hms_orch_cli.views.activity import WINDOWS


async def show(office: Office, request: Request) -> Response:
    """Runs that begin and end in the last `window`, slot by slot; of one `saga` if it is given."""
    return Json(await office.activity(*asked(request)))


async def services(office: Office, _request: Request) -> Response:
    """The participants, by name."""
    return Json({"services": office.services()})


def asked(request: Request) -> tuple[str, str | None]:
    """The window and the definition that a query names. Raises BadRequest."""
    window = request.query_params.get("window", "hour")
    if window not in WINDOWS:
        raise BadRequest(f"there is no window {window[:40]!r}", f"one of {', '.join(WINDOWS)}")
    return window, request.query_params.get("saga") or None
