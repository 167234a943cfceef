"""A running house for every test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.dashboard.house import House, open_house


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """On loopback, without tokens."""
    async with open_house() as opened:
        yield opened
