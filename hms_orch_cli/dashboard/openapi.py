"""/openapi.json: the API as OpenAPI 3.1. A test holds it equal to the routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hms_orch_cli import __version__
from hms_orch_cli.dashboard.openapi_schemas import (
    COUNT,
    DECISION,
    HELD_BY,
    OBJECT,
    PAUSED,
    POSITION,
    RUN_ID,
    SAGA,
    SCHEMAS,
    TEXT,
    WHO,
    WHY,
    maybe,
    record,
    ref,
)
from hms_orch_cli.dashboard.openapi_views import VIEW_PATHS, VIEW_SCHEMAS
from hms_orch_cli.views.states import STATES


def document(*, needs_token: bool = False) -> dict[str, Any]:
    """The whole document; `needs_token` as the server is configured."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hms-orch",
            "version": __version__,
            "summary": "Sagas: events in, runs out.",
            "description": "Every error is a problem document (RFC 9457), with a `hint` where there is a next step.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{"token": []}] if needs_token else [],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "needed where [server] tokens are set"}
            },
            "schemas": {**SCHEMAS, **VIEW_SCHEMAS},
            "responses": {
                "Problem": {
                    "description": "what is wrong, and what to do about it",
                    "content": {"application/problem+json": {"schema": ref("Problem")}},
                }
            },
        },
    }


