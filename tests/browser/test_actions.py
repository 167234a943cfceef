"""What a person can do: each button asks, sends what the API takes, and the page shows what came of it."""

from __future__ import annotations

from typing import Any

import pytest

from hms_orch_cli.saga.event_types import DEPLOYED
from tests.browser.looking import Stage, opened, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def publish(stage: Stage, kind: str, data: Any, lines: dict[str, Any] | None = None, name: str = "e-1") -> None:
    """An event, and what participants answer because of it."""
    stage.cast.plays[name] = lines or {}
    event = {"specversion": "1.0", "id": name, "source": "tests", "type": kind, "data": data}
    assert (await stage.house.publish(event)).status_code == 202


async def confirm(page: Any, word: str, note: str = "", actor: str = "ann") -> None:
    """Fills in the dialog and says yes."""
    dialog = page.locator("dialog[open]")
    if note:
        await dialog.get_by_label("Why?").fill(note)
    await dialog.get_by_label("Your name").fill(actor)
    await dialog.get_by_role("button", name=word).click()
    await dialog.wait_for(state="detached")


async def held(stage: Stage) -> str:
    """A run whose second step is refused and held."""
    await publish(stage, "pension.adjusted", {}, {"/jobs": [(422, "paper tray 4 is empty")]})
    return await stage.run("dol.pension.notices.v1", "WAITING")


async def facts_of(stage: Stage, run: str, kind: str) -> list[dict[str, Any]]:
    """The data of a run's events of one type."""
    told = (await stage.house.client.get(f"/v1/sagas/{run}")).json()["timeline"]
    return [event["data"] for event in told if event["type"] == kind]


async def test_cancel_shows_the_calls_of_the_undo_and_makes_them(bare: Stage, browser: Any, album: Any) -> None:
    run = await held(bare)
    async with opened(browser, bare.url) as page:
        await page.goto(f"/runs/{run}")
        await page.get_by_role("button", name="Cancel").click()
        plan = page.locator("dialog .plan > li")
        await plan.first.wait_for()
        assert [await each.inner_text() for each in await plan.all()] == [
            "recalc_pensions POST payment-svc:/pensions/revert\nbody"
        ]
        await page.screenshot(path=album / "cancel.png")
        await confirm(page, "Cancel the run", "the year is not over")
        await page.locator("h1 + .state.s-cancelled").wait_for()
        assert await page.locator(".undo.s-compensated").count() == 1
    (turned,) = await facts_of(bare, run, "saga.compensating")
    assert turned["actor"] == "ann"
    assert "the year is not over" in turned["reason"]


async def test_a_cancel_that_is_thought_better_of_changes_nothing(bare: Stage, browser: Any) -> None:
    run = await held(bare)
    before = bare.house.office.last_seq()
    async with opened(browser, bare.url) as page:
        await page.goto(f"/runs/{run}")
        for leave in (page.locator("dialog").get_by_role("button", name="Back").click, None):
            await page.get_by_role("button", name="Cancel").click()
            await page.locator("dialog[open]").wait_for()
            await (leave() if leave else page.keyboard.press("Escape"))
            await page.locator("dialog").wait_for(state="detached")
    assert bare.house.office.last_seq() == before


async def test_pause_and_resume(bare: Stage, browser: Any) -> None:
    run = await held(bare)
    async with opened(browser, bare.url) as page:
        await page.goto(f"/runs/{run}")
        await page.get_by_role("button", name="Pause").click()
        await confirm(page, "Pause the run")
        await page.locator("h1 + .state.s-paused").wait_for()
        await page.get_by_role("button", name="Resume").click()
        await confirm(page, "Resume the run", "go on")
        await page.locator("h1 + .state.s-waiting").wait_for()
    (resumed,) = await facts_of(bare, run, "saga.resumed")
    assert (resumed["actor"], resumed["note"]) == ("ann", "go on")


async def test_abandon_needs_a_note(bare: Stage, browser: Any) -> None:
    run = await held(bare)
    async with opened(browser, bare.url) as page:
        await page.goto(f"/runs/{run}")
        await page.get_by_role("button", name="Abandon").click()
        dialog = page.locator("dialog[open]")
        await dialog.get_by_role("button", name="Abandon the run").click()
        assert await dialog.locator("textarea:invalid").count() == 1
        await dialog.get_by_label("Why?").fill("   ")
        await dialog.get_by_role("button", name="Abandon the run").click()
        await dialog.get_by_text("abandon needs a note").wait_for()
        await confirm(page, "Abandon the run", "printed by hand")
        await page.locator("h1 + .state.s-abandoned").wait_for()


