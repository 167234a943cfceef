"""Fifty clients follow the log while `up` is killed and started again: each has every event once, in order."""

from __future__ import annotations

import asyncio
import json
import signal
import socket

import httpx
import pytest

from tests.acceptance.house import House

pytestmark = pytest.mark.process

CLIENTS = 50
LIVES = 4
EACH_LIFE = 120
"""Events that are sent in each; a kill comes when half of them are taken."""

LAST = "the.end"


def free_port() -> int:
    """A port that nobody has now; `up` comes back to it each time."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def follow(url: str) -> list[int]:
    """Reads the stream up to the event that says that it is the last. As a browser's EventSource does it comes back,
    whenever the stream breaks, with the id that it has seen last."""
    seen: list[int] = []
    async with httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(60, connect=5)) as client:
        while True:
            headers = {"accept": "text/event-stream", **({"last-event-id": str(seen[-1])} if seen else {})}
            try:
                async with client.stream("GET", "/v1/events", headers=headers) as answer:
                    if answer.status_code == 200 and await ends(answer, seen):
                        return seen
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def ends(answer: httpx.Response, seen: list[int]) -> bool:
    """Whether the last event has come. One counts when its empty line is there: what a kill cuts off is no event."""
    told: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            told[name] = value
        elif "id" in told:
            event = json.loads(told["data"])
            assert event["seq"] == int(told["id"])
            seen.append(event["seq"])
            if event["type"] == LAST:
                return True
            told = {}
    return False


async def publish(client: httpx.AsyncClient, name: str, kind: str = "nothing.happens") -> None:
    """Sends an event until it is taken: what is sent twice is one event."""
    event = {"specversion": "1.0", "id": name, "source": "tests", "type": kind}
    while True:
        try:
            if (await client.post("/v1/events", json=event)).status_code == 202:
                return
        except httpx.TransportError:
            await asyncio.sleep(0.02)


async def until_half_is_taken(sent: list[asyncio.Task[None]]) -> None:
    """The others are under way when this returns."""
    waiting = set(sent)
    while len(waiting) > len(sent) // 2:
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)


@pytest.mark.timeout(200)
async def test_each_client_has_every_event_once_over_kills(house: House) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    followers = [asyncio.create_task(follow(url)) for _ in range(CLIENTS)]
    sent: list[asyncio.Task[None]] = []
    async with asyncio.timeout(150), httpx.AsyncClient(base_url=url, timeout=10) as client:
        for life in range(LIVES):
            now = [asyncio.create_task(publish(client, f"{life}.{n}")) for n in range(EACH_LIFE)]
            sent += now
            up = house.up("--port", str(port))
            await asyncio.to_thread(up.__enter__)
            try:
                if life < LIVES - 1:
                    await until_half_is_taken(now)
                else:
                    await asyncio.gather(*sent)
                    await publish(client, "last", LAST)
                    told = await asyncio.gather(*followers)
            finally:
                await asyncio.to_thread(up.stop, signal.SIGKILL)
    log = [each["seq"] for each in house.log()]
    assert len(log) == LIVES * EACH_LIFE + 1
    assert all(each == log for each in told)
