"""A small HTTP service on loopback that records what it gets and behaves as it is told, in this process or another.

    async with FakeService() as service:
        service.on("/recalc", Reply(503), Reply(json={"count": 1}))     # in turn; the last one stays
        ... call service.url + "/recalc" ...
        service.requests[0].headers["idempotency-key"]

`Reply(hold="gate")` reads the request and answers once `service.release("gate")` was called; `service.arrived("/p", 2)`
waits until two requests for a path have come. `Reply(act="drop")` and the other ACTS break the rules of HTTP.

As a process, with the same words in JSON:

    python -m tests.participant.fake_service --port-file FILE [--port N] [--script FILE]

`PUT /_script` {"/recalc": [{"status": 503}, {"json": {"count": 1}}]} · `GET /_requests` · `POST /_release/gate` ·
SIGTERM ends it. FILE then holds the port, whole once it is there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import json as jsonlib
import os
import signal
import socket
import ssl
import struct
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Reply:
    """What to answer. `json` wins over `body`; `act` (a key of ACTS) over both; `hold` waits for a gate first."""

    status: int = 200
    json: Any = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: str | None = None
    act: str | None = None
    close: bool = False
    surplus: str = ""
    """Bytes after the answer that nobody asked for."""


@dataclass(frozen=True)
class Recorded:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return jsonlib.loads(self.body)


class Wire:
    """One connection, seen from an act. Counts what the peer's side has taken."""

    def __init__(self, service: FakeService, writer: asyncio.StreamWriter) -> None:
        self._service = service
        self._writer = writer
        writer.transport.set_write_buffer_limits(0)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
        self._service.sent_bytes += len(data)

    def reset(self) -> None:
        """Closes with RST instead of FIN."""
        peer = self._writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


async def drop(wire: Wire) -> None:
    """Reads the request and hangs up."""


async def reset(wire: Wire) -> None:
    """Reads the request and resets the connection."""
    wire.reset()


async def drop_mid_body(wire: Wire) -> None:
    """Promises 1000 bytes and hangs up after 10."""
    await wire.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"count": ')


async def garbage(wire: Wire) -> None:
    """Answers something that is not HTTP."""
    await wire.send(b"\x16\x03\x01\x00\xff this is not HTTP\r\n\r\n" * 4)


async def slow_bytes(wire: Wire) -> None:
    """Answers a byte at a time, for ever."""
    await wire.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
    while True:
        await wire.send(b" ")
        await asyncio.sleep(0.02)


async def slow_head(wire: Wire) -> None:
    """Answers its head a byte at a time, for ever."""
    await wire.send(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while True:
        await wire.send(b"a")
        await asyncio.sleep(0.02)


async def silent(wire: Wire) -> None:
    """Never answers and never hangs up."""
    await asyncio.Event().wait()


async def huge(wire: Wire) -> None:
    """Answers 100 MB and says so."""
    await wire.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n")
    for _ in range(1_000):
        await wire.send(b" " * 100_000)


async def huge_chunked(wire: Wire) -> None:
    """Answers 100 MB in chunks, without saying so."""
    await wire.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(1_000):
        await wire.send(b"186a0\r\n" + b" " * 100_000 + b"\r\n")


async def huge_headers(wire: Wire) -> None:
    """Answers 8 MB of headers."""
    await wire.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000):
        await wire.send(b"x-%d: %s\r\n" % (number, b"a" * 8_000))
    await wire.send(b"content-length: 0\r\n\r\n")


async def early_hints(wire: Wire) -> None:
    """Answers 103 for ever."""
    while True:
        await wire.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 500)
        await asyncio.sleep(0.005)


async def continue_first(wire: Wire) -> None:
    """Answers 100 Continue, then 200."""
    await wire.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


async def wrong_length(wire: Wire) -> None:
    """Gives two lengths that differ."""
    await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\nhello, ")


async def negative_length(wire: Wire) -> None:
    """Gives a length below zero."""
    await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello")


async def chunked_nonsense(wire: Wire) -> None:
    """Declares chunks and sends none."""
    await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot a size\r\nhello\r\n0\r\n\r\n")


async def gzip_bomb(wire: Wire) -> None:
    """Answers 200 kB of gzip, 200 MB unpacked, though none was asked for."""
    bomb = gzip.compress(b" " * 200_000_000, compresslevel=6)
    head = b"content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    await wire.send(b"HTTP/1.1 200 OK\r\n" + head + bomb)


