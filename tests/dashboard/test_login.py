"""The login of a browser: where it is sent, what its cookie opens, and what no other page can do with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from hms_orch_cli.config.tokens import Token, hash_of
from hms_orch_cli.dashboard.login import local_path
from hms_orch_cli.dashboard.sessions import LIFETIME_S, Sessions
from tests.dashboard.house import SECRET, House, event, open_house
from tests.dashboard.test_steering import LATER, run_of, told

FORM = {"content-type": "application/x-www-form-urlencoded"}
PAGE = {"accept": "text/html,application/xhtml+xml"}
TOKENS = (
    Token("ann", "operator", hash_of("of ann")),
    Token("vi", "viewer", hash_of("of vi")),
    Token("bus", "publisher", hash_of("of bus")),
)
HERE = {"origin": "http://orchestrator:7600"}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """One that others reach."""
    async with open_house(host="0.0.0.0", named=TOKENS) as opened:
        opened.client.base_url = httpx.URL("http://orchestrator:7600")
        yield opened


async def log_in(house: House, token: str = "of ann", after: str = "/") -> httpx.Response:
    return await house.client.post("/login", data={"token": token, "next": after}, headers=HERE)


async def test_a_browser_is_sent_to_the_login_and_back(house: House) -> None:
    sent = await house.client.get("/runs/x?a=1&b=2", headers=PAGE)
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/runs/x%3Fa%3D1%26b%3D2")
    form = await house.client.get(sent.headers["location"], headers=PAGE)
    assert form.status_code == 200
    assert 'name="next" value="/runs/x?a=1&amp;b=2"' in form.text
    back = await log_in(house, after="/runs/x?a=1&b=2")
    assert (back.status_code, back.headers["location"]) == (303, "/runs/x?a=1&b=2")


async def test_a_token_that_opens_no_page_opens_no_session(house: House) -> None:
    answer = await log_in(house, "of bus")
    assert answer.status_code == 403
    assert "publisher" in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_program_is_told_and_not_sent_anywhere(house: House) -> None:
    for headers in ({}, {"accept": "application/json"}, {"accept": "*/*"}):
        assert (await house.client.get("/v1/sagas", headers=headers)).status_code == 401
    assert (await house.client.post("/v1/events", json=event(), headers=PAGE)).status_code == 401


async def test_the_cookie_opens_what_the_token_opens_under_its_name(house: House) -> None:
    house.client.headers["authorization"] = "Bearer of ann"
    run = await run_of(house, pay=LATER)
    del house.client.headers["authorization"]
    answer = await log_in(house)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie and "Secure" not in cookie
    assert "of ann" not in cookie and hash_of("of ann")[7:23] not in cookie
    assert (await house.client.get("/", headers=PAGE)).status_code == 200
    assert (await house.client.post(f"/v1/sagas/{run}/pause", headers=HERE)).status_code == 200
    assert (await told(house, run, "saga.paused"))["actor"] == "ann"


async def test_the_cookie_of_a_viewer_reads_only(house: House) -> None:
    await log_in(house, "of vi")
    assert (await house.client.get("/v1/sagas")).status_code == 200
    assert (await house.client.post("/v1/events", json=event(), headers=HERE)).status_code == 403
    assert house.store.last_seq() == 0


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
     {"sec-fetch-site": "same-site"}, {"origin": "http://orchestrator:7601"}],
)  # fmt: skip
async def test_no_other_page_writes_with_the_cookie(house: House, headers: dict[str, str]) -> None:
    await log_in(house)
    answer = await house.client.post("/v1/events", json=event(), headers=headers)
    assert answer.status_code == 403
    assert house.store.last_seq() == 0


async def test_a_proxy_may_speak_https_before_it(house: House) -> None:
    await log_in(house)
    headers = {"origin": "https://orchestrator:7600"}
    assert (await house.client.post("/v1/events", json=event(), headers=headers)).status_code == 202


@pytest.mark.parametrize("token", ["wrong", "", "of ann2", hash_of("of ann")])
async def test_a_wrong_token_makes_no_cookie(house: House, token: str) -> None:
    answer = await log_in(house, token)
    assert answer.status_code == 401
    assert "No token of this server" in answer.text
    assert "set-cookie" not in answer.headers
    assert token == "" or f">{token}<" not in answer.text


async def test_nobody_is_logged_in_by_another_page(house: House) -> None:
    answer = await house.client.post("/login", data={"token": "of ann"}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {"content-type": "application/json"}, 415),
        (b"\xff\xfe", FORM, 400),
        (b"&".join(b"a=%d" % n for n in range(9)), FORM, 400),
        (b"x" * 9_000, FORM, 413),
    ],
)
async def test_a_form_that_cannot_be_read(house: House, content: bytes, headers: dict[str, str], status: int) -> None:
    assert (await house.client.post("/login", content=content, headers={**headers, **HERE})).status_code == status


async def test_after_the_logout_the_browser_has_nothing(house: House) -> None:
    await log_in(house)
    answer = await house.client.post("/logout", headers=HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await house.client.get("/v1/sagas")).status_code == 401


async def test_where_nothing_needs_a_token_the_login_leads_to_the_page() -> None:
    async with open_house() as house:
        answer = await house.client.get("/login?next=/runs/x")
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs/x")


async def test_an_https_address_makes_a_cookie_for_https_alone() -> None:
    async with open_house(host="0.0.0.0", named=TOKENS, public_url="https://sagas.example") as house:
        answer = await house.client.post("/login", data={"token": "of ann"})
        assert answer.headers["set-cookie"].startswith("__Host-hms-orch=")
        assert answer.headers["set-cookie"].endswith("; Secure")


@pytest.mark.parametrize(
    "told",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "runs", "/a\nb", "/\x7f",
     "/é", "\\\\evil"],
)  # fmt: skip
def test_the_login_leads_nowhere_else(told: str) -> None:
    assert local_path(told) == "/"


def sessions(now: list[int], secret: bytes = SECRET) -> Sessions:
    return Sessions(secret, lambda: now[0], secure=False)


def sent(header: str) -> str:
    """What a browser sends back for a Set-Cookie."""
    return header.partition(";")[0]


def test_a_cookie_ends_by_time_with_its_token_and_with_the_secret() -> None:
    now = [1_000_000]
    cookie = sent(sessions(now).cookie("a"))
    assert sessions(now).token_hash(cookie, ["b", "a"]) == "a"
    assert sessions(now).token_hash(cookie, ["b"]) is None
    assert sessions(now, b"another").token_hash(cookie, ["a"]) is None
    now[0] += LIFETIME_S * 1_000
    assert sessions(now).token_hash(cookie, ["a"]) is None


def test_a_cookie_cannot_be_bent() -> None:
    now = [1_000_000]
    name, _, value = sent(sessions(now).cookie("a")).partition("=")
    mark, until, seal = value.split(".")
    other = sent(sessions(now).cookie("b")).partition("=")[2].split(".")[0]
    for bent in (
        f"{mark}.{int(until) + 1}.{seal}",
        f"{other}.{until}.{seal}",
        f"{mark}.{until}.",
        f"{mark}.{until}",
        f"{mark}..{seal}",
        f"{mark}.{until}.{seal}x",
        f"{mark}.{'9' * 300}.{seal}",
        "é",
        "",
    ):
        assert sessions(now).token_hash(f"{name}={bent}", ["a", "b"]) is None
    assert sessions(now).token_hash(f"x=1; {name}={value}; y=2", ["a", "b"]) == "a"
