"""/openapi.json: the API as OpenAPI 3.1. A test holds it equal to the routes."""

from __future__ import annotations

from typing import Any

from hms_orch_cli import __version__

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_OBJECT = {"type": "object"}


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hms-orch",
            "version": __version__,
            "summary": "Sagas: events in, runs out.",
            "description": "Every error is a problem document (RFC 9457), with a `hint` where there is a next step.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{}, {"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "needed where [server] tokens are set"}
            },
            "schemas": _SCHEMAS,
            "responses": {
                "Problem": {
                    "description": "what is wrong, and what to do about it",
                    "content": {"application/problem+json": {"schema": _ref("Problem")}},
                }
            },
        },
    }


def _paths() -> dict[str, Any]:
    event, batch = _ref("Event"), {"type": "array", "items": _ref("Event"), "maxItems": 1000}
    page = _record(events={"type": "array", "items": _ref("StoredEvent")}, next=_COUNT, last=_COUNT)
    return {
        "/v1/events": {
            "post": _operation(
                "Publish an event, or a batch; 202 once durable",
                {202: {"oneOf": [_ref("Published"), _ref("PublishedBatch")]}},
                body={
                    "application/cloudevents+json": event,
                    "application/cloudevents-batch+json": batch,
                    "application/json": {"description": "an event, or with ce-* headers its data"},
                },
            ),
            "get": _operation(
                "Events behind a position: a page, or with Accept: text/event-stream a stream",
                {200: page},
                query={
                    "after": _COUNT,
                    "type": {"type": "array", "items": _TEXT},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                },
                stream=True,
            ),
        },
        "/v1/sagas": {
            "get": _operation(
                "Runs, newest first",
                {200: _record(sagas={"type": "array", "items": _ref("Run")})},
                query={
                    "saga": _TEXT,
                    "state": {"type": "array", "items": _TEXT},
                    "event": {"type": "integer", "minimum": 1, "description": "position of the triggering event"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                },
            )
        },
        "/v1/sagas/{id}": {"get": _operation("One run with its timeline", {200: _ref("Timeline")}, path="id")},
        "/v1/definitions": {
            "get": _operation(
                "Definitions that hold", {200: _record(definitions={"type": "array", "items": _ref("Definition")})}
            ),
            "post": _operation(
                "Deploy a definition; the same content again changes nothing",
                {200: _ref("Deployment"), 201: _ref("Deployment")},
                body={"application/yaml": {}, "application/json": {}},
            ),
        },
        "/v1/definitions/{id}": {"delete": _operation("Undeploy a definition", {204: None}, path="id")},
        "/v1/callbacks/{token}": {
            "post": _operation(
                "A participant reports the end of what it took with 202",
                {204: None},
                path="token",
                body={"application/json": _ref("Callback")},
                security=[],
            )
        },
        "/healthz": {"get": _operation("The process lives", {200: None}, security=[])},
        "/readyz": {"get": _operation("Ready for work, or 503 with the reason", {200: _record(ready={"const": True})})},
        "/metrics": {"get": _operation("Metrics in the text format of Prometheus", {200: None})},
        "/.well-known/jwks.json": {"get": _operation("Keys that verify tokens", {200: _OBJECT}, security=[])},
        "/openapi.json": {"get": _operation("This document", {200: _OBJECT})},
    }


def _operation(
    summary: str,
    answers: dict[int, dict[str, Any] | None],
    *,
    query: dict[str, Any] | None = None,
    path: str | None = None,
    body: dict[str, Any] | None = None,
    stream: bool = False,
    security: list[Any] | None = None,
) -> dict[str, Any]:
    parameters = [{"name": name, "in": "query", "schema": schema} for name, schema in (query or {}).items()]
    if path is not None:
        parameters.append({"name": path, "in": "path", "required": True, "schema": _TEXT})
    if stream:
        parameters.append({"name": "Last-Event-ID", "in": "header", "schema": _COUNT})
    responses: dict[str, Any] = {"default": {"$ref": "#/components/responses/Problem"}}
    for status, schema in answers.items():
        responses[str(status)] = {"description": "done"}
        if schema is not None:
            content: dict[str, Any] = {"application/json": {"schema": schema}}
            if stream:
                content["text/event-stream"] = {"schema": _TEXT}
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


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _record(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members)}


def _maybe(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_EVENT_MEMBERS: dict[str, Any] = {
    "specversion": {"const": "1.0"},
    "id": _TEXT,
    "source": _TEXT,
    "type": _TEXT,
    "time": {"type": "string", "format": "date-time"},
    "subject": _TEXT,
    "datacontenttype": _TEXT,
    "dataschema": _TEXT,
    "data": {},
}
_STEP = _record(name=_TEXT, state=_TEXT, attempts=_COUNT, summary=_maybe("string"))
_RUN = _record(
    sagaId=_TEXT,
    saga=_TEXT,
    revision=_TEXT,
    state=_TEXT,
    reason=_TEXT,
    startedAt=_TEXT,
    endedAt=_maybe("string"),
    durationMs=_maybe("integer"),
    event=_record(id=_TEXT, source=_TEXT, type=_TEXT),
    steps={"type": "array", "items": _STEP},
)
_SCHEMAS: dict[str, Any] = {
    "Event": {
        "type": "object",
        "description": "a CloudEvent 1.0; further members are extension attributes",
        "properties": _EVENT_MEMBERS,
        "required": ["specversion", "id", "source", "type"],
    },
    "StoredEvent": {
        "type": "object",
        "properties": {"seq": _COUNT, **_EVENT_MEMBERS},
        "required": ["seq", "specversion", "id", "source", "type", "time"],
    },
    "Taken": _record(position=_COUNT, duplicate={"type": "boolean"}),
    "Published": _record(position=_COUNT, duplicate={"type": "boolean"}, positions={"type": "array", "items": _COUNT}),
    "PublishedBatch": _record(
        positions={"type": "array", "items": _COUNT}, events={"type": "array", "items": _ref("Taken")}
    ),
    "Run": _RUN,
    "Timeline": {
        "allOf": [
            _ref("Run"),
            _record(timeline={"type": "array", "items": _record(seq=_COUNT, time=_TEXT, type=_TEXT, data={})}),
        ]
    },
    "Definition": _record(id=_TEXT, revision=_TEXT, deployedAt=_TEXT, content=_OBJECT),
    "Deployment": _record(
        saga=_TEXT,
        revision=_TEXT,
        change={"enum": ["new", "changed", "unchanged"]},
        previous=_maybe("string"),
        changes={"type": "array", "items": _TEXT},
    ),
    "Callback": {
        "type": "object",
        "properties": {"outcome": {"enum": ["success", "failed"]}, "result": {}, "reason": _TEXT},
        "required": ["outcome"],
    },
    "Problem": {
        "type": "object",
        "properties": {"type": _TEXT, "title": _TEXT, "status": _COUNT, "detail": _TEXT, "hint": _TEXT},
        "required": ["type", "title", "status", "detail"],
    },
}
