"""The page: what it shows, and that nothing from outside becomes more than text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from hms_orch_cli.dashboard.run_view import duration
from hms_orch_cli.saga.outcome import Answer, Wire
from tests.dashboard.house import House, event

HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(2)> \x1b[31m \u202egnp.exe \u200b \x9b & \" '"
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


class Elements(HTMLParser):
    """The elements of a page, as (name, attributes), and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Notes text."""
        self.words += data


def is_harmless(page: str) -> Elements:
    """Asserts that a page holds no element, attribute or letter that is not its own."""
    elements = Elements(page)
    scripts = [attributes for name, attributes in elements.found if name == "script"]
    assert len(scripts) == 1 and (scripts[0]["src"] or "").startswith("/static/live.js")
    assert not [name for name, _ in elements.found if name in ("img", "iframe", "style", "object", "form", "base")]
    for _, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert (attributes.get("href") or "/").startswith("/")
    assert not UNSEEN.search(page)
    return elements


async def test_without_a_run_it_teaches_the_three_commands(house: House) -> None:
    page = is_harmless((await house.client.get("/")).text).words
    for command in ("hms-orch deploy", "hms-orch up", "hms-bus publish"):
        assert command in page


async def test_runs_are_listed_with_their_steps(house: House) -> None:
    await house.deploy()
    house.participants.answers["/ship"] = Answer(Wire.ANSWERED, 422, reason="the van is broken")
    await house.publish(event(1))
    await house.settle()
    elements = is_harmless((await house.client.get("/")).text)
    assert "shop.order.v1" in elements.words
    assert "ship: 422 the van is broken" in elements.words
    marks = [
        attributes["aria-label"]
        for name, attributes in elements.found
        if "mark" in (attributes.get("class") or "").split()
    ]
    assert marks == ["pay: compensated · pay done", "ship: failed · the van is broken"]


async def test_states_and_sagas_are_chosen_by_the_query(house: House) -> None:
    await house.deploy()
    await house.publish(event(1))
    await house.settle()
    assert "shop.order.v1" in (await house.client.get("/?state=completed&saga=shop.order.v1")).text
    assert "No run fits" in (await house.client.get("/?state=stuck")).text
    assert "No run fits" in (await house.client.get("/?saga=other")).text
    assert (await house.client.get("/?state=nix")).status_code == 400


async def test_hostile_text_is_text_on_every_page(house: House) -> None:
    house.participants.answers["/pay"] = Answer(Wire.ANSWERED, 200, {"message": HOSTILE})
    house.participants.answers["/ship"] = Answer(Wire.ANSWERED, 422, reason=HOSTILE)
    await house.deploy()
    plain = "<script>\u202e</script>'\""
    await house.publish(event(1, id=plain, source=plain, subject=plain, data={"n": 1, "<script>": HOSTILE}))
    await house.settle()
    (run,) = (await house.client.get("/v1/sagas")).json()["sagas"]
    assert run["state"] == "FAILED"
    for path in ("/", f"/runs/{run['sagaId']}"):
        words = is_harmless((await house.client.get(path)).text).words
        assert "<script>alert(1)</script>" in words
        assert "\\x1b[31m \\u202egnp.exe" in words


@pytest.mark.parametrize("path", ["/", "/runs/x"])
async def test_a_hostile_address_is_text(house: House, path: str) -> None:
    answer = await house.client.get(path, params={"saga": HOSTILE})
    is_harmless(answer.text)


async def test_an_unknown_run_is_told_on_a_page(house: House) -> None:
    answer = await house.client.get("/runs/%3Cscript%3E%E2%80%AE")
    assert answer.status_code == 404
    is_harmless(answer.text)


async def test_a_failure_of_the_orchestrator_is_shown(house: House) -> None:
    house.office.ready = False
    assert "starting" in (await house.client.get("/")).text


async def test_the_policy_forbids_scripts_and_styles_in_the_page(house: House) -> None:
    policy = (await house.client.get("/")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_files_of_the_page_are_there(house: House) -> None:
    elements = Elements((await house.client.get("/")).text)
    addresses = [attributes.get("href") or attributes.get("src") for name, attributes in elements.found
                 if name in ("link", "script")]  # fmt: skip
    assert len(addresses) == 3
    for address in addresses:
        answer = await house.client.get(str(address))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("ms", "words"),
    [(0, "0 ms"), (-5, "0 ms"), (999, "999 ms"), (3_400, "3.4 s"), (59_999, "60.0 s"), (194_000, "3 m 14 s"),
     (7_500_000, "2 h 5 m"), (352_800_000, "4 d 2 h")],
)  # fmt: skip
def test_durations_are_told_in_two_units(ms: int, words: str) -> None:
    assert duration(ms) == words
