"""/openapi.json: the API as OpenAPI 3.1. A test holds it equal to the routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hms_orch_cli import __version__
from hms_orch_cli.application.incoming import ATTRIBUTE_LIMIT, INTEGERS
from hms_orch_cli.dashboard.callers import ROLES
from hms_orch_cli.dashboard.openapi_views import VIEW_PATHS, VIEW_SCHEMAS
from hms_orch_cli.dashboard.wishes import ACTOR, MOST
from hms_orch_cli.views.states import STATES

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_OBJECT = {"type": "object"}
_POSITION = {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1}
_ACTOR = {
    "type": "string",
    "maxLength": MOST["actor"],
    "pattern": r"\S",
    "default": ACTOR,
    "description": "who wants it; the name of a named token takes its place",
}
_ATTRIBUTE = {
    "type": "string",
    "minLength": 1,
    "maxLength": ATTRIBUTE_LIMIT,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
}
_TYPE = {**_ATTRIBUTE, "pattern": r"^(?!saga\.|hitl\.)[^\u0000-\u001f\u007f-\u009f]+$"}
_PAUSED = {
    "type": "object",
    "properties": {"id": _TEXT, "paused": {"type": "boolean"}},
    "required": ["id", "paused"],
}


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
            "schemas": {**_SCHEMAS, **VIEW_SCHEMAS},
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
                "Publish an event, or a batch, all of it or nothing; 202 once durable (ce-* headers: the body is data)",
                {202: {"oneOf": [_ref("Published"), _ref("PublishedBatch")]}},
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
                    "after": _POSITION,
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
                    "state": {"type": "array", "items": {"enum": list(STATES)}},
                    "text": {**_TEXT, "description": "an id, a name or the reason holds it"},
                    "event": {**_POSITION, "minimum": 1, "description": "position of the triggering event"},
                    "before": {**_TEXT, "description": "the last id of the page before"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                },
            )
        },
        "/v1/sagas/{id}": {"get": _operation("One run with its timeline", {200: _ref("Timeline")}, path="id")},
        **_steering(),
        **_questions(),
        **VIEW_PATHS,
        "/v1/definitions": {
            "get": _operation(
                "Definitions that hold", {200: _record(definitions={"type": "array", "items": _ref("Definition")})}
            ),
            "post": _operation(
                "Deploy a definition; the same content again changes nothing",
                {200: _ref("Deployment"), 201: _ref("Deployment")},
                body={"application/yaml": _SAGA, "application/json": _SAGA},
            ),
        },
        "/v1/definitions/{id}": {
            "get": _operation(
                "What a definition says, as it holds or in an earlier revision",
                {200: _record(id=_TEXT, revision=_TEXT, content=_OBJECT)},
                path="id",
                query={"revision": _TEXT},
            ),
            "delete": _operation("Undeploy a definition", {204: None}, path="id"),
        },
        "/v1/definitions/{id}/pause": _wish("Let the events of a definition wait", _PAUSED),
        "/v1/definitions/{id}/resume": _wish("Let a definition meet the events that have waited", _PAUSED),
        "/v1/callbacks/{token}": {
            "post": _operation(
                "A participant reports the end of what it took with 202",
                {204: None},
                path="token",
                body={"application/json": _ref("Callback")},
                security=[],
            )
        },
        "/v1/me": {"get": _operation("Who asks, and what they may do", {200: _ref("Caller")})},
        "/healthz": {"get": _operation("The process lives", {200: None}, security=[])},
        "/readyz": {"get": _operation("Ready for work, or 503 with the reason", {200: _record(ready={"const": True})})},
        "/metrics": {"get": _operation("Metrics in the text format of Prometheus", {200: None})},
        "/.well-known/jwks.json": {"get": _operation("Keys that verify tokens", {200: _OBJECT}, security=[])},
        "/openapi.json": {"get": _operation("This document", {200: _OBJECT})},
    }


def _steering() -> dict[str, Any]:
    run = _ref("Run")
    return {
        "/v1/sagas/{id}/cancel": _wish("Undo a run that has not turned back", run),
        "/v1/sagas/{id}/abandon": _wish("Close a run as it stands, without undo", run, needs=["note"]),
        "/v1/sagas/{id}/pause": _wish("Let a run begin nothing any more", run),
        "/v1/sagas/{id}/resume": _wish("Let a run go on", run),
        "/v1/sagas/{id}/redrive": _wish(
            "Let an ended run go on, or start it anew: the answer names the run that goes on",
            _record(sagaId=_TEXT, redriveOf=_maybe("string")),
            keepRevision={"type": "boolean", "default": False},
        ),
        "/v1/sagas/{id}/steps/{name}/compensated": {
            "post": _operation("A participant acknowledges an undo by event", {204: None}, path=("id", "name"))
        },
        "/v1/sagas/{id}/explain": {"get": _operation("Why a run does not move", {200: _ref("Explanation")}, path="id")},
        "/v1/sagas/{id}/plan": {
            "get": _operation(
                "The calls that an undo would make: of a cancel now, or of step failAt being refused",
                {200: _record(calls={"type": "array", "items": _ref("PlannedCall")})},
                query={"failAt": _TEXT},
                path="id",
            )
        },
    }


def _questions() -> dict[str, Any]:
    decided = _record(id=_TEXT, decision=_TEXT, actor=_TEXT, run={"anyOf": [_ref("Run"), {"type": "null"}]})
    items, locks = ({"type": "array", "items": _ref(name)} for name in ("Item", "Lock"))
    return {
        "/v1/hitl": {"get": _operation("Open items, the oldest first", {200: _record(items=items)})},
        "/v1/hitl/{id}": {
            "get": _operation("One item, and what became of it", {200: _ref("ItemWithEnd")}, path="id"),
            **_wish("Decide an open item, once", decided, needs=["decision", "note"], decision=_DECISION, output={}),
        },
        "/v1/locks": {"get": _operation("Locks, their holders and lines", {200: _record(locks=locks)})},
        "/v1/locks/release": _wish(
            "Take a lock from the run that holds it", _ref("Run"), path=None, needs=["key", "note"], key={}
        ),
    }


def _wish(
    summary: str, answer: dict[str, Any], *, path: str | None = "id", needs: Sequence[str] = (), **members: Any
) -> dict[str, Any]:
    """What a person wants: the body says who and why."""
    body = {"type": "object", "properties": {"actor": _ACTOR, "note": _TEXT, **members}, "additionalProperties": False}
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
    parameters += [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]
    if stream:
        parameters.append({"name": "Last-Event-ID", "in": "header", "schema": _POSITION})
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


_DECISION = {"type": "string", "maxLength": MOST["decision"]}
_SAGA = {
    "type": "object",
    "description": "a saga file: `hms-orch schema` prints the whole JSON Schema, and 422 names what is wrong with it",
    "required": ["id", "trigger", "steps"],
}
_EVENT_MEMBERS: dict[str, Any] = {
    "specversion": {"const": "1.0"},
    "id": _ATTRIBUTE,
    "source": _ATTRIBUTE,
    "type": _TYPE,
    "time": {"type": "string", "format": "date-time"},
    "subject": _ATTRIBUTE,
    "datacontenttype": {**_ATTRIBUTE, "pattern": r"^(application/json|[!-.0-:<-~]+/[!-.0-:<-~]+\+json)$"},
    "dataschema": _ATTRIBUTE,
    "data": {},
}
_NEEDED = ["specversion", "id", "source", "type"]
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
_ITEM = _record(
    id=_TEXT,
    kind={"enum": ["undo", "hold", "approval", "failures", "depth"]},
    sagaId=_maybe("string"),
    saga=_TEXT,
    step=_maybe("string"),
    reason=_TEXT,
    since=_TEXT,
    expiresAt=_maybe("string"),
    decisions={"type": "array", "items": _TEXT},
)
_BY_REVISION: dict[str, Any] = {
    "type": "object",
    "description": "revision -> runs that have not ended",
    "additionalProperties": _COUNT,
}
_SCHEMAS: dict[str, Any] = {
    "Event": {
        "type": "object",
        "description": "a CloudEvent 1.0; further members are extension attributes, null is as good as left out",
        "properties": {
            name: schema if name in _NEEDED else {"anyOf": [schema, {"type": "null"}]}
            for name, schema in _EVENT_MEMBERS.items()
        },
        "required": _NEEDED,
        "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
        "additionalProperties": {
            "anyOf": [
                _ATTRIBUTE,
                {"type": ["boolean", "null"]},
                {"type": "integer", "minimum": -INTEGERS, "maximum": INTEGERS - 1},
            ]
        },
    },
    "StoredEvent": {
        "type": "object",
        "properties": {"seq": _COUNT, **_EVENT_MEMBERS, "type": _ATTRIBUTE},
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
            _record(redriveOf=_maybe("string"), replacedBy=_maybe("string")),
            _record(timeline={"type": "array", "items": _record(seq=_COUNT, time=_TEXT, type=_TEXT, data={})}),
        ]
    },
    "Explanation": _record(
        sagaId=_TEXT, saga=_TEXT, state=_TEXT, explanation=_TEXT, items={"type": "array", "items": _TEXT}
    ),
    "PlannedCall": {
        "type": "object",
        "description": "those of one order go side by side; not certain is what may turn out to have had no effect",
        "properties": {
            **{"order": _COUNT, "step": _TEXT, "mode": {"enum": ["http", "event"]}, "certain": {"type": "boolean"}},
            **{"service": _TEXT, "method": _TEXT, "path": _TEXT, "query": _OBJECT, "key": _TEXT, "body": {}},
            "error": {**_TEXT, "description": "an expression failed: the run would be STUCK here"},
        },
        "required": ["order", "step", "mode", "certain", "key"],
    },
    "Item": _ITEM,
    "ItemWithEnd": {
        "allOf": [
            _ref("Item"),
            _record(state={"enum": ["open", "decided", "closed"]}, ended=_maybe("string")),
            _record(decision=_maybe("string"), actor=_maybe("string"), note=_maybe("string")),
        ]
    },
    "Lock": _record(
        key={}, holder={"anyOf": [_ref("Claim"), {"type": "null"}]}, queue={"type": "array", "items": _ref("Claim")}
    ),
    "Claim": {
        "type": "object",
        "properties": {"sagaId": _TEXT, "saga": _TEXT, "state": _TEXT, "startedAt": _TEXT, "fence": _COUNT},
        "required": ["sagaId", "saga", "state", "startedAt"],
    },
    "Definition": _record(
        id=_TEXT,
        revision=_TEXT,
        deployedAt=_TEXT,
        paused={"type": "boolean"},
        inFlight=_BY_REVISION,
        content=_OBJECT,
    ),
    "Deployment": _record(
        saga=_TEXT,
        revision=_TEXT,
        change={"enum": ["new", "changed", "unchanged"]},
        previous=_maybe("string"),
        changes={"type": "array", "items": _TEXT},
        difference={"type": "array", "items": _ref("Change")},
        inFlight=_BY_REVISION,
    ),
    "Caller": _record(
        name=_maybe("string"),
        role={"enum": list(ROLES)},
        sagas={"type": "array", "items": _TEXT, "description": "definitions that it may act on; empty: all"},
        types={"type": "array", "items": _TEXT, "description": "types that it may publish; empty: all"},
        rights={"type": "array", "items": _TEXT},
    ),
    "Change": _record(
        kind={"enum": ["added", "removed", "renamed", "moved", "changed", "rewritten"]},
        steps={"type": "array", "items": _TEXT},
        key=_maybe("string"),
        before={},
        after={},
        sentence=_TEXT,
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
