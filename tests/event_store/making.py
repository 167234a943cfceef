"""Events, rows and logs for the tests of this room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.ports.store import Append, Event, NewEvent, RunRow


def event(name: str = "e", data: str | None = '{"n": 1}') -> NewEvent:
    """An event whose id is `name`."""
    return NewEvent(name, "hms-bus", "policy.changed", "2025-03-01T12:00:00.000Z", data)


def one(stream: str, at: int, name: str = "e") -> Append:
    """An append of one event."""
    return Append(stream, [event(name)], at)


def row(saga_id: str, state: str = "RUNNING") -> RunRow:
    """A row of the run list."""
    return RunRow(saga_id, "saga.a", "r1", state, "", 1, None, 0, 1, "e1", "hms-bus", "policy.changed", "[]")


def log(count: int) -> list[Event]:
    """A log of so many events, all different."""
    store = MemoryStore()
    store.append([one(f"event/bus {n}", 0, f"e{n}") for n in range(1, count + 1)])
    return list(store.scan())


def child(script: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Another process of this Python that runs a script of this folder, with pipes to talk through."""
    path = Path(__file__).with_name(script)
    command = [sys.executable, str(path), *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def end(process: subprocess.Popen[str]) -> int:
    """Waits for a process and lets go of its pipes."""
    process.communicate(timeout=30)
    return process.returncode
