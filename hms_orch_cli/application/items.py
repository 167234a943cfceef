"""One item, open or not: what a person is or was asked, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from hms_orch_cli.errors import NotFound
from hms_orch_cli.ports.store import Event, LogReader
from hms_orch_cli.saga.moment import rfc3339


def item_json(reader: LogReader, item: str) -> dict[str, Any]:
    """The members of `hitl list -o json`, and `state`: open, decided or closed; then who decided what, or why it was
    closed, and when it `ended` (None while it is open). Raises NotFound."""
    about = item.rpartition(".")[0]
    found: dict[str, Any] | None = None
    for event in (*reader.read(f"run/{about}"), *reader.read(f"hitl/{about}")):
        if not event.type.startswith("hitl."):
            continue
        data = orjson.loads(event.data or "{}")
        if data.get("id") != item:
            continue
        if event.type == "hitl.queued":
            found = _queued(event, data)
        elif found is not None:
            found |= _settled(event, data)
    if found is None:
        raise NotFound(f"there is no item {item[:200]}", "hms-orch hitl list shows the open items")
    return found


def _queued(event: Event, data: Mapping[str, Any]) -> dict[str, Any]:
    expires_at = data.get("expiresAt")
    return {
        "id": data["id"],
        "kind": data["kind"],
        "sagaId": data.get("sagaId"),
        "saga": data["saga"],
        "step": data.get("step", {}).get("name"),
        "reason": data["reason"],
        "since": event.time,
        "expiresAt": None if expires_at is None else rfc3339(expires_at),
        "decisions": data["decisions"],
        "state": "open",
        "ended": None,
        "decision": None,
        "actor": None,
        "note": None,
    }


def _settled(event: Event, data: Mapping[str, Any]) -> dict[str, Any]:
    if event.type == "hitl.decided":
        told = {name: data.get(name) for name in ("decision", "actor", "note")}
        return {"state": "decided", "ended": event.time, **told}
    return {"state": "closed", "ended": event.time, "note": data["reason"]}
