"""The page: its frame, its files, the list of runs; and that nothing from outside becomes more than text."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hms_orch_cli.config.tokens import Token, hash_of
from hms_orch_cli.dashboard.words import sentence
from hms_orch_cli.errors import StoreFailed
from hms_orch_cli.saga.moment import duration
from hms_orch_cli.saga.outcome import Answer, Wire
from tests.dashboard.house import House, event, open_house
from tests.dashboard.pages import HOSTILE, Elements, is_harmless


async def page_of(house: House, path: str, **query: str) -> Elements:
    """A page that is there and harmless."""
    answer = await house.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return is_harmless(answer.text)


@pytest.mark.parametrize(
    ("path", "commands"),
    [
        ("/", ("hms-orch deploy", "hms-orch up", "hms-bus publish")),
        ("/hitl", ("hms-orch hitl decide",)),
        ("/definitions", ("hms-orch validate", "hms-orch deploy")),
    ],
)
async def test_what_is_empty_teaches_what_to_do(house: House, path: str, commands: tuple[str, ...]) -> None:
    words = (await page_of(house, path)).words
    for command in commands:
        assert command in words


async def test_runs_are_listed_with_their_steps(house: House) -> None:
    await house.deploy()
    house.participants.answers["/ship"] = Answer(Wire.ANSWERED, 422, reason="the van is broken")
    await house.publish(event(1))
    await house.settle()
    elements = await page_of(house, "/")
    assert "shop.order.v1" in elements.words
    assert "ship: 422 the van is broken" in elements.words
    assert [mark["title"] for mark in elements.of_class("mark")] == [
        "pay: compensated · pay done",
        "ship: failed · the van is broken",
    ]
    (track,) = elements.of_class("track")
    assert track["aria-label"] == "0 of 2 steps done; pay compensated; ship failed"


async def test_runs_are_chosen_by_state_saga_and_text(house: House) -> None:
    await house.deploy()
    await house.publish(event(1))
    await house.settle()
    for query in ({"state": "completed", "saga": "shop.order.v1"}, {"text": "E1"}, {"text": "ORDER.placed"}):
        assert "No run fits" not in (await page_of(house, "/", **query)).words, query
    for query in ({"state": "stuck"}, {"saga": "other"}, {"text": "nothing like it"}, {"text": "%"}):
        assert "No run fits" in (await page_of(house, "/", **query)).words, query
    assert (await house.client.get("/?state=nix")).status_code == 400


async def test_a_choice_is_kept_by_the_links_of_the_others(house: House) -> None:
    await house.deploy()
    await house.publish(event(1))
    await house.settle()
    elements = await page_of(house, "/", saga="shop.order.v1", text="order", state="completed")
    links = [attributes["href"] for attributes in elements.having("href")]
    assert "/?state=failed&saga=shop.order.v1&text=order" in links
    assert "/?state=completed&text=order" in links
    assert "/?state=completed&saga=shop.order.v1" in links


async def test_older_runs_are_a_page_away_and_none_is_left_out(house: House) -> None:
    await house.deploy()
    for first in range(0, 120, 10):
        await house.publish(*(event(first + n) for n in range(10)))
    await house.settle()
    await house.written()
    seen: list[str] = []
    address: str | None = "/"
    while address:
        elements = is_harmless((await house.client.get(address)).text)
        seen += [str(row["href"]) for row in elements.of_class("name")]
        address = next((str(link["href"]) for link in elements.having("rel") if link["rel"] == "next"), None)
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, reverse=True)


async def test_hostile_text_is_text_on_every_page(house: House) -> None:
    house.participants.answers["/pay"] = Answer(Wire.ANSWERED, 200, {"message": HOSTILE, HOSTILE: [HOSTILE]})
    house.participants.answers["/ship"] = Answer(Wire.ANSWERED, 422, reason=HOSTILE)
    house.participants.answers["/refund"] = Answer(Wire.ANSWERED, 409, reason=HOSTILE)
    await house.deploy()
    plain = "<script>\u202e</script>'\""
    await house.publish(event(1, id=plain, source=plain, subject=plain, data={"n": 1, "<script>": HOSTILE}))
    await house.settle()
    (run,) = (await house.client.get("/v1/sagas")).json()["sagas"]
    (item,) = (await house.client.get("/v1/hitl")).json()["items"]
    assert run["state"] == "STUCK"
    for path in ("/", f"/runs/{run['sagaId']}", "/hitl", f"/hitl/{item['id']}"):
        words = (await page_of(house, path)).words
        assert "<script>alert(1)</script>" in words
        assert "\\x1b[31m \\u202egnp.exe" in words


async def test_a_question_tells_which_event_it_is_about(house: House) -> None:
    house.participants.answers["/ship"] = Answer(Wire.ANSWERED, 422, reason="no")
    house.participants.answers["/refund"] = Answer(Wire.ANSWERED, 409, reason="no")
    await house.deploy()
    await house.publish(event(1, id="order-17", source="web-shop"))
    await house.settle()
    (item,) = (await house.client.get("/v1/hitl")).json()["items"]
    assert "order.placed web-shop · order-17" in (await page_of(house, f"/hitl/{item['id']}")).words


@pytest.mark.parametrize("query", ["saga", "text", "before"])
@pytest.mark.parametrize("path", ["/", "/runs/x", "/hitl/x", "/definitions/x"])
async def test_a_hostile_address_is_text(house: House, path: str, query: str) -> None:
    await house.deploy()
    await house.publish(event(1))
    await house.settle()
    is_harmless((await house.client.get(path, params={query: HOSTILE})).text)


@pytest.mark.parametrize("place", ["runs", "hitl", "definitions"])
async def test_what_is_not_there_is_told_on_a_page(house: House, place: str) -> None:
    answer = await house.client.get(f"/{place}/%3Cscript%3E%E2%80%AE")
    assert answer.status_code == 404
    is_harmless(answer.text)


async def test_an_address_without_a_page_is_a_page_for_a_browser_and_a_problem_for_a_program(house: House) -> None:
    answer = await house.client.get("/%3Cscript%3E%E2%80%AE", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    is_harmless(answer.text)
    for path, accept in (("/nowhere", "*/*"), ("/v1/nowhere", "text/html")):
        answer = await house.client.get(path, headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_an_address_without_a_page_shows_nothing_to_who_may_not_look() -> None:
    async with open_house(named=[Token("bus", "publisher", hash_of("s3cret"))]) as house:
        headers = {"accept": "text/html", "authorization": "Bearer s3cret"}
        answer = await house.client.get("/nowhere", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        del headers["authorization"]
        assert (await house.client.get("/static/nowhere", headers=headers)).status_code == 404


async def test_a_failure_of_the_orchestrator_is_shown(house: House) -> None:
    house.orchestrator.fail(StoreFailed("the disk is gone"))
    assert "the disk is gone" in (await house.client.get("/")).text


async def test_the_policy_forbids_scripts_and_styles_in_the_page(house: House) -> None:
    policy = (await house.client.get("/")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_files_of_the_page_are_there(house: House) -> None:
    elements = Elements((await house.client.get("/")).text)
    addresses = [attributes.get("href") or attributes.get("src") for name, attributes in elements.found
                 if name in ("link", "script")]  # fmt: skip
    assert len(addresses) == 9
    for address in addresses:
        answer = await house.client.get(str(address))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


async def test_only_files_of_the_page_are_served(house: House) -> None:
    for name in ("page.py", "..%2Fpage.css", "%2Fetc%2Fpasswd", "page.css%00"):
        assert (await house.client.get(f"/static/{name}")).status_code == 404


@pytest.mark.parametrize(
    ("ms", "words"),
    [(0, "0 ms"), (-5, "0 ms"), (999, "999 ms"), (3_400, "3.4 s"), (59_999, "59.9 s"), (194_000, "3 m 14 s"),
     (7_500_000, "2 h 5 m"), (352_800_000, "4 d 2 h")],
)  # fmt: skip
def test_durations_are_told_in_two_units(ms: int, words: str) -> None:
    assert duration(ms) == words


def test_the_server_is_there_before_its_screens() -> None:
    """`up` has to be ready quickly, and nobody may be looking."""
    program = (
        "import sys, hms_orch_cli.dashboard.app as _;"
        "print([name for name in sys.modules if name.startswith(('hms_orch_cli.dashboard.pages.run', "
        "'hms_orch_cli.dashboard.frame', 'hms_orch_cli.dashboard.drawing'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_in_a_sentence_is_a_link() -> None:
    run = "00000000-0002-8a41-9c3b-5d2e7f601b38"
    assert sentence(f"held by run {run}, since") == f'held by run <a href="/runs/{run}">{run}</a>, since'
    assert sentence(f"hms-orch resume {run}") == f"hms-orch resume {run}"


def test_times_in_a_sentence_are_shortened_and_the_rest_is_text() -> None:
    told = sentence("<b> until 2026-12-12T03:31:50.262Z")
    assert told.startswith("&lt;b&gt; until <time ") and told.endswith(">2026-12-12 03:31</time>")