async def test_redrive_leads_to_the_run_that_goes_on(bare: Stage, browser: Any) -> None:
    await publish(bare, "policy.changed", {"policyId": "dol.unemployment.v3"}, {"/broadcast": [(422, "closed"), 200]})
    run = await bare.run("dol.benefit.increase.v1", "FAILED")
    async with opened(browser, bare.url) as page:
        await page.goto(f"/runs/{run}")
        await page.get_by_role("button", name="Redrive").click()
        await confirm(page, "Redrive the run", "it is open again")
        await page.get_by_text("In place of").wait_for()
        assert run not in page.url
        await page.locator(".facts").get_by_role("link", name=run).click()
        await page.get_by_text("Replaced by", exact=True).wait_for()


@pytest.mark.parametrize(
    ("button", "state"),
    [("Try the step again", "completed"), ("It is done by hand", "completed"), ("Go on without it", "completed"),
     ("Undo the run", "failed")],
)  # fmt: skip
async def test_a_held_step_is_decided(bare: Stage, browser: Any, button: str, state: str) -> None:
    await publish(bare, "pension.adjusted", {}, {"/jobs": [(422, "paper tray 4 is empty"), 200]})
    item = await bare.item("hold")
    async with opened(browser, bare.url) as page:
        await page.goto("/hitl")
        await page.get_by_role("link", name="print_notices has failed").click()
        await page.get_by_role("button", name=button).click()
        await confirm(page, button, "seen to", "maria")
        await page.get_by_text("decided by").wait_for()
        assert "maria" in await page.locator(".why").inner_text()
        assert "seen to" in await page.locator(".why").inner_text()
        await page.locator(f"h2 .state.s-{state}").wait_for()
    told = (await bare.house.client.get(f"/v1/hitl/{item}")).json()
    assert (told["actor"], told["note"], told["state"]) == ("maria", "seen to", "decided")


@pytest.mark.parametrize(("button", "state"), [("Approve", "completed"), ("Reject", "failed")])
async def test_an_approval_is_decided(bare: Stage, browser: Any, button: str, state: str) -> None:
    await publish(bare, "backpayment.requested", {"personId": "p-20", "amount": 7_400})
    item = await bare.item("approval")
    async with opened(browser, bare.url) as page:
        await page.goto(f"/hitl/{item}")
        await page.get_by_role("heading", name="Pay 7400 to p-20?").wait_for()
        await page.get_by_role("button", name=button).click()
        await confirm(page, button, "as agreed")
        await page.locator(f"h2 .state.s-{state}").wait_for()


@pytest.mark.parametrize(
    ("button", "state"),
    [("Try the undo again", "failed"), ("It is undone by hand", "failed"), ("Abandon the run", "abandoned")],
)
async def test_a_stuck_undo_is_decided(bare: Stage, browser: Any, button: str, state: str) -> None:
    await publish(bare, "label.wanted", {}, {"/pickups": [(409, "gone")], "/labels/void": [(409, "too late"), 200]})
    item = await bare.item("undo")
    async with opened(browser, bare.url) as page:
        await page.goto(f"/hitl/{item}")
        await page.get_by_role("button", name=button).click()
        await confirm(page, button, "asked the depot")
        await page.locator(f"h2 .state.s-{state}").wait_for()


async def claim(stage: Stage, name: str, person: str = "p-17", state: str = "RUNNING") -> str:
    """A run that asks for the lock of a person, and holds it until the world ends."""
    data = {"personId": person, "office": "north", "amount": 640, "validFrom": "2026-12-01"}
    await publish(stage, "claim.granted", data, {"/decisions": ["slow"]}, name=name)
    return await stage.run("dol.claim.decided.v1", state)


async def test_a_lock_is_taken_away_and_the_next_in_line_has_it(bare: Stage, browser: Any, album: Any) -> None:
    first = await claim(bare, "one")
    second = await claim(bare, "two", state="WAITING")
    async with opened(browser, bare.url) as page:
        await page.goto("/locks")
        await page.get_by_role("button", name='Release "p-17"').click()
        dialog = page.locator("dialog[open]")
        told = await dialog.inner_text()
        assert f"Run {first} of dol.claim.decided.v1 goes on without it. Run {second}" in told
        assert "only services that refuse a fence of the past keep them apart; this run's is 1" in told
        assert await violations(page) == []
        await page.screenshot(path=album / "release.png")
        await dialog.get_by_role("button", name="Release the lock").click()
        assert await dialog.locator("textarea:invalid").count() == 1
        await confirm(page, "Release the lock", "its machine is gone")
        await page.locator(f'.line .run:first-child .name[href="/runs/{second}"]').wait_for()
        assert await page.locator(".line .run").count() == 1
        assert "fence 2" in await page.locator(".line .place").inner_text()
    (released,) = await facts_of(bare, first, "saga.lock.released")
    assert (released["actor"], released["note"]) == ("ann", "its machine is gone")


