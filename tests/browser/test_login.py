"""Where a token is needed: the login of a browser, and what each role sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from hms_orch_cli.config.tokens import Role, Token, hash_of
from tests.browser.looking import Stage, opened, violations
from tests.browser.scenery import stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS: dict[Role, str] = {"viewer": "only-to-look", "operator": "to-decide"}


@pytest_asyncio.fixture(loop_scope="session")
async def guarded() -> AsyncIterator[Stage]:
    """A house that asks for a token."""
    named = [Token(f"{role}-1", role, hash_of(secret)) for role, secret in TOKENS.items()]
    headers = {"authorization": f"Bearer {TOKENS['operator']}"}
    async with stage(pace_s=0, named=named, headers=headers) as (house, cast, server):
        event = {"specversion": "1.0", "id": "1", "source": "t", "type": "backpayment.requested"}
        await house.publish({**event, "data": {"personId": "p-1", "amount": 9_000}})
        yield Stage(house, cast, server.url)


async def log_in(page: Any, token: str) -> None:
    """Types a token into the form."""
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_a_browser_logs_in_and_comes_to_where_it_wanted(
    guarded: Stage, browser: Any, album: Any, dark: bool
) -> None:
    item = await guarded.item("approval")
    async with opened(browser, guarded.url, dark=dark) as page:
        await page.goto(f"/hitl/{item}")
        await page.get_by_role("heading", name="Log in").wait_for()
        assert await violations(page) == []
        await page.screenshot(path=album / f"login-{'dark' if dark else 'light'}.png")
        await log_in(page, "a guess")
        await page.get_by_text("No token of this server is like that.").wait_for()
        await log_in(page, TOKENS["operator"])
        await page.wait_for_url(f"**/hitl/{item}")
        assert await page.locator(".caller").inner_text() == "operator-1\nlog out"


async def test_whoever_decides_is_the_name_of_the_token(guarded: Stage, browser: Any) -> None:
    item = await guarded.item("approval")
    async with opened(browser, guarded.url) as page:
        await page.goto(f"/hitl/{item}")
        await log_in(page, TOKENS["operator"])
        await page.get_by_role("button", name="Approve").click()
        assert await page.locator("dialog").get_by_label("Your name").count() == 0
        await page.locator("dialog").get_by_label("Why?").fill("as agreed")
        await page.locator("dialog").get_by_role("button", name="Approve").click()
        await page.get_by_text("decided by operator-1").wait_for()
        assert await violations(page) == []


async def test_a_viewer_sees_everything_and_is_offered_nothing(guarded: Stage, browser: Any) -> None:
    item = await guarded.item("approval")
    async with opened(browser, guarded.url) as page:
        await page.goto(f"/hitl/{item}")
        await log_in(page, TOKENS["viewer"])
        await page.get_by_role("heading", name="Pay 9000 to p-1?").wait_for()
        assert await page.get_by_role("button", name="Approve").count() == 0
        await page.get_by_text("An operator decides.").wait_for()
        await page.get_by_role("button", name="log out").click()
        await page.get_by_role("heading", name="Log in").wait_for()
        await page.goto("/")
        await page.get_by_role("heading", name="Log in").wait_for()
