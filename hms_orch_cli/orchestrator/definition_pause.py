"""A definition is paused and resumed: what goes into its stream `pause/<id>`, whoever writes it."""

from __future__ import annotations

from typing import Any

import orjson

from hms_orch_cli.errors import NotAllowed, NotFound
from hms_orch_cli.ports.store import Append, LogReader, NewEvent
from hms_orch_cli.saga.event_types import HELD_BACK, LET_GO, UNDEPLOYED
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.saga.reserved import SOURCE


def paused_behind(store: LogReader, saga: str) -> int | None:
    """The position behind which the events of a definition wait at the end of the log, None if it is not paused."""
    events = store.read(f"pause/{saga}")
    if not events or events[-1].type != HELD_BACK:
        return None
    return int(orjson.loads(events[-1].data or "{}")["from"])


def paused_already(saga: str) -> NotAllowed:
    """What a person hears who pauses it twice."""
    return NotAllowed(f"definition {saga} is paused already", f"hms-orch resume --saga {saga} lets it go on")


def pause_append(store: LogReader, saga: str, after: int, actor: str, note: str, now_ms: int) -> Append:
    """The append that holds back the events behind position `after`. Raises NotFound, NotAllowed."""
    deployed = store.read(f"definition/{saga}")
    if not deployed or deployed[-1].type == UNDEPLOYED:
        raise NotFound(f"no definition {saga} is deployed", "hms-orch deploy records one")
    if paused_behind(store, saga) is not None:
        raise paused_already(saga)
    return _append(store, saga, HELD_BACK, {"from": after, "actor": actor, "note": note}, now_ms)


def resume_append(store: LogReader, saga: str, actor: str, note: str, now_ms: int) -> Append:
    """The append that lets the events go that have waited. Raises NotAllowed."""
    if paused_behind(store, saga) is None:
        raise NotAllowed(f"definition {saga} is not paused", "hms-orch status shows its runs")
    return _append(store, saga, LET_GO, {"actor": actor, "note": note}, now_ms)


def _append(store: LogReader, saga: str, kind: str, data: dict[str, Any], now_ms: int) -> Append:
    version = len(store.read(f"pause/{saga}"))
    text = orjson.dumps({"saga": saga, **data}).decode()
    return Append(
        f"pause/{saga}", (NewEvent(f"pause/{saga}.{version + 1}", SOURCE, kind, rfc3339(now_ms), text),), version
    )
