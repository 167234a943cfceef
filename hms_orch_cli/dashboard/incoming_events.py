"""POST /v1/events: CloudEvents 1.0 over HTTP, in structured, batch and binary mode."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.incoming import event_from, json_text, structured
from hms_orch_cli.application.office import Office
from hms_orch_cli.application.publish import Published
from hms_orch_cli.dashboard.callers import Caller, caller_of
from hms_orch_cli.dashboard.plain import PlainResponse
from hms_orch_cli.dashboard.problems import problem_of
from hms_orch_cli.dashboard.reading import Json, body_of, json_of, media_of
from hms_orch_cli.dashboard.refusals import BadRequest, NotPermitted, TooLarge, UnknownMedia
from hms_orch_cli.errors import EventConflict, EventRefused, HmsError
from hms_orch_cli.ports.store import NewEvent

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"

BATCH_EVENTS: Final = 1_000
BATCH_BYTES: Final = 8 << 20
ATTRIBUTES_BYTES: Final = 64 << 10
"""What the attributes of an event may add to its data."""


async def take(office: Office, request: Request) -> Response | PlainResponse:
    """Takes one event or a batch; 202 once all of it is durable. A batch with a bad member, or with one whose id came
    before with other content, takes nothing and names it."""
    media = media_of(request)
    limit = office.event_bytes
    if media == BATCH:
        raw = await body_of(request, max(BATCH_BYTES, limit + ATTRIBUTES_BYTES))
        return await _take_batch(office, caller_of(request), raw)
    if media == STRUCTURED or (media == "application/json" and not _is_binary(request)):
        document = json_of(await body_of(request, limit + ATTRIBUTES_BYTES))
        event = structured(document, office.clock.now_ms(), limit)
    elif _is_binary(request) and not media.startswith("application/cloudevents"):
        event = _binary(request, await body_of(request, limit), office.clock.now_ms(), limit)
    else:
        raise UnknownMedia(
            f"events of type {media[:80]!r} are not taken", f"send {STRUCTURED}, {BATCH}, or JSON with ce-* headers"
        )
    caller_of(request).need_type(event.type)
    (published,) = await office.publish([event])
    return Json({**_told(published), "positions": [published.position]}, 202)


async def _take_batch(office: Office, caller: Caller, raw: bytes) -> Response | PlainResponse:
    documents = json_of(raw)
    if not isinstance(documents, list):
        raise BadRequest("a batch is a JSON array of events", f"send a single event as {STRUCTURED}")
    if len(documents) > BATCH_EVENTS:
        raise TooLarge(f"the batch has {len(documents)} events; the limit is {BATCH_EVENTS}", "send it in parts")
    now_ms = office.clock.now_ms()
    events: list[NewEvent] = []
    for index, document in enumerate(documents):
        try:
            event = structured(document, now_ms, office.event_bytes)
            caller.need_type(event.type)
            events.append(event)
        except (EventRefused, NotPermitted) as error:
            return _refused(error, index, len(documents))
    try:
        published = await office.publish(events)
    except EventConflict as error:
        return _refused(error, error.index, len(events))
    told = [_told(one) for one in published]
    return Json({"positions": [one.position for one in published], "events": told}, 202)


def _refused(error: HmsError, index: int, size: int) -> PlainResponse:
    """One of a batch is wrong, so all of it is refused."""
    if size > 1:
        error.message = f"event {index} of the batch (from 0): {error.message}; nothing of it was taken"
    return problem_of(error, {"index": index})


def _told(published: Published) -> dict[str, Any]:
    return {"position": published.position, "duplicate": published.duplicate}


def _is_binary(request: Request) -> bool:
    return "ce-specversion" in request.headers or "ce-type" in request.headers


def _binary(request: Request, raw: bytes, now_ms: int, limit: int) -> NewEvent:
    attributes = {
        name.removeprefix("ce-"): _decoded(name, value)
        for name, value in request.headers.items()
        if name.startswith("ce-")
    }
    if "specversion" not in attributes:
        raise EventRefused("the event has no specversion", "add the header ce-specversion: 1.0")
    if told := request.headers.get("content-type"):
        attributes["datacontenttype"] = told
    return event_from(attributes, json_text(raw) if raw else None, now_ms, limit)


def _decoded(name: str, value: str) -> str:
    """A header's text: percent-encoded UTF-8, in quotes or not (CloudEvents HTTP binding, 3.1.3.2)."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise EventRefused(f"the header {name} is not UTF-8", "percent-encode what is not ASCII") from error
