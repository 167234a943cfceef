"""GET /v1/events: pages and streams, each event once and none left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest

from hms_orch_cli.dashboard import outgoing_events
from hms_orch_cli.dashboard.serve import Server, bind
from hms_orch_cli.dashboard.streams import Streams
from hms_orch_cli.errors import Overloaded, StoreError
from tests.dashboard.house import ADMITTED, House, event

STREAM = {"accept": "text/event-stream"}


@pytest.fixture
async def server(house: House) -> AsyncIterator[Server]:
    """The house on a real port."""
    opened = bind("127.0.0.1", 0)
    await opened.start(house.app)
    yield opened
    await opened.stop()


@asynccontextmanager
async def stream(server: Server, path: str = "/v1/events", **headers: str) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a stream."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        asyncio.timeout(20),
        httpx.AsyncClient(base_url=server.url) as client,
        client.stream("GET", path, headers={**STREAM, **told}) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield answer.aiter_lines()


async def some(lines: AsyncIterator[str], count: int) -> list[dict[str, Any]]:
    """The next events of a stream."""
    found: list[dict[str, Any]] = []
    told = 0
    async for line in lines:
        if line.startswith("id: "):
            told = int(line[4:])
        elif line.startswith("data: "):
            found.append(orjson.loads(line[6:]))
            assert found[-1]["seq"] == told
            if len(found) == count:
                break
    return found


async def test_pages_follow_each_other_to_the_end(house: House) -> None:
    await house.publish(*(event(n, data="€") for n in range(25)))
    found: list[int] = []
    after = -1
    following = 0
    while following != after:
        after = following
        page = (await house.client.get(f"/v1/events?after={after}&limit=7")).json()
        found += [one["seq"] for one in page["events"]]
        following = page["next"]
    assert found == list(range(1, 26))


async def test_an_event_comes_out_as_it_went_in(house: House) -> None:
    told = event(1, subject="s", time="2026-01-31T08:00:00Z", datacontenttype="application/json", traceparent="00-ab")
    await house.publish(told)
    (found,) = (await house.client.get("/v1/events")).json()["events"]
    assert found == {"seq": 1, **told}


async def test_next_moves_past_events_of_other_types(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing_events, "LOOKED_AT", 200)
    await house.publish(*(event(n, type="a" if n % 250 == 0 else "b") for n in range(1, 1001)))
    found: list[int] = []
    after, following, pages = -1, 0, 0
    while following != after:
        after = following
        page = (await house.client.get(f"/v1/events?after={after}&type=a")).json()
        found += [one["seq"] for one in page["events"]]
        following, pages = page["next"], pages + 1
    assert found == [250, 500, 750, 1000]
    assert pages == 6


async def test_several_types_may_be_asked_for(house: House) -> None:
    await house.publish(event(1, type="a"), event(2, type="b"), event(3, type="c"), event(4, type="d"))
    page = (await house.client.get("/v1/events?type=a,c&type=d")).json()
    assert [one["type"] for one in page["events"]] == ["a", "c", "d"]
    assert page["next"] == 4


async def test_a_page_is_bounded_in_bytes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing_events, "PAGE_BYTES", 5_000)
    await house.publish(*(event(n, data="x" * 2_000) for n in range(10)))
    page = (await house.client.get("/v1/events")).json()
    assert (len(page["events"]), page["next"]) == (3, 3)


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=99999999999999999999", "limit=0", "limit=5000"])
async def test_a_bad_position_is_told(house: House, query: str) -> None:
    assert (await house.client.get(f"/v1/events?{query}")).status_code == 400


async def test_a_bad_last_event_id_is_told(house: House) -> None:
    answer = await house.client.get("/v1/events", headers={**STREAM, "last-event-id": "e7"})
    assert answer.status_code == 400


async def test_a_stream_resumes_without_loss_or_doubling(house: House, server: Server) -> None:
    total = 0
    seen: list[int] = []
    for taken in (1, 40, 150, 7, 3):
        await house.publish(*(event(n) for n in range(total, total + 60)))
        total += 60
        resume = {"last_event_id": str(seen[-1])} if seen else {}
        async with stream(server, "/v1/events?after=0", **resume) as lines:
            seen += [one["seq"] for one in await some(lines, min(taken, total - len(seen)))]
    async with stream(server, last_event_id=str(seen[-1])) as lines:
        seen += [one["seq"] for one in await some(lines, total - len(seen))]
    assert seen == list(range(1, total + 1))


async def test_a_stream_goes_on_with_what_comes_later(house: House, server: Server) -> None:
    await house.publish(event(1))
    async with stream(server) as lines:
        assert [one["id"] for one in await some(lines, 1)] == ["e1"]
        await house.publish(event(2), event(3))
        assert [one["id"] for one in await some(lines, 2)] == ["e2", "e3"]


async def test_the_place_in_a_stream_moves_past_events_of_other_types(house: House, server: Server) -> None:
    await house.publish(*(event(n, type="b") for n in range(5)))
    async with stream(server, "/v1/events?type=a") as lines:
        async for line in lines:
            if line.startswith("id: "):
                break
        assert line == "id: 5"
        await house.publish(event(9, type="a"))
        assert [one["seq"] for one in await some(lines, 1)] == [6]


async def test_the_live_stream_tells_only_how_far_the_log_is(house: House, server: Server) -> None:
    async with stream(server, "/live?after=0") as lines:
        await house.publish(event(1, data="secret"))
        told = ""
        while not told.startswith("data: "):
            told = await anext(lines)
        assert told == "data: 1"


async def test_a_stop_ends_streams(house: House) -> None:
    server = bind("127.0.0.1", 0)
    await server.start(house.app)
    async with stream(server) as lines:
        assert await anext(lines) == "retry: 1000"
        stopping = asyncio.create_task(server.stop())
        assert [line async for line in lines if line] == []
        await stopping
    assert house.routes.streams.open == 0


async def run_stream(streams: Streams, source: Any, receive: Any) -> list[dict[str, Any]]:
    """What one stream sends."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(10):
        await streams.answer(source, 60)(ADMITTED, receive, send)
    return sent


async def gone() -> dict[str, Any]:
    """A client that has left."""
    return {"type": "http.disconnect"}


async def test_a_client_that_leaves_gives_its_place_back() -> None:
    streams = Streams(lambda: 0)
    sent = await run_stream(streams, lambda: (b"", False), gone)
    assert streams.open == 0
    assert sent[-1] == {"type": "http.response.body", "body": b""}


async def test_a_log_that_cannot_be_read_ends_the_stream_quietly() -> None:
    def broken() -> tuple[bytes, bool]:
        raise StoreError("the disk is gone")

    streams = Streams(lambda: 0)
    await run_stream(streams, broken, asyncio.Event().wait)
    assert streams.open == 0


async def test_streams_are_bounded() -> None:
    streams = Streams(lambda: 0, limit=0)
    with pytest.raises(Overloaded):
        streams.answer(lambda: (b"", False), 1)


async def test_a_head_request_opens_no_stream(house: House) -> None:
    answer = await house.client.head("/v1/events", headers=STREAM)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


async def test_an_extension_called_seq_does_not_take_the_place_of_the_position(house: House) -> None:
    """Who reads on from there would read on from where the publisher says."""
    taken = await house.publish(event(seq=999))
    assert taken.status_code == 202
    page = (await house.client.get("/v1/events")).json()
    assert [each["seq"] for each in page["events"]] == list(range(1, len(page["events"]) + 1))
