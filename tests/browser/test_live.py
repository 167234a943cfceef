"""The page keeps itself fresh, and keeps what a person has opened and where they are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.looking import Stage, opened
from tests.browser.test_actions import claim, held, publish

pytestmark = pytest.mark.asyncio(loop_scope="session")

POLICY = {"policyId": "dol.unemployment.v3"}


async def test_runs_appear_and_move_by_themselves(bare: Stage, browser: Any) -> None:
    async with opened(browser, bare.url) as page:
        await page.goto("/")
        await page.get_by_text("Nothing has run yet").wait_for()
        await publish(bare, "policy.changed", POLICY, name="one")
        await page.locator(".run.s-completed").wait_for()
        assert await page.locator(".run").count() == 1
        await publish(bare, "backpayment.requested", {"personId": "p-1", "amount": 9_000}, name="two")
        await page.locator(".run.s-waiting").wait_for()
        await page.locator("#bar .count").get_by_text("1").wait_for()
        assert await page.title() == "Runs · hms-orch"


async def test_locks_and_their_lines_appear_by_themselves(bare: Stage, browser: Any) -> None:
    async with opened(browser, bare.url) as page:
        await page.goto("/locks")
        await page.get_by_text("No run holds a lock").wait_for()
        first = await claim(bare, "one")
        await page.locator(f'.line .name[href="/runs/{first}"]').wait_for()
        await page.evaluate("document.querySelector('.lock').mine = true")
        for name in ("two", "three"):
            await claim(bare, name, state="WAITING")
        await page.get_by_text("2. in line").wait_for()
        assert await page.evaluate("document.querySelector('.lock').mine")


async def test_the_newest_run_comes_first_and_the_others_stay_the_same_elements(bare: Stage, browser: Any) -> None:
    async with opened(browser, bare.url) as page:
        await publish(bare, "policy.changed", POLICY, name="one")
        await bare.run("dol.benefit.increase.v1", "COMPLETED")
        await page.goto("/")
        await page.evaluate("document.querySelector('.run').mine = true")
        for name in ("two", "three"):
            await publish(bare, "policy.changed", POLICY, name=name)
        await page.locator(".run").nth(2).wait_for()
        assert await page.evaluate("[...document.querySelectorAll('.run')].map(row => !!row.mine)") == [
            False,
            False,
            True,
        ]
        keys = await page.evaluate("[...document.querySelectorAll('.run')].map(row => row.dataset.key)")
        assert keys == [row.saga_id for row in bare.house.office.runs()]


async def test_what_is_open_stays_open_and_the_focus_stays(bare: Stage, browser: Any) -> None:
    run = await held(bare)
    async with opened(browser, bare.url) as page:
        await page.goto(f"/runs/{run}")
        await page.locator("#step-recalc_pensions summary").first.click()
        await page.locator("#step-print_notices summary").first.focus()
        before = await page.locator(".events > li").count()
        told = {"actor": "bea", "note": "<b>not now</b>"}
        assert (await bare.house.client.post(f"/v1/sagas/{run}/pause", json=told)).status_code == 200
        await page.locator("h1 + .state.s-paused").wait_for()
        await page.locator(".events > li").nth(before).wait_for()
        assert await page.locator("#step-recalc_pensions details[open]").count() == 1
        focus = "document.activeElement.closest('li').id"
        assert await page.evaluate(focus) == "step-print_notices"


async def test_nothing_moves_under_an_open_question(bare: Stage, browser: Any) -> None:
    run = await held(bare)
    async with opened(browser, bare.url) as page:
        await page.goto(f"/runs/{run}")
        await page.get_by_role("button", name="Abandon").click()
        await page.locator("dialog").get_by_label("Why?").fill("half a sen")
        async with page.expect_response(lambda answer: answer.url.endswith(run)) as asked:
            await bare.house.client.post(f"/v1/sagas/{run}/pause", json={"actor": "bea"})
        await (await asked.value).finished()
        await page.evaluate("new Promise(then => requestAnimationFrame(() => requestAnimationFrame(then)))")
        assert await page.locator("h1 + .state.s-waiting").count() == 1
        assert await page.locator("dialog").get_by_label("Why?").input_value() == "half a sen"
        await page.keyboard.press("Escape")
        await bare.house.client.post(f"/v1/sagas/{run}/resume", json={"actor": "bea"})
        await page.locator("h1 + .state.s-waiting").wait_for()


async def test_a_search_that_is_being_typed_is_left_alone(bare: Stage, browser: Any) -> None:
    async with opened(browser, bare.url) as page:
        await publish(bare, "policy.changed", POLICY, name="one")
        await bare.run("dol.benefit.increase.v1", "COMPLETED")
        await page.goto("/")
        await page.get_by_role("searchbox").fill("gate")
        await publish(bare, "policy.changed", POLICY, name="two")
        await page.locator(".run").nth(1).wait_for()
        assert await page.get_by_role("searchbox").input_value() == "gate"


async def test_a_server_that_is_gone_is_told(bare: Stage, browser: Any) -> None:
    async with opened(browser, bare.url) as page:
        await page.goto("/")
        await page.locator(".light.on").wait_for()
        bare.house.routes.streams.stop()
        await page.locator(".light.off").get_by_text("no answer").wait_for()
