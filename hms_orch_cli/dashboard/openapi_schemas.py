"""The values of the API as JSON Schema, for openapi.py: what is sent, and what comes back."""

from __future__ import annotations

from typing import Any

from hms_orch_cli.application.incoming import ATTRIBUTE_LIMIT, INTEGERS
from hms_orch_cli.dashboard.callers import ROLES
from hms_orch_cli.dashboard.wishes import ACTOR, MOST


def ref(name: str) -> dict[str, Any]:
    """A value of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(**members: Any) -> dict[str, Any]:
    """An object that has all of these members."""
    return {"type": "object", "properties": members, "required": list(members)}


def maybe(kind: str) -> dict[str, Any]:
    """A type, or null."""
    return {"type": [kind, "null"]}


TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
OBJECT = {"type": "object"}
POSITION = {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1}
WHO = {
    "type": "string",
    "maxLength": MOST["actor"],
    "pattern": r"\S",
    "default": ACTOR,
    "description": "who wants it; the name of a named token takes its place",
}
WHY = {"type": "string", "pattern": r"\S"}
RUN_ID = {"type": "string", "pattern": "^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$"}
ATTRIBUTE = {
    "type": "string",
    "minLength": 1,
    "maxLength": ATTRIBUTE_LIMIT,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
}
TYPE = {**ATTRIBUTE, "pattern": r"^(?!saga\.|hitl\.)[^\u0000-\u001f\u007f-\u009f]+$"}
PAUSED = {
    "type": "object",
    "properties": {"id": TEXT, "paused": {"type": "boolean"}},
    "required": ["id", "paused"],
}
DECISION = {"type": "string", "maxLength": MOST["decision"]}
HELD_BY = {**TEXT, "description": "the run that it is taken from: if another holds it by now, nothing is done"}
SAGA = {
    "type": "object",
    "description": "a saga file: `hms-orch schema` prints the whole JSON Schema, and 422 names what is wrong with it",
    "required": ["id", "trigger", "steps"],
}
EVENT_MEMBERS: dict[str, Any] = {
    "specversion": {"const": "1.0"},
    "id": ATTRIBUTE,
    "source": ATTRIBUTE,
    "type": TYPE,
    "time": {"type": "string", "format": "date-time"},
    "subject": ATTRIBUTE,
    "datacontenttype": {**ATTRIBUTE, "pattern": r"^(application/json|[!-.0-:<-~]+/[!-.0-:<-~]+\+json)$"},
    "dataschema": ATTRIBUTE,
    "data": {},
}
NEEDED = ["specversion", "id", "source", "type"]
STEP = record(name=TEXT, state=TEXT, attempts=COUNT, summary=maybe("string"))
RUN = record(
    sagaId=TEXT,
    saga=TEXT,
    revision=TEXT,
    state=TEXT,
    reason=TEXT,
    startedAt=TEXT,
    endedAt=maybe("string"),
    durationMs=maybe("integer"),
    event=record(id=TEXT, source=TEXT, type=TEXT),
    steps={"type": "array", "items": STEP},
)
ITEM = record(
    id=TEXT,
    kind={"enum": ["undo", "hold", "approval", "failures", "depth"]},
    sagaId=maybe("string"),
    saga=TEXT,
    step=maybe("string"),
    reason=TEXT,
    since=TEXT,
    expiresAt=maybe("string"),
    decisions={"type": "array", "items": TEXT},
)
BY_REVISION: dict[str, Any] = {
    "type": "object",
    "description": "revision -> runs that have not ended",
    "additionalProperties": COUNT,
}
SCHEMAS: dict[str, Any] = {
    "Event": {
        "type": "object",
        "description": "a CloudEvent 1.0; further members are extension attributes, null is as good as left out",
        "properties": {
            name: schema if name in NEEDED else {"anyOf": [schema, {"type": "null"}]}
            for name, schema in EVENT_MEMBERS.items()
        },
        "required": NEEDED,
        "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
        "additionalProperties": {
            "anyOf": [
                ATTRIBUTE,
                {"type": ["boolean", "null"]},
                {"type": "integer", "minimum": -INTEGERS, "maximum": INTEGERS - 1},
            ]
        },
    },
    "StoredEvent": {
        "type": "object",
        "properties": {"seq": COUNT, **EVENT_MEMBERS, "type": ATTRIBUTE},
        "required": ["seq", "specversion", "id", "source", "type", "time"],
    },
    "Taken": record(position=COUNT, duplicate={"type": "boolean"}),
    "Published": record(position=COUNT, duplicate={"type": "boolean"}, positions={"type": "array", "items": COUNT}),
    "PublishedBatch": record(
        positions={"type": "array", "items": COUNT}, events={"type": "array", "items": ref("Taken")}
    ),
    "Run": RUN,
    "Timeline": {
        "allOf": [
            ref("Run"),
            record(redriveOf=maybe("string"), replacedBy=maybe("string")),
            record(timeline={"type": "array", "items": record(seq=COUNT, time=TEXT, type=TEXT, data={})}),
        ]
    },
    "Explanation": record(sagaId=TEXT, saga=TEXT, state=TEXT, explanation=TEXT, items={"type": "array", "items": TEXT}),
    "PlannedCall": {
        "type": "object",
        "description": "those of one order go side by side; not certain is what may turn out to have had no effect",
        "properties": {
            **{"order": COUNT, "step": TEXT, "mode": {"enum": ["http", "event"]}, "certain": {"type": "boolean"}},
            **{"service": TEXT, "method": TEXT, "path": TEXT, "query": OBJECT, "key": TEXT, "body": {}},
            "error": {**TEXT, "description": "an expression failed: the run would be STUCK here"},
        },
        "required": ["order", "step", "mode", "certain", "key"],
    },
    "Item": ITEM,
    "ItemWithEnd": {
        "allOf": [
            ref("Item"),
            record(state={"enum": ["open", "decided", "closed"]}, ended=maybe("string")),
            record(decision=maybe("string"), actor=maybe("string"), note=maybe("string")),
        ]
    },
    "Lock": record(
        key={}, holder={"anyOf": [ref("Claim"), {"type": "null"}]}, queue={"type": "array", "items": ref("Claim")}
    ),
    "Claim": {
        "type": "object",
        "properties": {"sagaId": TEXT, "saga": TEXT, "state": TEXT, "startedAt": TEXT, "fence": COUNT},
        "required": ["sagaId", "saga", "state", "startedAt"],
    },
    "Definition": record(
        id=TEXT,
        revision=TEXT,
        deployedAt=TEXT,
        paused={"type": "boolean"},
        inFlight=BY_REVISION,
        content=OBJECT,
    ),
    "Deployment": record(
        saga=TEXT,
        revision=TEXT,
        change={"enum": ["new", "changed", "unchanged"]},
        previous=maybe("string"),
        changes={"type": "array", "items": TEXT},
        difference={"type": "array", "items": ref("Change")},
        inFlight=BY_REVISION,
    ),
    "Caller": record(
        name=maybe("string"),
        role={"enum": list(ROLES)},
        sagas={"type": "array", "items": TEXT, "description": "definitions that it may act on; empty: all"},
        types={"type": "array", "items": TEXT, "description": "types that it may publish; empty: all"},
        rights={"type": "array", "items": TEXT},
    ),
    "Change": record(
        kind={"enum": ["added", "removed", "renamed", "moved", "changed", "rewritten"]},
        steps={"type": "array", "items": TEXT},
        key=maybe("string"),
        before={},
        after={},
        sentence=TEXT,
    ),
    "Callback": {
        "type": "object",
        "properties": {"outcome": {"enum": ["success", "failed"]}, "result": {}, "reason": TEXT},
        "required": ["outcome"],
    },
    "Problem": {
        "type": "object",
        "properties": {"type": TEXT, "title": TEXT, "status": COUNT, "detail": TEXT, "hint": TEXT},
        "required": ["type", "title", "status", "detail"],
    },
}
