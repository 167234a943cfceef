"""A browser before a house, for every test of this folder; without one they are skipped, with the reason.

Screenshots go to the folder that `HMS_SCREENSHOTS` names, else to pytest's temporary folder.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.browser.looking import MISSING, Stage, launched
from tests.browser.scenery import play, remember, stage

if TYPE_CHECKING:
    from playwright.async_api import Browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser every test of this folder is skipped, with the reason."""
    if MISSING:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests."""
    async with launched() as found:
        yield found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def day() -> AsyncIterator[Stage]:
    """Runs in every state, for tests that only look."""
    async with stage() as (house, cast, server):
        remember(house)
        await play(house, cast)
        yield Stage(house, cast, server.url)


@pytest_asyncio.fixture(loop_scope="session")
async def bare() -> AsyncIterator[Stage]:
    """Definitions, and nothing that has run, for tests that do something."""
    async with stage(pace_s=0) as (house, cast, server):
        yield Stage(house, cast, server.url)


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept."""
    told = os.environ.get("HMS_SCREENSHOTS")
    folder = Path(told) if told else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
