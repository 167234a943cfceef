"""A clean process for each test: no subscribers, positions in a folder of its own, short pauses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hms_orch_cli.sdk.subscribers import HEARING, SUBSCRIBERS
from tests.dashboard.house import House, open_house
from tests.participant.fake_service import FakeService


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the environment and other tests leave behind is not there."""
    for name in ("HMS_URL", "HMS_TOKEN", "HMS_SOURCE", "HMS_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HMS_POSITIONS", str(tmp_path / "positions"))
    monkeypatch.setattr("hms_orch_cli.sdk.server.FIRST_PAUSE_S", 0.001)
    SUBSCRIBERS.clear()
    HEARING.clear()


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    """An orchestrator that answers what it is told to."""
    async with FakeService() as running:
        yield running


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A real orchestrator."""
    async with open_house() as opened:
        yield opened
