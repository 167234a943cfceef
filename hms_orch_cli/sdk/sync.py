"""The same verbs for programs without async: `emit` blocks until the event is durable."""

from __future__ import annotations

import asyncio
from typing import Any

from hms_orch_cli.sdk import emit as asynchronous
from hms_orch_cli.sdk.emitting import Emitted
from hms_orch_cli.sdk.hearing import run
from hms_orch_cli.sdk.subscribers import on

__all__ = ["emit", "on", "run"]


def emit(kind: str, data: Any = None, **options: Any) -> Emitted:
    """See `hms_orch_cli.sdk.emit`, which is the one to use where an event loop runs. Raises RuntimeError there."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(asynchronous(kind, data, **options))
    raise RuntimeError("an event loop runs here, and this would block it: await hms_orch_cli.sdk.emit(…)")
