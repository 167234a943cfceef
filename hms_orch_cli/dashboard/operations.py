"""What those who run it ask: what does it count, which keys does it sign with, what can be asked."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.reading import Json


async def metrics(office: Office, request: Request) -> Response:
    """Prometheus text, or OpenMetrics if that is asked for."""
    from hms_orch_cli.dashboard.metrics import exposition

    body, media_type = exposition(office, request.headers.get("accept", ""))
    return Response(body, headers={"content-type": media_type})


async def jwks(office: Office, _request: Request) -> Response:
    """The public keys of the tokens that participants receive."""
    return Json(office.jwks(), headers={"cache-control": "public, max-age=60"})


def openapi(*, needs_token: bool) -> Response:
    """The description of this API, as this server has it."""
    from hms_orch_cli.dashboard.openapi import document

    return Json(document(needs_token=needs_token))
