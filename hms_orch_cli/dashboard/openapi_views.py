"""The part of /openapi.json that the page needs most: what was sent, what was deployed."""

from __future__ import annotations

from typing import Any, Final

from hms_orch_cli.views.activity import OUTCOMES, WINDOWS

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_PROBLEM: Final = {"$ref": "#/components/responses/Problem"}


def _record(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members)}


def _maybe(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


def _get(summary: str, answer: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": answer}}
    told = {"summary": summary, "responses": {"200": {"description": "done", "content": content}, "default": _PROBLEM}}
    return {"get": told | ({"parameters": list(parameters)} if parameters else {})}


def _list(name: str, of: str) -> dict[str, Any]:
    return _record(**{name: {"type": "array", "items": {"$ref": f"#/components/schemas/{of}"}}})


_ID: Final = {"name": "id", "in": "path", "required": True, "schema": _TEXT}

VIEW_PATHS: Final[dict[str, Any]] = {
    "/v1/sagas/{id}/requests": _get(
        "What was sent to participants, and what was kept of their answers; nothing of it is a secret",
        _list("requests", "Exchange"),
        _ID,
    ),
    "/v1/definitions/{id}/revisions": _get(
        "What was ever deployed of a definition, the newest first", _list("revisions", "Revision"), _ID
    ),
    "/v1/activity": _get(
        "Runs that begin and end, slot by slot; of before this process as far as the run list tells",
        {"$ref": "#/components/schemas/Activity"},
        {"name": "window", "in": "query", "schema": {"enum": list(WINDOWS), "default": "hour"}},
        {"name": "saga", "in": "query", "schema": _TEXT},
    ),
    "/v1/services": _get("The participants, and how they have been answering", _list("services", "Service")),
}

_SLOT: Final = _record(
    started=_COUNT, **dict.fromkeys(OUTCOMES, _COUNT), p50Ms=_maybe("integer"), p95Ms=_maybe("integer")
)

VIEW_SCHEMAS: Final[dict[str, Any]] = {
    "Activity": _record(
        window={"enum": list(WINDOWS)},
        slotMs=_COUNT,
        slots={"type": "array", "items": {"allOf": [_record(at=_TEXT), _SLOT]}},
        total=_SLOT,
        failures={"type": "array", "items": _record(saga=_TEXT, step=_TEXT, count=_COUNT)},
    ),
    "Service": _record(
        name=_TEXT,
        url=_maybe("string"),
        state={"enum": ["up", "unsteady", "down", "quiet"]},
        usedBy={"type": "array", "items": _TEXT},
        answered=_COUNT,
        failed=_COUNT,
        p50Ms=_maybe("integer"),
        p95Ms=_maybe("integer"),
        lastAnswerAt=_maybe("string"),
        lastFailureAt=_maybe("string"),
        lastFailure=_maybe("string"),
        minutes={
            "type": "array",
            "description": "of the last hour, from the oldest on: attempts that were answered, and that were not",
            "items": {"type": "array", "items": _COUNT, "minItems": 2, "maxItems": 2},
        },
    ),
    "Exchange": _record(
        step=_TEXT,
        op={"enum": ["call", "compensate"]},
        attempts=_COUNT,
        request={
            "type": ["object", "null"],
            "properties": {
                **{"service": _TEXT, "method": _TEXT, "path": _TEXT, "key": _TEXT, "body": {}},
                **{"query": {"type": "object"}, "headers": {"type": "object", "additionalProperties": _TEXT}},
                "error": {**_TEXT, "description": "an expression could not be evaluated: nothing was sent"},
            },
            "required": ["service", "method", "path", "key"],
        },
        answer={
            "type": ["object", "null"],
            "properties": {"status": _maybe("integer"), "reason": _maybe("string"), "body": {}, "output": {}},
            "required": ["status", "reason", "body", "output"],
        },
    ),
    "Revision": _record(
        revision=_TEXT,
        deployedAt=_TEXT,
        undeployedAt=_maybe("string"),
        changes={"type": "array", "items": _TEXT},
        inFlight=_COUNT,
    ),
}
