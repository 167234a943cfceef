"""What comes from outside is shown as text, in a real browser: nothing runs, nothing is fetched, nothing breaks out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.looking import Stage, opened, violations
from tests.browser.test_actions import confirm, publish

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOCKED = """
id: shop.key.v1
trigger: key.wanted
lock: data.key
steps:
  - name: hold
    call: pay-svc:/hold
"""
SCRIPT = "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 2'><svg onload='window.harmed = 3'>"
RTL = "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u200f\u200b"
CONTROL = "\x1b[31mred\x1b[0m \x07 \x00 \x9b2J a\tb\nc"
LONG = "W" * 10_240
TRIES = (SCRIPT, RTL, CONTROL, LONG, "\"'`${7*7}{{7*7}}", "javascript:alert(1)", "'><a href=//elsewhere>", "𝔘🏳️‍🌈é")


@pytest.mark.parametrize("size", ["desk", "phone"])
async def test_hostile_text_does_nothing_on_any_screen(bare: Stage, browser: Any, album: Any, size: str) -> None:
    whole = " ".join(TRIES)
    plain = SCRIPT.replace("'", '"') + "\u202e" + "W" * 300
    await publish(
        bare,
        "label.wanted",
        dict.fromkeys(TRIES, whole),
        {"/pickups": [(409, whole[:500])], "/labels/void": [(409, SCRIPT + RTL)]},
        name=plain[:200],
    )
    keys = (SCRIPT, RTL, "\x1b[31m\x9b2J a\tb\nc", *TRIES[4:], "W" * 1_000, {"<b>": [RTL, "é" * 200]})
    await bare.house.deploy(LOCKED)
    for place, key in enumerate(keys):
        await publish(bare, "key.wanted", {"key": key}, {"/hold": ["slow"]}, name=f"key-{place}")
        await publish(bare, "key.wanted", {"key": key}, name=f"behind-{place}")
    run, item = await bare.run("shop.label.v1", "STUCK"), await bare.item("undo")
    async with opened(browser, bare.url, size=size) as page:
        for place, address in enumerate(
            ("/", f"/runs/{run}", "/hitl", f"/hitl/{item}", "/definitions", "/services", "/charts", "/locks")
        ):
            await page.goto(address)
            for details in await page.locator("details > summary").all():
                await details.click()
            assert await page.evaluate("window.harmed") is None
            wide, room = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide <= room, address
            assert await violations(page) == []
            await page.screenshot(path=album / f"hostile-{place}-{size}.png", full_page=place in (1, 3))
        assert "<script>window.harmed" in await page_text(page, f"/runs/{run}")
        assert "\\u202e" in await page_text(page, f"/runs/{run}")


async def test_a_hostile_key_is_taken_away_as_it_is(bare: Stage, browser: Any) -> None:
    await bare.house.deploy(LOCKED)
    keys = (SCRIPT, RTL, "\x1b[31m\x9b2J a\tb\nc", "W" * 1_000)
    for place, key in enumerate(keys):
        await publish(bare, "key.wanted", {"key": key}, {"/hold": ["slow"]}, name=f"key-{place}")
    await bare.run("shop.key.v1", "RUNNING")
    async with opened(browser, bare.url) as page:
        await page.goto("/locks")
        for left in range(len(keys), 0, -1):
            await page.locator(".lock").nth(left - 1).wait_for()
            await page.get_by_role("button", name="Release").first.click()
            await confirm(page, "Release the lock", SCRIPT)
            await page.locator(".lock").nth(left - 1).wait_for(state="detached")
        assert await page.evaluate("window.harmed") is None
    assert bare.house.office.locks() == []


async def test_a_hostile_note_is_shown_as_text(bare: Stage, browser: Any) -> None:
    await publish(bare, "backpayment.requested", {"personId": SCRIPT, "amount": 7_400})
    item = await bare.item("approval")
    async with opened(browser, bare.url) as page:
        await page.goto(f"/hitl/{item}")
        await page.get_by_role("button", name="Reject").click()
        await page.locator("dialog .plan details summary").first.click()
        await page.locator("dialog").get_by_label("Why?").fill(SCRIPT)
        await page.locator("dialog").get_by_label("Your name").fill(SCRIPT[:200])
        await page.locator("dialog").get_by_role("button", name="Reject").click()
        await page.get_by_text("decided by").wait_for()
        assert await page.evaluate("window.harmed") is None
        assert SCRIPT in await page.locator(".quoted").inner_text()


async def page_text(page: Any, address: str) -> str:
    """The words of a screen."""
    await page.goto(address)
    return str(await page.locator("main").inner_text())
