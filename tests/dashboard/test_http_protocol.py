"""What does not get as far as being a request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from uvicorn.server import ServerState

from hms_orch_cli.dashboard.http_protocol import CONNECTIONS, HEAD_BYTES, HttpProtocol
from hms_orch_cli.dashboard.web_server import web_server

HOST = b"Host: localhost\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
POST = b"POST /v1/events HTTP/1.1\r\n" + HOST
PIECE = 1_000


class Wire(asyncio.Transport):
    """The server's end of a connection: what it writes stays here."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Clock:
    """The event loop, as far as a connection needs it: timers ring by hand."""

    def __init__(self) -> None:
        self.timers: list[asyncio.TimerHandle] = []

    def call_later(self, delay: float, callback: Callable[..., Any], *told: Any) -> asyncio.TimerHandle:
        loop = asyncio.get_running_loop()
        self.timers.append(asyncio.TimerHandle(loop.time() + delay, callback, told, loop))
        return self.timers[-1]

    def create_task(self, work: Coroutine[Any, Any, None], **how: Any) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work, **how)

    def ring(self) -> None:
        """All that have not been cancelled."""
        for timer in self.timers:
            if not timer.cancelled():
                timer._run()
        self.timers.clear()


class Connection:
    """One connection, fed by hand."""

    def __init__(self, state: ServerState | None = None) -> None:
        self.wire = Wire()
        config = web_server(Starlette(), 1).config
        config.load()
        self.clock = Clock()
        self.protocol = HttpProtocol(config, ServerState() if state is None else state, {}, cast(Any, self.clock))
        self.protocol.connection_made(self.wire)

    def feed(self, data: bytes) -> None:
        """In pieces, as long as the server listens."""
        for at in range(0, len(data), PIECE):
            if not self.wire.closed:
                self.protocol.data_received(data[at : at + PIECE])

    def problem(self) -> dict[str, Any]:
        """The problem document that has ended it."""
        assert self.wire.closed
        head, _, body = self.wire.written.partition(b"\r\n\r\n")
        status, *headers = head.lower().split(b"\r\n")
        assert b"content-type: application/problem+json" in headers
        assert b"connection: close" in headers
        assert b"content-length: %d" % len(body) in headers
        document: dict[str, Any] = json.loads(body)
        assert document["status"] == int(status.split()[1])
        return document


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"GET /healthz?", id="address"),
        pytest.param(GET + b"X-Long: ", id="header"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ", id="trailer"),
    ],
)
async def test_a_head_or_a_trailer_that_does_not_end_is_refused(begun: bytes) -> None:
    connection = Connection()
    connection.feed(begun)
    connection.feed(b"x" * (HEAD_BYTES - 2 * PIECE))
    assert not connection.wire.closed
    connection.feed(b"x" * 4 * PIECE)
    assert connection.problem()["status"] == 431


async def test_many_headers_are_as_much_as_a_long_one() -> None:
    connection = Connection()
    connection.feed(GET + b"X-Y: z\r\n" * (HEAD_BYTES // 4))
    assert connection.problem()["status"] == 431


async def test_a_body_may_be_longer_than_a_head_and_a_connection_may_live_on() -> None:
    connection = Connection()
    for _ in range(3):
        connection.feed(POST + b"Content-Length: %d\r\n\r\n" % (2 * HEAD_BYTES) + b"x" * 2 * HEAD_BYTES)
    assert not connection.wire.closed


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", POST + b"Content-Length: -1\r\n\r\n"])
async def test_what_is_no_http_is_a_problem_too(garbage: bytes) -> None:
    connection = Connection()
    connection.feed(garbage)
    assert connection.problem()["status"] == 400


async def test_who_asks_for_another_protocol_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection()
    connection.feed(GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert not connection.wire.closed
    assert not caplog.records


@pytest.mark.parametrize("begun", [b"", b"GET /hea", GET])
async def test_a_connection_without_a_request_ends(begun: bytes) -> None:
    connection = Connection()
    connection.feed(begun)
    connection.clock.ring()
    assert connection.problem()["status"] == 408


async def test_a_second_request_may_be_late_as_well() -> None:
    connection = Connection()
    connection.feed(POST + b"Content-Length: 1\r\n\r\nx")
    connection.clock.ring()
    assert not connection.wire.closed
    connection.feed(b"GET /hea")
    connection.clock.ring()
    assert connection.problem()["status"] == 408


async def test_one_connection_too_many_is_told_to_come_back() -> None:
    state = ServerState()
    state.connections.update(cast(Any, range(CONNECTIONS)))
    connection = Connection(state)
    connection.feed(GET + b"\r\n")
    await asyncio.gather(*state.tasks)
    assert connection.problem()["status"] == 429
    assert b"\r\nretry-after: 1\r\n" in connection.wire.written