async def until_close(wire: Wire) -> None:
    """Answers without a length; the end of the connection is the end of the body."""
    await wire.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"count": 7}')


ACTS: dict[str, Callable[[Wire], Awaitable[None]]] = {
    act.__name__: act
    for act in (
        drop,
        reset,
        drop_mid_body,
        garbage,
        slow_bytes,
        slow_head,
        silent,
        huge,
        huge_chunked,
        huge_headers,
        early_hints,
        continue_first,
        wrong_length,
        negative_length,
        chunked_nonsense,
        gzip_bomb,
        until_close,
    )
}
"""Every act ends with the connection closed."""


class FakeService:
    """See the head of this file. A path without a script is answered 200 and `{}`; `behave` takes the place of all
    scripts."""

    def __init__(
        self,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        behave: Callable[[Recorded], Reply] | None = None,
    ) -> None:
        self.requests: list[Recorded] = []
        self.sent_bytes = 0
        self.connections = 0
        self.port = port
        self._tls = tls
        self._behave = behave
        self._script: dict[str, list[Reply]] = {}
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._came = asyncio.Condition()
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def on(self, path: str, *replies: Reply) -> None:
        """Sets the answers for a path, its query left out: in turn, the last one stays."""
        self._script[path] = list(replies)

    def release(self, gate: str) -> None:
        """Opens a gate, for those who wait and those who come."""
        self._gates[gate].set()

    async def arrived(self, path: str, count: int = 1) -> None:
        """Returns once `count` requests for a path have come."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.requests_for(path)) >= count)

    def requests_for(self, path: str) -> list[Recorded]:
        return [request for request in self.requests if request.path.partition("?")[0] == path]

    async def __aenter__(self) -> Self:
        # The protocol has to be named: asyncio switches Nagle off only then, else each keep-alive answer takes 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._connected, sock=listener, ssl=self._tls, backlog=1_024)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer, self.connections))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        wire = Wire(self, writer)
        try:
            while request := await _read(reader, connection):
                if request.path.startswith("/_"):
                    await wire.send(_message(self._control(request)))
                elif not await self._answer(wire, request):
                    break
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _answer(self, wire: Wire, request: Recorded) -> bool:
        """Whether the connection stays open."""
        self.requests.append(request)
        reply = self._behave(request) if self._behave is not None else self._scripted(request)
        async with self._came:
            self._came.notify_all()
        if reply.hold:
            await self._gates[reply.hold].wait()
        if reply.act:
            await ACTS[reply.act](wire)
            return False
        await wire.send(_message(reply) + reply.surplus.encode())
        return not reply.close

    def _scripted(self, request: Recorded) -> Reply:
        replies = self._script.get(request.path.partition("?")[0]) or [Reply(json={})]
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def _control(self, request: Recorded) -> Reply:
        verb, _, rest = request.path[2:].partition("/")
        if verb == "script":
            for path, replies in request.json.items():
                self.on(path, *(Reply(**reply) for reply in replies))
        elif verb == "release":
            self.release(rest)
        elif verb == "requests":
            rows = [{**vars(request), "body": request.body.decode()} for request in self.requests]
            return Reply(json=rows)
        else:
            return Reply(404)
        return Reply(204)


async def _read(reader: asyncio.StreamReader, connection: int) -> Recorded | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Recorded(method, path, headers, body, connection)


def _message(reply: Reply) -> bytes:
    body = reply.body.encode() if reply.json is None else jsonlib.dumps(reply.json).encode()
    headers = {} if reply.json is None else {"content-type": "application/json"}
    headers |= {name.lower(): value for name, value in reply.headers.items()}
    if reply.status != 204:
        headers.setdefault("content-length", str(len(body)))
    if reply.close:
        headers.setdefault("connection", "close")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} Whatever\r\n{lines}\r\n".encode() + body


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path)
    options = parser.parse_args()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with FakeService(port=options.port) as service:
        if options.script:
            script = jsonlib.loads(options.script.read_text())
            for path, replies in script.items():
                service.on(path, *(Reply(**reply) for reply in replies))
        draft = options.port_file.with_suffix(".new")
        draft.write_text(str(service.port))
        os.replace(draft, options.port_file)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_main())
