"""A definition is paused and resumed: what goes into its stream `pause/<id>`, whoever writes it."""

from __future__ import annotations

from typing import Any

import orjson

from hms_orch_cli.errors import NotAllowed, NotFound
from hms_orch_cli.ports import Append, LogReader, NewEvent
from hms_orch_cli.saga.event_types import HELD_BACK, LET_GO, SOURCE, UNDEPLOYED
from hms_orch_cli.saga.moment import rfc3339


def is_paused(store: LogReader, saga: str) -> bool:
    """Whether the definition is paused at the end of the log."""
    events = store.read(f"pause/{saga}")
    return bool(events) and events[-1].type == HELD_BACK


def pause_append(store: LogReader, saga: str, after: int, actor: str, note: str, now_ms: int) -> Append:
    """The append that holds back the events behind position `after`. Raises NotFound, NotAllowed."""
    deployed = store.read(f"definition/{saga}")
    if not deployed or deployed[-1].type == UNDEPLOYED:
        raise NotFound(f"no definition {saga} is deployed", "hms-orch deploy records one")
    if is_paused(store, saga):
        raise NotAllowed(f"definition {saga} is paused already", f"hms-orch resume --saga {saga} lets it go on")
    return _append(store, saga, HELD_BACK, {"from": after, "actor": actor, "note": note}, now_ms)


def resume_append(store: LogReader, saga: str, actor: str, note: str, now_ms: int) -> Append:
    """The append that lets the events go that have waited. Raises NotAllowed."""
    if not is_paused(store, saga):
        raise NotAllowed(f"definition {saga} is not paused", "hms-orch status shows its runs")
    return _append(store, saga, LET_GO, {"actor": actor, "note": note}, now_ms)


def _append(store: LogReader, saga: str, kind: str, data: dict[str, Any], now_ms: int) -> Append:
    version = len(store.read(f"pause/{saga}"))
    text = orjson.dumps({"saga": saga, **data}).decode()
    return Append(
        f"pause/{saga}", (NewEvent(f"pause/{saga}.{version + 1}", SOURCE, kind, rfc3339(now_ms), text),), version
    )