def _paths() -> dict[str, Any]:
    event, batch = ref("Event"), {"type": "array", "items": ref("Event"), "maxItems": 1000}
    page = record(events={"type": "array", "items": ref("StoredEvent")}, next=COUNT, last=COUNT)
    return {
        "/v1/events": {
            "post": _operation(
                "Publish an event, or a batch, all of it or nothing; 202 once durable (ce-* headers: the body is data)",
                {202: {"oneOf": [ref("Published"), ref("PublishedBatch")]}},
                body={
                    "application/cloudevents+json": event,
                    "application/cloudevents-batch+json": batch,
                    "application/json": event,
                },
            ),
            "get": _operation(
                "Events behind a position: a page, or with Accept: text/event-stream a stream",
                {200: page},
                query={
                    "after": POSITION,
                    "type": {"type": "array", "items": TEXT},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                },
                stream=True,
            ),
        },
        "/v1/sagas": {
            "get": _operation(
                "Runs, newest first",
                {200: record(sagas={"type": "array", "items": ref("Run")})},
                query={
                    "saga": TEXT,
                    "state": {"type": "array", "items": {"enum": list(STATES)}},
                    "text": {**TEXT, "description": "an id, a name or the reason holds it"},
                    "event": {**POSITION, "minimum": 1, "description": "position of the triggering event"},
                    "before": {**RUN_ID, "description": "the last id of the page before"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                },
            )
        },
        "/v1/sagas/{id}": {"get": _operation("One run with its timeline", {200: ref("Timeline")}, path="id")},
        **_steering(),
        **_questions(),
        **VIEW_PATHS,
        "/v1/definitions": {
            "get": _operation(
                "Definitions that hold", {200: record(definitions={"type": "array", "items": ref("Definition")})}
            ),
            "post": _operation(
                "Deploy a definition; the same content again changes nothing",
                {200: ref("Deployment"), 201: ref("Deployment")},
                body={"application/yaml": SAGA, "application/json": SAGA},
            ),
        },
        "/v1/definitions/{id}": {
            "get": _operation(
                "What a definition says, as it holds or in an earlier revision",
                {200: record(id=TEXT, revision=TEXT, content=OBJECT)},
                path="id",
                query={"revision": TEXT},
            ),
            "delete": _operation("Undeploy a definition", {204: None}, path="id"),
        },
        "/v1/definitions/{id}/pause": _wish("Let the events of a definition wait", PAUSED),
        "/v1/definitions/{id}/resume": _wish("Let a definition meet the events that have waited", PAUSED),
        "/v1/callbacks/{token}": {
            "post": _operation(
                "A participant reports the end of what it took with 202",
                {204: None},
                path="token",
                body={"application/json": ref("Callback")},
                security=[],
            )
        },
        "/v1/me": {"get": _operation("Who asks, and what they may do", {200: ref("Caller")})},
        "/healthz": {"get": _operation("The process lives", {200: None}, security=[])},
        "/readyz": {
            "get": _operation(
                "Ready for work, or 503 with the reason", {200: record(ready={"const": True})}, security=[]
            )
        },
        "/metrics": {"get": _operation("Metrics in the text format of Prometheus", {200: None})},
        "/.well-known/jwks.json": {"get": _operation("Keys that verify tokens", {200: OBJECT}, security=[])},
        "/openapi.json": {"get": _operation("This document", {200: OBJECT})},
    }


def _steering() -> dict[str, Any]:
    run = ref("Run")
    return {
        "/v1/sagas/{id}/cancel": _wish("Undo a run that has not turned back", run),
        "/v1/sagas/{id}/abandon": _wish("Close a run as it stands, without undo", run, needs=["note"]),
        "/v1/sagas/{id}/pause": _wish("Let a run begin nothing any more", run),
        "/v1/sagas/{id}/resume": _wish("Let a run go on", run),
        "/v1/sagas/{id}/redrive": _wish(
            "Let an ended run go on, or start it anew: the answer names the run that goes on",
            record(sagaId=TEXT, redriveOf=maybe("string")),
            keepRevision={"type": "boolean", "default": False},
        ),
        "/v1/sagas/{id}/steps/{name}/compensated": {
            "post": _operation("A participant acknowledges an undo by event", {204: None}, path=("id", "name"))
        },
        "/v1/sagas/{id}/explain": {"get": _operation("Why a run does not move", {200: ref("Explanation")}, path="id")},
        "/v1/sagas/{id}/plan": {
            "get": _operation(
                "The calls that an undo would make: of a cancel now, or of step failAt being refused",
                {200: record(calls={"type": "array", "items": ref("PlannedCall")})},
                query={"failAt": TEXT},
                path="id",
            )
        },
    }


def _questions() -> dict[str, Any]:
    decided = record(id=TEXT, decision=TEXT, actor=TEXT, run={"anyOf": [ref("Run"), {"type": "null"}]})
    items, locks = ({"type": "array", "items": ref(name)} for name in ("Item", "Lock"))
    return {
        "/v1/hitl": {"get": _operation("Open items, the oldest first", {200: record(items=items)})},
        "/v1/hitl/{id}": {
            "get": _operation("One item, and what became of it", {200: ref("ItemWithEnd")}, path="id"),
            **_wish("Decide an open item, once", decided, needs=["decision", "note"], decision=DECISION, output={}),
        },
        "/v1/locks": {"get": _operation("Locks, their holders and lines", {200: record(locks=locks)})},
        "/v1/locks/release": _wish(
            "Take a lock from the run that holds it",
            ref("Run"),
            path=None,
            needs=["key", "note"],
            key={},
            sagaId=HELD_BY,
        ),
    }


def _wish(
    summary: str, answer: dict[str, Any], *, path: str | None = "id", needs: Sequence[str] = (), **members: Any
) -> dict[str, Any]:
    """What a person wants: the body says who and why."""
    note = WHY if "note" in needs else TEXT
    body = {"type": "object", "properties": {"actor": WHO, "note": note, **members}, "additionalProperties": False}
    if needs:
        body["required"] = list(needs)
    operation = _operation(summary, {200: answer}, path=path, body={"application/json": body})
    operation["requestBody"]["required"] = bool(needs)
    return {"post": operation}


def _operation(
    summary: str,
    answers: dict[int, dict[str, Any] | None],
    *,
    query: dict[str, Any] | None = None,
    path: str | tuple[str, ...] | None = None,
    body: dict[str, Any] | None = None,
    stream: bool = False,
    security: list[Any] | None = None,
) -> dict[str, Any]:
    parameters = [{"name": name, "in": "query", "schema": schema} for name, schema in (query or {}).items()]
    names = (path,) if isinstance(path, str) else path or ()
    parameters += [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]
    if stream:
        parameters.append({"name": "Last-Event-ID", "in": "header", "schema": POSITION})
    responses: dict[str, Any] = {"default": {"$ref": "#/components/responses/Problem"}}
    for status, schema in answers.items():
        responses[str(status)] = {"description": "done"}
        if schema is not None:
            content: dict[str, Any] = {"application/json": {"schema": schema}}
            if stream:
                content["text/event-stream"] = {"schema": TEXT}
            responses[str(status)]["content"] = content
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {media: {"schema": schema} for media, schema in body.items()},
        }
    if security is not None:
        operation["security"] = security
    return operation
