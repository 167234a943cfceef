"""Lists that may be long: whoever asks for one waits for it, and nobody else."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.dashboard.house import House


@pytest.mark.parametrize(("path", "verb"), [("/v1/hitl", "items"), ("/v1/locks", "locks")])
async def test_while_a_long_list_is_made_others_are_answered(
    house: House, path: str, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def made() -> list[dict[str, Any]]:
        return [{"in time": answered.wait(20)}]

    monkeypatch.setattr(house.office, verb, made)
    long = asyncio.create_task(house.client.get(path))
    await asyncio.sleep(0)
    assert (await house.client.get("/healthz")).status_code == 200
    answered.set()
    assert (await long).json() == {verb: [{"in time": True}]}