async def test_a_lock_that_somebody_else_holds_by_now_stays_with_them(bare: Stage, browser: Any) -> None:
    first = await claim(bare, "one")
    second = await claim(bare, "two", state="WAITING")
    async with opened(browser, bare.url) as page:
        await page.goto("/locks")
        await page.get_by_role("button", name="Release").click()
        told = {"actor": "bea", "note": "over", "key": "p-17"}
        assert (await bare.house.client.post("/v1/locks/release", json=told)).status_code == 200
        await page.locator("dialog").get_by_label("Why?").fill("its machine is gone")
        await page.locator("dialog").get_by_role("button", name="Release the lock").click()
        await page.get_by_text(f"held by run {second} by now, not by {first}").wait_for()
        await page.locator("dialog").get_by_role("button", name="Back").click()
        await page.locator(f'.line .run:first-child .name[href="/runs/{second}"]').wait_for()
    assert await facts_of(bare, second, "saga.lock.released") == []


async def test_what_a_step_would_have_answered_is_given_as_json(bare: Stage, browser: Any) -> None:
    await publish(bare, "backpayment.requested", {"personId": "p-20", "amount": 7_400})
    item = await bare.item("approval")
    async with opened(browser, bare.url) as page:
        await page.goto(f"/hitl/{item}")
        await page.get_by_role("button", name="Approve").click()
        answer = page.get_by_label("would have answered")
        await answer.fill("{not json")
        await page.locator("dialog").get_by_label("Why?").fill("as agreed")
        await page.locator("dialog").get_by_role("button", name="Approve").click()
        await page.get_by_text("is no JSON").wait_for()
        await answer.fill('{"limit": 8000}')
        await confirm(page, "Approve")
        await page.get_by_text("decided by").wait_for()
    (decided,) = await facts_of(bare, item.rpartition(".")[0], "hitl.decided")
    assert decided["output"] == {"limit": 8000}


async def test_a_decision_that_comes_too_late_says_who_was_faster(bare: Stage, browser: Any) -> None:
    await publish(bare, "backpayment.requested", {"personId": "p-20", "amount": 7_400})
    item = await bare.item("approval")
    async with opened(browser, bare.url) as page:
        await page.goto(f"/hitl/{item}")
        await page.get_by_role("button", name="Reject").click()
        told = {"decision": "approve", "actor": "bea", "note": "fine"}
        assert (await bare.house.client.post(f"/v1/hitl/{item}", json=told)).status_code == 200
        await page.locator("dialog").get_by_label("Why?").fill("not so fast")
        await page.locator("dialog").get_by_role("button", name="Reject").click()
        await page.get_by_text("is decided already: approve by bea").wait_for()
        await page.locator("dialog").get_by_role("button", name="Back").click()
        await page.get_by_text("decided by bea").wait_for()


async def test_a_definition_is_paused_and_resumed(bare: Stage, browser: Any) -> None:
    async with opened(browser, bare.url) as page:
        await page.goto("/definitions")
        await page.get_by_role("link", name="dol.backpayment.v1").click()
        await page.get_by_role("button", name="Pause").click()
        await confirm(page, "Pause the definition", "the bank is closed")
        await page.locator("h1 + .state.s-paused").wait_for()
        await publish(bare, "backpayment.requested", {"personId": "p-20", "amount": 10})
        await bare.house.settle()
        assert bare.house.office.runs() == []
        await page.get_by_role("button", name="Resume").click()
        await confirm(page, "Resume the definition")
        await page.locator(".run.s-completed").wait_for()


async def test_the_name_of_who_decides_is_remembered(bare: Stage, browser: Any) -> None:
    run = await held(bare)
    async with opened(browser, bare.url) as page:
        await page.goto(f"/runs/{run}")
        await page.get_by_role("button", name="Pause").click()
        await confirm(page, "Pause the run", actor="Ann <b>")
        await page.get_by_role("button", name="Resume").click()
        assert await page.locator("dialog").get_by_label("Your name").input_value() == "Ann <b>"
    (paused,) = await facts_of(bare, run, "saga.paused")
    assert paused["actor"] == "Ann <b>"


async def test_an_earlier_revision_is_shown_as_one(bare: Stage, browser: Any) -> None:
    (first, *_) = (await bare.house.client.get("/v1/definitions/dol.backpayment.v1/revisions")).json()["revisions"]
    told = (await bare.house.client.get("/v1/definitions/dol.backpayment.v1")).json()["content"]
    await bare.house.client.post("/v1/definitions", json={**told, "deadlineMs": 60_000})
    assert bare.house.office.events(0, 100, DEPLOYED)
    async with opened(browser, bare.url) as page:
        await page.goto("/definitions/dol.backpayment.v1")
        await page.get_by_text("deadlineMs").first.wait_for()
        await page.get_by_role("link", name=first["revision"][:12]).click()
        await page.get_by_text("This is an earlier revision").wait_for()
        await page.get_by_role("link", name="The newest").click()
        await page.wait_for_url("**/definitions/dol.backpayment.v1")
