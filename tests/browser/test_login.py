"""Where a token is needed: the login of a browser, and what each role sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from hms_orch_cli.config.tokens import Role, Token, Tokens, hash_of
from hms_orch_cli.dashboard import streams
from tests.browser.looking import Stage, opened, violations
from tests.browser.scenery import stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS: dict[Role, str] = {"viewer": "only-to-look", "operator": "to-decide"}
OPERATOR = {"authorization": f"Bearer {TOKENS['operator']}"}


@pytest_asyncio.fixture(loop_scope="session")
async def guarded() -> AsyncIterator[Stage]:
    """A house that asks for a token."""
    named = [Token(f"{role}-1", role, hash_of(secret)) for role, secret in TOKENS.items()]
    async with stage(pace_s=0, named=named, headers=OPERATOR) as (house, cast, server):
        event = {"specversion": "1.0", "id": "1", "source": "t", "type": "backpayment.requested"}
        await house.publish({**event, "data": {"personId": "p-1", "amount": 9_000}})
        claim = {"personId": "p-17", "office": "north", "amount": 640, "validFrom": "2026-12-01"}
        cast.plays["2"] = {"/decisions": ["slow"]}
        await house.publish({**event, "id": "2", "type": "claim.granted", "data": claim})
        yield Stage(house, cast, server.url)


class Following:
    """Tokens that change."""

    def __init__(self) -> None:
        self.now = Tokens(tuple(Token(f"{role}-1", role, hash_of(secret)) for role, secret in TOKENS.items()))

    def __call__(self) -> Tokens:
        return self.now


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_a_browser_whose_token_is_taken_away_is_led_to_the_login(
    browser: Any, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.2)
    following = Following()
    async with (
        stage(pace_s=0, tokens_now=following, headers=OPERATOR) as (_, _, server),
        opened(browser, server.url) as page,
    ):
        await page.goto("/locks")
        await log_in(page, TOKENS[role])
        await page.get_by_text("No run holds a lock").wait_for()
        following.now = Tokens(tuple(each for each in following.now.named if each.role != role))
        await page.wait_for_url("**/login?next=/locks")


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
        await page.goto("/locks")
        await page.locator(".line .run").wait_for()
        assert await page.get_by_role("button", name="Release").count() == 0
        await page.get_by_role("button", name="log out").click()
        await page.get_by_role("heading", name="Log in").wait_for()
        await page.goto("/")
        await page.get_by_role("heading", name="Log in").wait_for()
