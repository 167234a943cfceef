"""The part of /openapi.json that the page needs most: what was sent, what was deployed."""

from __future__ import annotations

from typing import Any, Final

from hms_orch_cli.dashboard.openapi_schemas import COUNT, OBJECT, TEXT, maybe, record, ref
from hms_orch_cli.views.activity import OUTCOMES, WINDOWS

_PROBLEM: Final = {"$ref": "#/components/responses/Problem"}


def _get(summary: str, answer: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": answer}}
    told = {"summary": summary, "responses": {"200": {"description": "done", "content": content}, "default": _PROBLEM}}
    return {"get": told | ({"parameters": list(parameters)} if parameters else {})}


def _list(name: str, of: str) -> dict[str, Any]:
    return record(**{name: {"type": "array", "items": ref(of)}})


_ID: Final = {"name": "id", "in": "path", "required": True, "schema": TEXT}

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
        ref("Activity"),
        {"name": "window", "in": "query", "schema": {"enum": list(WINDOWS), "default": "hour"}},
        {"name": "saga", "in": "query", "schema": TEXT},
    ),
    "/v1/services": _get("The participants, and how they have been answering", _list("services", "Service")),
}

_SLOT: Final = record(started=COUNT, **dict.fromkeys(OUTCOMES, COUNT), p50Ms=maybe("integer"), p95Ms=maybe("integer"))

VIEW_SCHEMAS: Final[dict[str, Any]] = {
    "Activity": record(
        window={"enum": list(WINDOWS)},
        slotMs=COUNT,
        slots={"type": "array", "items": {"allOf": [record(at=TEXT), _SLOT]}},
        total=_SLOT,
        failures={"type": "array", "items": record(saga=TEXT, step=TEXT, count=COUNT)},
    ),
    "Service": record(
        name=TEXT,
        url=maybe("string"),
        state={"enum": ["up", "unsteady", "down", "quiet"]},
        usedBy={"type": "array", "items": TEXT},
        answered=COUNT,
        failed=COUNT,
        p50Ms=maybe("integer"),
        p95Ms=maybe("integer"),
        lastAnswerAt=maybe("string"),
        lastFailureAt=maybe("string"),
        lastFailure=maybe("string"),
        minutes={
            "type": "array",
            "description": "of the last hour, from the oldest on: attempts that were answered, and that were not",
            "items": {"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2},
        },
    ),
    "Exchange": record(
        step=TEXT,
        op={"enum": ["call", "compensate"]},
        attempts=COUNT,
        request={
            "type": ["object", "null"],
            "properties": {
                **{"service": TEXT, "method": TEXT, "path": TEXT, "key": TEXT, "body": {}},
                **{"query": OBJECT, "headers": {"type": "object", "additionalProperties": TEXT}},
                "error": {**TEXT, "description": "an expression could not be evaluated: nothing was sent"},
            },
            "required": ["service", "method", "path", "key"],
        },
        answer={
            "type": ["object", "null"],
            "properties": {"status": maybe("integer"), "reason": maybe("string"), "body": {}, "output": {}},
            "required": ["status", "reason", "body", "output"],
        },
    ),
    "Revision": record(
        revision=TEXT,
        deployedAt=TEXT,
        undeployedAt=maybe("string"),
        changes={"type": "array", "items": TEXT},
        inFlight=COUNT,
    ),
}
