"""Nothing waits longer than it has to."""

from __future__ import annotations

import pytest

from hms_orch_cli.event_store import group_commit
from hms_orch_cli.orchestrator import orchestrator, polling


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that serve people and disks are cut short."""
    monkeypatch.setattr(orchestrator, "IDLE_LOOK_S", 0.001)
    monkeypatch.setattr(orchestrator, "FLUSH_S", 0.002)
    monkeypatch.setattr(orchestrator, "GRACE_S", 0)
    monkeypatch.setattr(group_commit, "DERIVE_AFTER_S", 0.002)
    monkeypatch.setattr(polling, "SHORTEST_MS", 1)
    monkeypatch.setattr(polling, "LONGEST_MS", 2)
