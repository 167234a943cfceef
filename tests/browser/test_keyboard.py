"""Everything can be done without a mouse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.looking import Stage, opened
from tests.browser.test_actions import held

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOCUS = "document.activeElement.textContent.trim()"


async def test_the_list_is_walked_through_and_a_run_opened(day: Stage, browser: Any) -> None:
    rows = [row.saga_id for row in day.house.office.runs(limit=3)]
    async with opened(browser, day.url) as page:
        await page.goto("/")
        for key in ("j", "j", "j", "k"):
            await page.keyboard.press(key)
        assert rows[1] in await page.evaluate("document.activeElement.href")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/runs/{rows[1]}")


async def test_two_letters_lead_to_every_place(day: Stage, browser: Any) -> None:
    async with opened(browser, day.url) as page:
        await page.goto("/")
        for letter, title in (
            ("h", "Decisions"),
            ("l", "Locks"),
            ("d", "Definitions"),
            ("c", "Charts"),
            ("s", "Services"),
            ("r", "Runs"),
        ):
            await page.keyboard.press("g")
            await page.keyboard.press(letter)
            await page.wait_for_function("title => document.title.startsWith(title)", arg=title)


async def test_a_slash_searches_and_letters_in_a_field_are_letters(day: Stage, browser: Any) -> None:
    async with opened(browser, day.url) as page:
        await page.goto("/")
        await page.keyboard.press("/")
        await page.keyboard.type("gjk?")
        assert await page.get_by_role("searchbox").input_value() == "gjk?"
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/?text=gjk*")
        await page.get_by_text("No run fits").wait_for()


async def test_a_question_mark_tells_the_keys_and_escape_closes_them(day: Stage, browser: Any, album: Any) -> None:
    async with opened(browser, day.url) as page:
        await page.goto("/")
        await page.keyboard.press("?")
        await page.get_by_role("dialog", name="Keys").wait_for()
        await page.screenshot(path=album / "keys.png")
        await page.keyboard.press("Escape")
        await page.locator("dialog").wait_for(state="detached")


async def test_the_first_stop_leads_past_the_head(day: Stage, browser: Any) -> None:
    async with opened(browser, day.url) as page:
        await page.goto("/")
        await page.keyboard.press("Tab")
        assert await page.evaluate(FOCUS) == "Skip to the content"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "live"


async def test_a_run_is_abandoned_by_keys_alone(bare: Stage, browser: Any) -> None:
    run = await held(bare)
    async with opened(browser, bare.url) as page:
        await page.goto(f"/runs/{run}")
        for _ in range(30):
            await page.keyboard.press("Tab")
            if await page.evaluate(FOCUS) == "Abandon":
                break
        await page.keyboard.press("Enter")
        await page.keyboard.type("printed by hand")
        await page.keyboard.press("Tab")
        await page.keyboard.type("ann")
        await page.keyboard.press("Enter")
        await page.locator("h1 + .state.s-abandoned").wait_for()


async def test_a_step_of_the_drawing_leads_to_what_is_told_about_it(day: Stage, browser: Any) -> None:
    run = await day.run("dol.household.moved.v1", "FAILED")
    async with opened(browser, day.url) as page:
        await page.goto(f"/runs/{run}")
        await page.locator(".at-a-desk a", has_text="transfer_file").focus()
        await page.keyboard.press("Enter")
        assert await page.locator("#step-transfer_file:target").count() == 1
