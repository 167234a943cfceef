"""A browser before a house: what it needs, how a page is opened and what is held against it.

Chromium is the system's (Debian: `apt-get install chromium`); Playwright only steers it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.browser.scenery import Cast
from tests.dashboard.house import House

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = (
    "playwright is not installed: pip install playwright" if find_spec("playwright") is None
    else "there is no chromium: apt-get install chromium" if CHROMIUM is None
    else ""
)  # fmt: skip
SIZES = {"desk": {"width": 1280, "height": 860}, "phone": {"width": 390, "height": 844}}
AXE = (
    "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    ".map(v => `${v.id}: ${v.help} at ${v.nodes.slice(0, 3)"
    ".map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | ')}`)"
)
WAIT_MS = 15_000


class Stage(NamedTuple):
    """A house with its participants, and where it is."""

    house: House
    cast: Cast
    url: str

    async def run(self, saga: str, state: str) -> str:
        """The id of a run, once there is one of this saga in this state."""
        async with asyncio.timeout(20):
            while True:
                rows = self.house.office.runs(saga=saga, states=[state])
                if rows:
                    return rows[0].saga_id
                await asyncio.sleep(0.02)

    async def item(self, kind: str) -> str:
        """The id of an open item of this kind."""
        async with asyncio.timeout(20):
            while True:
                for item in self.house.office.items():
                    if item["kind"] == kind:
                        return str(item["id"])
                await asyncio.sleep(0.02)


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """The browser."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        await found.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, *, dark: bool = False, size: str = "desk") -> AsyncIterator[Page]:
    """A page that asks nobody but its own server, whose script makes no mistake, and that nothing from outside can make
    do anything."""
    context = await browser.new_context(
        viewport=SIZES[size],  # type: ignore[arg-type]
        color_scheme="dark" if dark else "light",
        base_url=url,
        reduced_motion="reduce",
        device_scale_factor=2 if size == "phone" else 1,
    )
    context.set_default_timeout(WAIT_MS)
    page = await context.new_page()
    wrong: list[str] = []

    def said(message: Any) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            wrong.append(message.text)

    async def alerted(dialog: Any) -> None:
        wrong.append(f"a dialog: {dialog.message}")
        await dialog.dismiss()

    page.on("console", said)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", alerted)
    page.on("request", lambda request: request.url.startswith(f"{url}/") or wrong.append(request.url))
    try:
        yield page
    finally:
        await context.close()
    assert wrong == []


async def violations(page: Page) -> list[str]:
    """What axe-core objects to."""
    await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found: list[str] = await page.evaluate(AXE)
    return found
