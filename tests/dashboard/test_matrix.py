"""Every route, asked in every way that is refused: the log is as long afterwards as it was before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
import orjson
import pytest

from hms_orch_cli.config.tokens import Token, hash_of
from tests.dashboard.house import House, event, open_house, saga
from tests.dashboard.test_steering import NO

JSON = {"content-type": "application/json"}
YAML = {"content-type": "application/yaml"}
NOTE = {"note": "why"}
OPERATOR = {"authorization": "Bearer full"}

BODIES: Mapping[tuple[str, str], tuple[Any, Mapping[str, str]]] = {
    ("POST", "/v1/events"): (event(9), JSON),
    ("POST", "/v1/sagas/{id}/cancel"): (NOTE, JSON),
    ("POST", "/v1/sagas/{id}/abandon"): (NOTE, JSON),
    ("POST", "/v1/sagas/{id}/pause"): (NOTE, JSON),
    ("POST", "/v1/sagas/{id}/resume"): (NOTE, JSON),
    ("POST", "/v1/sagas/{id}/redrive"): (NOTE, JSON),
    ("POST", "/v1/sagas/{id}/steps/{name}/compensated"): ({}, JSON),
    ("POST", "/v1/hitl/{id}"): ({**NOTE, "decision": "skip"}, JSON),
    ("POST", "/v1/locks/release"): ({**NOTE, "key": 1}, JSON),
    ("POST", "/v1/definitions"): (saga("other.v1").encode(), YAML),
    ("POST", "/v1/definitions/{id}/pause"): (NOTE, JSON),
    ("POST", "/v1/definitions/{id}/resume"): (NOTE, JSON),
    ("POST", "/v1/callbacks/{token}"): ({"outcome": "success"}, JSON),
    ("POST", "/login"): (b"token=wrong", {"content-type": "application/x-www-form-urlencoded"}),
}
"""What would be done if it were not refused."""

HELD = (
    saga()
    .replace("trigger:", "lock: data.n\ntrigger:")
    .replace("ship-svc:/return", "ship-svc:/return\n    onExhausted: hitl")
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


class Wanted(NamedTuple):
    """A request that makes sense: the route, and what is sent to it."""

    method: str
    route: str
    path: str
    content: bytes | None
    headers: Mapping[str, str]

    async def send(self, house: House, headers: Mapping[str, str], method: str | None = None) -> httpx.Response:
        """The answer to it with these headers besides."""
        request = house.client.build_request(
            method or self.method, self.path, content=self.content, headers={**self.headers, **headers}
        )
        return await house.client.send(request)


async def wanted(house: House) -> list[Wanted]:
    """One for each method of each route, about a run that is held, its item, its lock, its definition."""
    headers = {**OPERATOR, **YAML}
    assert (await house.client.post("/v1/definitions", content=HELD, headers=headers)).status_code == 201
    house.participants.answers["/ship"] = NO
    assert (await house.client.post("/v1/events", json=event(1), headers=OPERATOR)).status_code == 202
    await house.settle()
    run = (await house.client.get("/v1/sagas", headers=OPERATOR)).json()["sagas"][0]["sagaId"]
    ids = {"/v1/hitl": f"{run}.1", "/v1/definitions": "shop.order.v1"}
    found = []
    for method, route in house.asked():
        about = next((each for prefix, each in ids.items() if route.startswith(prefix)), run)
        token = house.callback(run, "pay").rpartition("/")[2]
        path = route.format(id=about, name="page.css" if "static" in route else "pay", token=token)
        body, told = BODIES.get((method, route), (None, {}))
        content = orjson.dumps(body) if isinstance(body, dict) else body
        found.append(Wanted(method, route, path, content, told))
    return found


async def test_there_is_a_body_for_every_route_that_writes(house: House) -> None:
    """So that what is refused would have been done."""
    posts = {(method, route) for method, route in house.asked() if method == "POST"}
    assert posts - {("POST", "/logout")} == set(BODIES)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer full2"}, 401),
        ({"authorization": "Basic full"}, 401),
        ({"cookie": "hms-orch=0123456789abcdef.99999999999.0"}, 401),
        ({**OPERATOR, "host": "evil.example"}, 421),
        ({**OPERATOR, "origin": "https://evil.example"}, 403),
        ({**OPERATOR, "origin": "null"}, 403),
    ],
    ids=[
        "no token",
        "bad token",
        "longer token",
        "other scheme",
        "forged cookie",
        "foreign host",
        "cross-site",
        "null",
    ],
)
async def test_a_refused_request_leaves_the_log_alone(headers: Mapping[str, str], status: int) -> None:
    async with open_house(tokens=["full"]) as house:
        requests = await wanted(house)
        length = house.store.last_seq()
        for request in requests:
            answer = await request.send(house, headers)
            if status != 401 or request.route not in FREE:
                assert answer.status_code == status, request
                if request.method != "HEAD":
                    assert answer.headers["content-type"] == "application/problem+json", request
                    assert answer.json()["status"] == status, request
        await house.settle()
        assert house.store.last_seq() == length


async def test_another_method_leaves_the_log_alone() -> None:
    async with open_house(tokens=["full"]) as house:
        requests = await wanted(house)
        known: dict[str, set[str]] = {}
        for request in requests:
            known.setdefault(request.route, set()).add(request.method)
        length = house.store.last_seq()
        for request in requests:
            for method in set(METHODS) - known[request.route]:
                answer = await request.send(house, OPERATOR, method)
                assert answer.status_code == 405, (method, request)
                assert known[request.route] == {word.strip() for word in answer.headers["allow"].split(",")}
        assert house.store.last_seq() == length


async def test_what_was_refused_is_done_for_whoever_may() -> None:
    """Else the matrix would prove nothing."""
    done = set()
    for method, route in sorted(BODIES):
        async with open_house(tokens=["full"]) as house:
            (request,) = [each for each in await wanted(house) if (each.method, each.route) == (method, route)]
            length = house.store.last_seq()
            await request.send(house, OPERATOR)
            if house.store.last_seq() > length:
                done.add(route)
    not_now = {
        "/v1/sagas/{id}/resume",
        "/v1/sagas/{id}/redrive",
        "/v1/sagas/{id}/steps/{name}/compensated",
        "/v1/definitions/{id}/resume",
        "/v1/callbacks/{token}",
        "/login",
    }
    assert done == {route for _, route in BODIES} - not_now


FREE = ("/healthz", "/readyz", "/.well-known/jwks.json", "/static/{name}", "/login", "/logout", "/v1/callbacks/{token}")
PUBLISHERS = {
    ("GET", "/v1/events"),
    ("HEAD", "/v1/events"),
    ("GET", "/v1/me"),
    ("HEAD", "/v1/me"),
    ("POST", "/v1/events"),
    ("POST", "/v1/sagas/{id}/steps/{name}/compensated"),
}


async def refused_to(role: Any, requests_of: set[str]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """(all requests of these methods that are not free, those of them that a role is refused)."""
    async with open_house(tokens=["full"], named=[Token("someone", role, hash_of("theirs"))]) as house:
        house.routes.streams.stop()  # else the live stream would have no end
        asked, refused = set(), set()
        for request in await wanted(house):
            if request.route in FREE or request.method not in requests_of:
                continue
            answer = await request.send(house, {"authorization": "Bearer theirs"})
            asked.add((request.method, request.route))
            assert answer.status_code not in (401, 405, 421), request
            if answer.status_code == 403:
                refused.add((request.method, request.route))
                if request.method != "HEAD":
                    assert f"someone is a {role}" in answer.json()["detail"]
        return asked, refused


async def test_a_viewer_reads_everything_and_writes_nothing() -> None:
    asked, refused = await refused_to("viewer", {"GET", "HEAD", "POST", "DELETE"})
    assert refused == {each for each in asked if each[0] not in ("GET", "HEAD")}


async def test_a_publisher_publishes_follows_and_acknowledges() -> None:
    asked, refused = await refused_to("publisher", {"GET", "HEAD", "POST", "DELETE"})
    assert refused == asked - PUBLISHERS


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
async def test_an_operator_is_refused_nothing(method: str) -> None:
    assert (await refused_to("operator", {method}))[1] == set()
