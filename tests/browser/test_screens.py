"""Every screen, light and dark, at a desk and on a phone: it is quiet, fits, and axe-core has nothing against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.looking import Stage, opened, violations
from tests.browser.screens import SCREENS

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("size", ["desk", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen(day: Stage, browser: Any, album: Path, name: str, dark: bool, size: str) -> None:
    address = await SCREENS[name](day)
    async with opened(browser, day.url, dark=dark, size=size) as page:
        await page.goto(address)
        await page.wait_for_load_state("load")
        wide, room = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= room, "the page is wider than its window"
        assert await violations(page) == []
        shade = "dark" if dark else "light"
        await page.screenshot(path=album / f"{name}-{size}-{shade}.png", full_page=True)


@pytest.mark.parametrize("name", ["runs", "decisions", "locks", "definitions", "charts", "services"])
async def test_the_empty_screen_teaches(bare: Stage, browser: Any, album: Path, name: str) -> None:
    for saga in bare.house.office.saga_ids():
        await bare.house.office.undeploy(saga)
    await bare.house.settle()
    address = {"runs": "/", "decisions": "/hitl"}.get(name, f"/{name}")
    async with opened(browser, bare.url) as page:
        await page.goto(address)
        assert await page.locator(".empty h2, .service h2").count()
        assert await violations(page) == []
        await page.screenshot(path=album / f"empty-{name}.png")
