"""/v1/definitions: what is deployed."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.callers import caller_of
from hms_orch_cli.dashboard.reading import Json, body_of, media_of
from hms_orch_cli.dashboard.refusals import UnknownMedia
from hms_orch_cli.dashboard.wishes import wish_of

BODY_BYTES: Final = 256 << 10
"""The same as for a saga file."""

MEDIA: Final = (
    "application/yaml",
    "application/json",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/plain",
    "",
)


async def list_definitions(office: Office, _request: Request) -> Response:
    """The definitions that hold, by id."""
    return Json({"definitions": office.definitions()})


async def one_definition(office: Office, request: Request) -> Response:
    """One that holds; with `revision` any that ever held."""
    return Json(office.definition(request.path_params["id"], request.query_params.get("revision")))


async def revisions(office: Office, request: Request) -> Response:
    """What was ever deployed of one, the newest first."""
    return Json({"revisions": office.revisions(request.path_params["id"])})


async def deploy(office: Office, request: Request) -> Response:
    """Validates a definition and records it; the same content again changes nothing. 201 if the id was not deployed."""
    if (media := media_of(request)) not in MEDIA:
        raise UnknownMedia(f"a definition of type {media[:80]!r} is not read", f"send it as {MEDIA[0]} or {MEDIA[1]}")
    deployment = await office.deploy(await body_of(request, BODY_BYTES), caller_of(request).need_saga)
    return Json(deployment.to_json(), 201 if deployment.change == "new" else 200)


async def undeploy(office: Office, request: Request) -> Response:
    """From here on the definition starts no run."""
    await office.undeploy(request.path_params["id"])
    return Response(status_code=204)


async def pause(office: Office, request: Request) -> Response:
    """From here on the events of the definition wait."""
    actor, note, _ = await wish_of(request)
    await office.operations.pause_definition(request.path_params["id"], actor, note)
    return Json({"id": request.path_params["id"], "paused": True})


async def resume(office: Office, request: Request) -> Response:
    """The definition meets the events that have waited."""
    actor, note, _ = await wish_of(request)
    await office.operations.resume_definition(request.path_params["id"], actor, note)
    return Json({"id": request.path_params["id"], "paused": False})
