"""What a person does to a run (cancel, abandon, pause, resume, redrive), and what they ask before."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.application.operations import MISSING
from hms_orch_cli.application.overview import state_json
from hms_orch_cli.dashboard.reading import Json, body_of
from hms_orch_cli.dashboard.wishes import BODY_BYTES, wish_of


async def cancel(office: Office, request: Request) -> Response:
    """Undoes a run that has not turned back."""
    actor, note, _ = await wish_of(request)
    return Json(state_json(await office.operations.cancel(request.path_params["id"], actor, note)))


async def abandon(office: Office, request: Request) -> Response:
    """Closes a run as it stands, without undo; needs a note."""
    actor, note, _ = await wish_of(request)
    return Json(state_json(await office.operations.abandon(request.path_params["id"], actor, note)))


async def pause(office: Office, request: Request) -> Response:
    """Lets a run begin nothing any more."""
    actor, note, _ = await wish_of(request)
    return Json(state_json(await office.operations.pause(request.path_params["id"], actor, note)))


async def resume(office: Office, request: Request) -> Response:
    """Lets a run go on."""
    actor, note, _ = await wish_of(request)
    return Json(state_json(await office.operations.resume(request.path_params["id"], actor, note)))


async def redrive(office: Office, request: Request) -> Response:
    """Lets an ended run go on, or starts it anew: the answer names the run that goes on."""
    actor, note, members = await wish_of(request, keepRevision=bool)
    keep = members["keepRevision"] is not MISSING and members["keepRevision"]
    redriven = await office.operations.redrive(request.path_params["id"], actor, note, keep_revision=keep)
    return Json({"sagaId": redriven.saga_id, "redriveOf": redriven.redrive_of})


async def compensated(office: Office, request: Request) -> Response:
    """A participant acknowledges an undo by event; 204, a second time as well. Nobody reads what it says."""
    await body_of(request, BODY_BYTES)
    await office.compensated(request.path_params["id"], request.path_params["name"])
    return Response(status_code=204)


async def explain(office: Office, request: Request) -> Response:
    """Why a run does not move."""
    return Json(office.explain(request.path_params["id"]))


async def requests(office: Office, request: Request) -> Response:
    """What was sent for a run, and what was kept of the answers."""
    return Json({"requests": office.exchanges(request.path_params["id"])})


async def plan(office: Office, request: Request) -> Response:
    """The calls that an undo would make: of a cancel now, or of the step `failAt` being refused."""
    fail_at = request.query_params.get("failAt") or None
    return Json({"calls": office.plan(request.path_params["id"], fail_at)})
