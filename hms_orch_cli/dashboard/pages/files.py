"""The files that the page is made with."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.assets import ASSETS
from hms_orch_cli.errors import NotFound


async def show(_office: Office, request: Request) -> Response:
    """A file, to be kept for ever: its address changes with what is in it."""
    asset = ASSETS.get(request.path_params["name"])
    if asset is None:
        raise NotFound("there is no such file")
    headers = {"cache-control": "public, max-age=31536000, immutable", "content-type": asset.media_type}
    return Response(asset.content, headers=headers)
