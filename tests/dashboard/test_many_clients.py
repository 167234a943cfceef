"""Many clients at a time, slow ones and idle ones: each stream has every event once, and nobody holds up the others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple

import httpx
import pytest

from hms_orch_cli.dashboard import streams as streams_module
from hms_orch_cli.dashboard.serve import Server, bind
from hms_orch_cli.dashboard.streams import Streams
from tests.dashboard.house import ADMITTED, House, event

MANY = 1_000


class Client(NamedTuple):
    """A connection of its own, without a library that reads ahead."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def status(self) -> int:
        """Of the answer; its head is read."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])

    async def positions(self, count: int) -> list[int]:
        """Of so many events to come."""
        found: list[int] = []
        while len(found) < count:
            line = await self.reader.readline()
            assert line, "the stream has ended"
            if line.startswith(b"id: "):
                found.append(int(line[4:]))
        return found


class Crowd:
    """A server on a real port, and those who are connected to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._clients: list[Client] = []

    async def join(self, path: str | None = None, receive_bytes: int = 0) -> Client:
        """One more, with a small receive buffer if asked for; it wants a stream if there is a path."""
        plain = socket.socket()
        if receive_bytes:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", self.server.port))
        client = Client(*await asyncio.open_connection(sock=plain))
        self._clients.append(client)
        if path is not None:
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
            client.writer.write(request.encode())
        return client

    async def many(self, count: int, path: str | None) -> list[Client]:
        """So many, not all in one moment: the queue of a listening socket is bounded."""
        found: list[Client] = []
        while len(found) < count:
            found += await asyncio.gather(*(self.join(path) for _ in range(min(100, count - len(found)))))
        return found

    async def leave(self) -> None:
        """All of them, at once."""
        for client in self._clients:
            client.writer.transport.abort()
        for client in self._clients:
            with suppress(OSError):
                await client.writer.wait_closed()


@pytest.fixture
async def crowd(house: House) -> AsyncIterator[Crowd]:
    """Nobody yet."""
    server = bind("127.0.0.1", 0)
    await server.start(house.app)
    found = Crowd(server)
    yield found
    await found.leave()
    await server.stop()


async def test_a_thousand_streams_have_every_event_and_one_more_is_told_to_come_back(
    house: House, crowd: Crowd
) -> None:
    async with asyncio.timeout(100):
        clients = await crowd.many(MANY, "/v1/events")
        assert {await client.status() for client in clients} == {200}
        one_more = await crowd.join("/v1/events")
        assert await one_more.status() == 429
        for n in range(3):
            assert (await house.publish(event(n))).status_code == 202
        async with httpx.AsyncClient(base_url=crowd.server.url, timeout=60) as other:
            assert (await other.get("/healthz")).status_code == 200
        told = await asyncio.gather(*(client.positions(3) for client in clients))
        assert all(each == [1, 2, 3] for each in told)


async def test_a_thousand_idle_connections_keep_nobody_from_publishing(house: House, crowd: Crowd) -> None:
    async with asyncio.timeout(100):
        await crowd.many(MANY, None)
        async with httpx.AsyncClient(base_url=crowd.server.url, timeout=60) as other:
            assert (await other.post("/v1/events", json=event(1))).status_code == 202
        assert house.store.last_seq() == 1


async def test_a_client_that_does_not_read_holds_up_nobody_and_loses_nothing(house: House, crowd: Crowd) -> None:
    events, size = 2_000, 4_000
    async with asyncio.timeout(100):
        slow = await crowd.join("/v1/events", receive_bytes=4_096)
        quick = await crowd.join("/v1/events")
        assert await quick.status() == 200
        for start in range(0, events, 500):
            batch = [event(n, data="x" * size) for n in range(start, start + 500)]
            assert (await house.publish(*batch)).status_code == 202
        assert await quick.positions(events) == list(range(1, events + 1))
        assert await slow.status() == 200
        assert await slow.positions(events) == list(range(1, events + 1))


async def test_for_a_client_that_does_not_read_nothing_more_is_fetched() -> None:
    """What waits for it is what it was given once."""
    looked, reading = 0, asyncio.Event()

    def source() -> tuple[bytes, bool]:
        nonlocal looked
        looked += 1
        return b"x", True

    async def send(message: dict[str, object]) -> None:
        if message.get("body") == b"x":
            await reading.wait()

    answer = Streams(lambda: 1).answer(source)
    stream = asyncio.ensure_future(answer(ADMITTED, asyncio.Event().wait, send))  # type: ignore[arg-type]
    for _ in range(50):
        await asyncio.sleep(0)
    assert looked == 1
    stream.cancel()


async def test_what_comes_while_a_stream_sends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log grows after the look and before the wait: no tick is needed to see it."""
    monkeypatch.setattr(streams_module, "LOOK_S", 3_600)
    head, sent = 1, asyncio.Event()

    def source() -> tuple[bytes, bool]:
        return b"%d" % head, False

    async def send(message: dict[str, object]) -> None:
        nonlocal head
        if message.get("body") == b"1":
            head = 2
        elif message.get("body") == b"2":
            sent.set()

    answer = Streams(lambda: head).answer(source)
    stream = asyncio.ensure_future(answer(ADMITTED, asyncio.Event().wait, send))  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        await sent.wait()
    stream.cancel()


async def test_silence_is_broken_so_that_a_dead_connection_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "HEARTBEAT_S", 0.001)
    beaten = asyncio.Event()

    async def send(message: dict[str, object]) -> None:
        if message.get("body") == b":\n\n":
            beaten.set()

    answer = Streams(lambda: 1).answer(lambda: (b"", False))
    stream = asyncio.ensure_future(answer(ADMITTED, asyncio.Event().wait, send))  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        await beaten.wait()
    stream.cancel()


async def test_a_stretch_is_read_once_for_all_who_stand_at_one_place(
    house: House, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read_all = house.store.read_all

    def counted(*asked: int, **more: bool) -> object:
        nonlocal reads
        reads += not more  # with `arrivals` it is the dispatcher
        return read_all(*asked, **more)

    async with asyncio.timeout(60):
        clients = await crowd.many(50, "/v1/events")
        assert {await client.status() for client in clients} == {200}
        monkeypatch.setattr(house.store, "read_all", counted)
        await house.publish(event(1))
        assert {tuple(each) for each in await asyncio.gather(*(one.positions(1) for one in clients))} == {(1,)}
        assert reads <= 4
