"""The webhook: every item is told, in order, until somebody has taken it; a restart begins where it stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hms_orch_cli import webhook
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.ports.store import Append, NewEvent
from hms_orch_cli.webhook import Webhook

STATUS = {200: "OK", 204: "No Content", 302: "Found", 500: "No"}


class Receiver:
    """A server that answers what it is told to, and keeps what it was sent. 0 hangs up."""

    def __init__(self, *answers: int) -> None:
        self.answers: Iterator[int] = iter(answers)
        self.taken: list[dict[str, Any]] = []
        self.asked = 0
        self.media: set[str] = set()

    @asynccontextmanager
    async def up(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/items"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = json.loads(await reader.readexactly(int(fields["content-length"])))
        self.asked += 1
        status = next(self.answers, 204)
        if status:
            self.media.add(fields["content-type"])
            if 200 <= status < 300:
                self.taken.append(body)
            writer.write(
                f"HTTP/1.1 {status} {STATUS[status]}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
            )
            await writer.drain()
        writer.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PAUSES_S", (0,))


def queue(store: MemoryStore, *names: str, kind: str = "hitl.queued") -> None:
    """Items in the log, with another event before each."""
    for name in names:
        for each, about in (("other.thing", "other"), (kind, name)):
            event = NewEvent(
                f"{about}-{store.last_seq()}", "hms-orch", each, "2027-01-15T08:00:00.000Z", f'{{"id":"{about}"}}'
            )
            store.append([Append(f"run/{store.last_seq()}", (event,), 0)])


async def told(receiver: Receiver, count: int) -> list[str]:
    """The ids of the items, once so many are taken."""
    async with asyncio.timeout(30):
        while len(receiver.taken) < count:
            await asyncio.sleep(0)
    return [each["data"]["id"] for each in receiver.taken]


async def test_each_item_is_told_once_in_order_as_a_cloud_event() -> None:
    store, receiver, moved = MemoryStore(), Receiver(), list[int]()
    queue(store, "a", "b")
    async with receiver.up() as url:
        hook = Webhook(url, store, 0, moved.append)
        hook.start()
        assert await told(receiver, 2) == ["a", "b"]
        queue(store, "c")
        hook.wake()
        assert await told(receiver, 3) == ["a", "b", "c"]
        async with asyncio.timeout(30):
            while moved[-1] < store.last_seq():
                await asyncio.sleep(0)
        await hook.stop()
    assert receiver.media == {"application/cloudevents+json"}
    first = receiver.taken[0]
    assert (first["specversion"], first["type"], first["source"]) == ("1.0", "hitl.queued", "hms-orch")
    assert first["id"].startswith("a-")
    assert moved == sorted(set(moved))


@pytest.mark.parametrize("answer", [500, 302, 0])
async def test_it_is_told_again_until_it_is_taken(answer: int) -> None:
    store, receiver, moved = MemoryStore(), Receiver(answer, answer), list[int]()
    queue(store, "a", "b")
    async with receiver.up() as url:
        hook = Webhook(url, store, 0, moved.append)
        hook.start()
        assert await told(receiver, 2) == ["a", "b"]
        await hook.stop()
    assert receiver.asked == 4
    assert hook.failures == 2


async def test_a_restart_goes_on_where_it_was() -> None:
    store, receiver = MemoryStore(), Receiver()
    queue(store, "a", "b")
    async with receiver.up() as url:
        hook = Webhook(url, store, 2, lambda _: None)
        hook.start()
        assert await told(receiver, 1) == ["b"]
        await hook.stop()


async def test_what_is_not_taken_is_not_passed() -> None:
    """Nobody is there: the position stays, so that the next process tells it."""
    store, moved = MemoryStore(), list[int]()
    queue(store, "a")
    hook = Webhook("http://127.0.0.1:9/items", store, 0, moved.append)
    hook.start()
    async with asyncio.timeout(30):
        while hook.failures < 3:
            await asyncio.sleep(0)
    await hook.stop()
    assert moved == [0], "where it begins, and no further"
