"""Who may ask: names, origins and tokens, on every route."""

from __future__ import annotations

import httpx
import pytest

from hms_orch_cli.dashboard.access import is_loopback, refuse_to_listen
from hms_orch_cli.errors import ConfigError, StoreFailed
from tests.dashboard.house import House, event, open_house

FREE = ("/healthz", "/readyz", "/.well-known/jwks.json", "/v1/callbacks/{token}", "/login", "/logout", "/static/{name}")


@pytest.mark.parametrize("name", ["localhost", "localhost:7600", "127.0.0.1:1", "[::1]:7600", "[::1]", "LOCALHOST:80"])
async def test_names_of_this_machine_are_answered(house: House, name: str) -> None:
    assert (await house.client.get("/v1/sagas", headers={"host": name})).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["evil.example", "evil.example:7600", "localhost.evil.example", "127.0.0.1.evil.example", "", "localhost:7600:1",
     "user@localhost", "127.0.0.2", "0.0.0.0", "[::2]", "localhost evil"],
)  # fmt: skip
async def test_a_foreign_host_is_refused_on_every_route(house: House, name: str) -> None:
    for method, path in house.asked():
        answer = await house.client.request(method, path, headers={"host": name})
        assert answer.status_code == 421, (method, path)
    assert house.store.last_seq() == 0


async def test_why_it_is_not_ready_is_told_to_whom_it_knows() -> None:
    """The reason may name a place of the machine; that it is not ready is for whoever starts and stops it."""
    async with open_house(tokens=["full"]) as house:
        house.orchestrator.fail(StoreFailed("/srv/events.db cannot be written"))
        told = await house.client.get("/readyz")
        assert (told.status_code, told.json()["detail"]) == (503, "who asks with a token hears why")
        known = await house.client.get("/readyz", headers={"authorization": "Bearer full"})
        assert (known.status_code, known.json()["detail"]) == (503, "/srv/events.db cannot be written")


async def test_two_hosts_are_refused(house: House) -> None:
    answer = await house.client.get("/v1/sagas", headers=[("host", "localhost"), ("host", "evil.example")])
    assert answer.status_code == 421


async def test_the_public_name_is_answered() -> None:
    async with open_house(public_url="https://Sagas.example:8443/x") as house:
        assert (await house.client.get("/v1/sagas", headers={"host": "sagas.example"})).status_code == 200
        assert (await house.client.get("/v1/sagas", headers={"host": "other.example"})).status_code == 421
        headers = {"origin": "https://sagas.example:8443", "content-type": "application/json"}
        assert (await house.client.post("/v1/events", json=event(), headers=headers)).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://localhost:7600", "sec-fetch-site": "cross-site"},
    ],
)
async def test_a_page_of_another_site_writes_nothing(house: House, headers: dict[str, str]) -> None:
    for method, path in house.asked():
        if method in ("POST", "DELETE"):
            answer = await house.client.request(method, path, json=event(), headers=headers)
            assert answer.status_code == 403, (method, path)
    assert house.store.last_seq() == 0


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000"])
async def test_a_page_of_another_origin_reads_nothing(house: House, origin: str) -> None:
    for method, path in house.asked():
        assert (await house.client.request(method, path, headers={"origin": origin})).status_code == 403, (method, path)


async def test_a_link_from_another_site_is_followed(house: House) -> None:
    assert (await house.client.get("/", headers={"sec-fetch-site": "cross-site"})).status_code == 200


async def test_a_page_of_this_server_writes(house: House) -> None:
    headers = {"origin": "http://localhost:7600", "sec-fetch-site": "same-origin"}
    assert (await house.client.post("/v1/events", json=event(), headers=headers)).status_code == 202


@pytest.mark.parametrize(
    "told", [None, "Bearer wrong", "Bearer", "Basic first-token", "Bearer first-token2", "Bearer \xff", "first-token"]
)
async def test_without_a_valid_token_almost_nothing_is_answered(told: str | None) -> None:
    async with open_house(host="0.0.0.0", tokens=["first-token", "second-token"]) as house:
        headers = {} if told is None else {"authorization": told.encode("latin-1")}
        for method, path in house.asked():
            answer = await house.client.request(method, path, headers=headers)
            assert (answer.status_code == 401) == (path not in FREE), (method, path, answer.status_code)
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"].startswith("Bearer")
        assert house.store.last_seq() == 0


async def test_each_token_opens_under_any_name() -> None:
    async with open_house(host="0.0.0.0", tokens=["first-token", "second-token"]) as house:
        for told in ("Bearer first-token", "bearer second-token"):
            headers = {"authorization": told, "host": "orchestrator:7600"}
            assert (await house.client.get("/v1/sagas", headers=headers)).status_code == 200


async def test_a_path_cannot_be_dressed_up_as_a_free_one() -> None:
    async with open_house(host="0.0.0.0", tokens=["t"]) as house:
        for path in ("/v1/callbacks/../sagas", "/healthz/", "/healthz/../v1/sagas", "//healthz", "/HEALTHZ"):
            url = httpx.URL("http://localhost").copy_with(raw_path=path.encode())
            assert (await house.client.get(url)).status_code in (401, 404, 405), path
            assert "sagas" not in (await house.client.get(url)).text


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("10.0.0.1", False), ("example.org", False), ("", False)],
)  # fmt: skip
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_without_a_token_it_does_not_listen_beyond_this_machine() -> None:
    refuse_to_listen("127.0.0.1", [])
    refuse_to_listen("0.0.0.0", ["token"])
    with pytest.raises(ConfigError, match="token"):
        refuse_to_listen("0.0.0.0", [])
