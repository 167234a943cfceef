"""/v1/hitl and /v1/locks: what a person is asked, and who holds what."""

from __future__ import annotations

import asyncio

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.application.operations import MISSING
from hms_orch_cli.application.overview import state_json
from hms_orch_cli.dashboard.callers import caller_of
from hms_orch_cli.dashboard.reading import Json
from hms_orch_cli.dashboard.wishes import needed, wish_of


async def list_items(office: Office, _request: Request) -> Response:
    """The open items, the oldest first. There may be a hundred thousand: nobody waits for them but who asked."""
    return await asyncio.to_thread(lambda: Json({"items": office.items()}))


async def one_item(office: Office, request: Request) -> Response:
    """One item, and what became of it."""
    return Json(office.item(request.path_params["id"]))


async def decide(office: Office, request: Request) -> Response:
    """Decides an open item, once; needs a note."""
    item = request.path_params["id"]
    wish = await wish_of(request, decision=str, output=object)
    decision = needed(wish, "decision", "GET the item: it lists its decisions")
    run = await office.operations.decide(item, decision, wish.actor, wish.note, wish.members["output"])
    about = {"id": item, "decision": decision, "actor": wish.actor}
    return Json({**about, "run": None if run is None else state_json(run)})


async def list_locks(office: Office, _request: Request) -> Response:
    """Every lock with its holder and who stands in line, which may be as long."""
    return await asyncio.to_thread(lambda: Json({"locks": office.locks()}))


async def release(office: Office, request: Request) -> Response:
    """Takes a lock from the run that holds it, with `sagaId` from that run only, which goes on without; needs a
    note."""
    wish = await wish_of(request, key=object, sagaId=str)
    key = needed(wish, "key", "GET /v1/locks lists the keys")
    if (caller := caller_of(request)).sagas:
        for lock in office.locks():
            if lock["key"] == key and lock["holder"] is not None:
                caller.need_saga(lock["holder"]["saga"])
    key = orjson.dumps(key).decode()
    held_by = None if (told := wish.members["sagaId"]) is MISSING else told
    return Json(state_json(await office.operations.release(key, wish.actor, wish.note, held_by)))
