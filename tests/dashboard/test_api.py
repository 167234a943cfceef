"""The other routes: runs, definitions, callbacks, what operators ask, and how mistakes are told."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from hms_orch_cli.dashboard import openapi
from hms_orch_cli.dashboard.headers import HEADERS
from hms_orch_cli.dashboard.pages import PAGES
from hms_orch_cli.errors import HmsError, Overloaded, StoreFailed, StoreFull
from hms_orch_cli.saga.outcome import Answer, Wire
from tests.dashboard.house import House, event, open_house, saga

YAML = {"content-type": "application/yaml"}


async def test_runs_are_listed_and_chosen(house: House) -> None:
    await house.deploy()
    await house.deploy(saga("other.v1", "data.n == 2"))
    house.participants.answers["/ship"] = Answer(Wire.ANSWERED, 422, reason="no")
    await house.publish(event(1), event(2))
    await house.settle()

    async def listed(query: str) -> list[tuple[str, str]]:
        answer = await house.client.get(f"/v1/sagas{query}")
        assert answer.status_code == 200, answer.text
        return [(run["saga"], run["event"]["id"]) for run in answer.json()["sagas"]]

    assert len(await listed("")) == 3
    assert await listed("?saga=other.v1") == [("other.v1", "e2")]
    assert len(await listed("?state=failed")) == 3
    assert await listed("?state=COMPLETED,running") == []
    assert [name for name, _ in await listed("?event=3")] == ["shop.order.v1"]
    assert len(await listed("?limit=1")) == 1


@pytest.mark.parametrize(
    "query", ["state=nix", "limit=0", "limit=1001", "limit=x", "limit=-1", "before=nix", "event=0", "event=1e3"]
)
async def test_a_bad_query_is_told(house: House, query: str) -> None:
    answer = await house.client.get(f"/v1/sagas?{query}")
    assert answer.status_code == 400
    assert answer.json()["hint"]


async def test_one_run_comes_with_its_timeline(house: House) -> None:
    await house.deploy()
    await house.publish(event(1))
    await house.settle()
    (run,) = (await house.client.get("/v1/sagas")).json()["sagas"]
    one = (await house.client.get(f"/v1/sagas/{run['sagaId']}")).json()
    assert {**one, "timeline": None} == {**run, "redriveOf": None, "replacedBy": None, "timeline": None}
    kinds = [entry["type"] for entry in one["timeline"]]
    assert kinds[0] == "saga.started"
    assert kinds[-1] == "saga.completed"


async def test_an_unknown_run_is_not_found(house: House) -> None:
    answer = await house.client.get("/v1/sagas/nix")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:hms-orch:problem:not-found"


async def test_a_definition_is_deployed_once_changed_and_taken_back(house: House) -> None:
    async def post(text: str) -> tuple[int, dict[str, Any]]:
        answer = await house.client.post("/v1/definitions", content=text, headers=YAML)
        return answer.status_code, answer.json()

    status, told = await post(saga())
    assert (status, told["saga"], told["change"], told["previous"]) == (201, "shop.order.v1", "new", None)
    first = told["revision"]
    assert (await post(saga()))[1]["change"] == "unchanged"
    status, told = await post(saga(condition="data.n > 5"))
    assert (status, told["change"], told["previous"], told["changes"]) == (
        200,
        "changed",
        first,
        ["filter data.n >= 0 → data.n > 5"],
    )
    assert [(change["kind"], change["key"], change["before"], change["after"]) for change in told["difference"]] == [
        ("changed", "filter", "data.n >= 0", "data.n > 5")
    ]
    (listed,) = (await house.client.get("/v1/definitions")).json()["definitions"]
    assert (listed["id"], listed["revision"]) == ("shop.order.v1", told["revision"])
    one = (await house.client.get("/v1/definitions/shop.order.v1")).json()
    assert one == {"id": "shop.order.v1", "revision": told["revision"], "content": listed["content"]}
    earlier = (await house.client.get(f"/v1/definitions/shop.order.v1?revision={first}")).json()
    assert (earlier["revision"], earlier["content"]["filter"]) == (first, "data.n >= 0")
    for unknown in ("shop.order.v1?revision=nix", "nix"):
        assert (await house.client.get(f"/v1/definitions/{unknown}")).status_code == 404
    assert (await house.client.delete("/v1/definitions/shop.order.v1")).status_code == 204
    assert (await house.client.get("/v1/definitions")).json() == {"definitions": []}
    assert (await house.client.get("/v1/definitions/shop.order.v1")).status_code == 404
    assert (await house.client.get(f"/v1/definitions/shop.order.v1?revision={first}")).json() == earlier
    assert (await house.client.delete("/v1/definitions/shop.order.v1")).status_code == 404


async def test_a_wrong_definition_is_told_with_its_places(house: House) -> None:
    answer = await house.client.post("/v1/definitions", content=saga("Not A Name"), headers=YAML)
    assert answer.status_code == 422
    (finding,) = answer.json()["findings"]
    assert (finding["line"], finding["pointer"], finding["severity"]) == (2, "/id", "error")
    assert finding["sourceLine"] == "id: Not A Name"
    assert house.store.last_seq() == 0


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"a: [", "application/yaml", 422),
        (b"", "application/yaml", 422),
        (b"\xff\xfe", "application/yaml", 422),
        (b"{}", "application/json", 422),
        (b"x" * (300 << 10), "application/yaml", 413),
        (b"id=x", "application/x-www-form-urlencoded", 415),
        (b"<a/>", "text/xml", 415),
    ],
)
async def test_what_is_no_definition_is_refused(house: House, content: bytes, media: str, status: int) -> None:
    answer = await house.client.post("/v1/definitions", content=content, headers={"content-type": media})
    assert answer.status_code == status, answer.text
    assert house.store.last_seq() == 0


async def accepted_run(house: House) -> str:
    """A run whose first step was answered with 202."""
    house.participants.answers["/pay"] = Answer(Wire.ANSWERED, 202)
    await house.deploy()
    await house.publish(event(1))
    await house.settle()
    (run,) = (await house.client.get("/v1/sagas")).json()["sagas"]
    assert run["state"] == "WAITING"
    return str(run["sagaId"])


async def test_a_callback_ends_a_202_once(house: House) -> None:
    run = await accepted_run(house)
    path = house.callback(run, "pay")
    first = await house.client.post(path, json={"outcome": "success", "result": {"message": "paid"}})
    await house.settle()
    length = house.store.last_seq()
    second = await house.client.post(path, json={"outcome": "failed"})
    assert (first.status_code, second.status_code) == (204, 204)
    assert house.store.last_seq() == length
    one = (await house.client.get(f"/v1/sagas/{run}")).json()
    assert (one["state"], one["steps"][0]["summary"]) == ("COMPLETED", "paid")


async def test_a_callback_may_report_a_failure_in_its_own_words(house: House) -> None:
    run = await accepted_run(house)
    report = {"outcome": "failed", "result": {"title": "No money", "detail": "the card is stolen"}}
    assert (await house.client.post(house.callback(run, "pay"), json=report)).status_code == 204
    await house.settle()
    one = (await house.client.get(f"/v1/sagas/{run}")).json()
    assert one["state"] == "FAILED"
    assert one["reason"] == "pay: No money: the card is stolen"


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"{}", b'{"outcome": "maybe"}', b'{"outcome": ["success"]}', b"x" * (2 << 20)]
)
async def test_a_bad_report_changes_nothing(house: House, body: bytes) -> None:
    run = await accepted_run(house)
    length = house.store.last_seq()
    answer = await house.client.post(house.callback(run, "pay"), content=body)
    assert answer.status_code in (400, 413)
    assert house.store.last_seq() == length


async def test_a_callback_without_our_token_is_not_found(house: House) -> None:
    run = await accepted_run(house)
    for token in ("x", house.callback(run, "pay")[14:-1], "a.b.c.d", "é", "x" * 5_000):
        answer = await house.client.post(f"/v1/callbacks/{token}", json={"outcome": "success"})
        assert answer.status_code == 404, token


async def test_a_callback_that_nothing_waits_for_is_refused(house: House) -> None:
    run = await accepted_run(house)
    assert (await house.client.post(house.callback(run, "ship"), json={"outcome": "success"})).status_code == 409


async def test_readiness_is_told_with_its_reason(house: House) -> None:
    assert (await house.client.get("/readyz")).json() == {"ready": True}
    house.orchestrator.fail(StoreFailed("the disk is gone"))
    answer = await house.client.get("/readyz")
    told = (answer.status_code, answer.json()["detail"], answer.headers["retry-after"])
    assert told == (503, "the disk is gone", "1")
    assert (await house.client.get("/healthz")).status_code == 200


async def test_it_is_ready_from_its_start_to_its_stop() -> None:
    async with open_house(started=False) as house:
        assert (await house.client.get("/readyz")).json()["detail"] == "starting"
        house.orchestrator.start()
        assert (await house.client.get("/readyz")).status_code == 200
        await house.orchestrator.stop()
        assert (await house.client.get("/readyz")).json()["detail"] == "stopping"


async def test_the_keys_are_public(house: House) -> None:
    answer = await house.client.get("/.well-known/jwks.json")
    assert answer.json()["keys"][0]["kid"] == "k1"
    assert "max-age" in answer.headers["cache-control"]


OF_THE_PAGE = (*PAGES, "/live", "/login", "/logout")
"""Its own routes, which are no API."""


def test_openapi_describes_the_routes_that_exist_and_no_other(house: House) -> None:
    routes = {(path, method.lower()) for method, path in house.asked() if path not in OF_THE_PAGE and method != "HEAD"}
    described = {(path, method) for path, item in openapi.document()["paths"].items() for method in item}
    assert described == routes


def test_every_reference_of_openapi_leads_somewhere() -> None:
    document = openapi.document()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                found: Any = document
                for part in value["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
            for member in value.values():
                look(member)
        elif isinstance(value, list):
            for member in value:
                look(member)

    look(document)


async def test_openapi_is_served(house: House) -> None:
    assert (await house.client.get("/openapi.json")).json() == openapi.document()


@pytest.mark.parametrize("path", ["/v2", "/v1/events/", "/v1/nix", "/static/../app.py", "/static/app.py", "/%2e%2e/x"])
async def test_an_unknown_path_is_a_problem(house: House, path: str) -> None:
    answer = await house.client.get(path)
    assert (answer.status_code, answer.json()["status"]) == (404, 404)


async def test_a_wrong_method_hears_of_all_right_ones(house: House) -> None:
    answer = await house.client.put("/v1/events")
    assert answer.status_code == 405
    assert {word.strip() for word in answer.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("error", [Overloaded("too much", "wait"), StoreFull("no space"), HmsError("odd", "look")])
async def test_errors_of_the_tree_become_problems(
    house: House, error: HmsError, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_events: object) -> None:
        raise error

    monkeypatch.setattr(house.office, "publish", refuse)
    answer = await house.client.post("/v1/events", json=event())
    assert answer.status_code == error.http_status
    assert answer.json()["detail"] == error.message
    assert answer.headers.get("retry-after") == ("1" if isinstance(error, Overloaded) else None)


async def test_a_bug_shows_nothing_and_is_logged_within_bounds(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError("secret" * 100_000)

    monkeypatch.setattr(house.office, "runs", fail)
    with caplog.at_level(logging.ERROR, "uvicorn.error"):
        answer = await house.client.get("/v1/sagas")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    (record,) = caplog.records
    assert len(record.getMessage()) < 10_000


@pytest.mark.parametrize("path", ["/", "/v1/sagas", "/nix", "/healthz", "/metrics", "/runs/nix", "/static/page.css"])
async def test_every_answer_carries_the_headers_for_browsers(house: House, path: str) -> None:
    answer = await house.client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value or (name == "cache-control" and path.startswith("/static")), name
