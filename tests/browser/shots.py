"""Takes the pictures of docs/dashboard.md:

    python -m tests.browser.shots [FOLDER]

Look at each of them before it is kept.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.browser.looking import Stage, launched, opened
from tests.browser.scenery import play, remember, stage
from tests.browser.screens import Find, at, of_item, of_run

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screenshots"


class Shot(NamedTuple):
    """A picture: where, how, and what is done before; `whole` shows the page to its end."""

    find: Find
    dark: bool = False
    size: str = "desk"
    whole: bool = False
    press: str = ""
    scroll: str = ""


SHOTS: Final = {
    "runs": Shot(at("/")),
    "runs-dark": Shot(at("/"), dark=True),
    "runs-phone": Shot(at("/"), size="phone"),
    "run": Shot(of_run("dol.benefit.increase.v1", "COMPLETED"), whole=True),
    "run-failed": Shot(of_run("dol.household.moved.v1", "FAILED"), whole=True),
    "run-waiting-dark": Shot(of_run("dol.overpayment.recovered.v1", "WAITING"), dark=True),
    "run-phone": Shot(of_run("shop.label.v1", "STUCK"), size="phone"),
    "run-failed-phone": Shot(of_run("dol.household.moved.v1", "FAILED"), size="phone", scroll=".drawing"),
    "decisions": Shot(at("/hitl")),
    "decision": Shot(of_item("hold")),
    "decision-confirmed": Shot(of_item("hold"), press="Undo the run"),
    "decision-phone-dark": Shot(of_item("approval"), size="phone", dark=True),
    "locks": Shot(at("/locks")),
    "lock-release": Shot(at("/locks"), press="Release"),
    "locks-phone-dark": Shot(at("/locks"), size="phone", dark=True),
    "definitions": Shot(at("/definitions")),
    "definition": Shot(at("/definitions/dol.household.moved.v1"), whole=True),
    "charts": Shot(at("/charts"), whole=True),
    "charts-dark": Shot(at("/charts"), dark=True),
    "services": Shot(at("/services")),
}


async def take(folder: Path, told: Callable[[str], Any]) -> None:
    """All of them, and the page before anything has run."""
    async with launched() as browser, stage() as (house, cast, server):
        about = Stage(house, cast, server.url)
        async with opened(browser, server.url) as page:
            await page.goto("/")
            await page.screenshot(path=folder / "empty.png")
        remember(house)
        await play(house, cast)
        await about.run("shop.label.v1", "STUCK")
        for name, shot in SHOTS.items():
            address = await shot.find(about)
            async with opened(browser, server.url, dark=shot.dark, size=shot.size) as page:
                await page.goto(address)
                if shot.scroll:
                    await page.locator(shot.scroll).evaluate("place => place.scrollIntoView()")
                if shot.press:
                    await page.get_by_role("button", name=shot.press).first.click()
                    await page.locator("dialog .plan > li, dialog .warns").first.wait_for()
                await page.screenshot(path=folder / f"{name}.png", full_page=shot.whole)
                told(name)


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    where.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(where, lambda name: sys.stderr.write(f"{name}\n")))
