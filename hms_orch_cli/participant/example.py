"""A participant in miniature, as one should be: the demo runs three of them.

It keeps the two promises that every participant makes: the same idempotency key is the same answer, without doing the
work twice; an undo is accepted for a call that never came, and refuses that call should it come later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import orjson

HEAD_BYTES: Final = 65_536
BODY_BYTES: Final = 1 << 20
QUIET_S: Final = 60
"""Seconds that a connection may stand idle."""


class Said(NamedTuple):
    """An answer: its status, its JSON, and headers besides."""

    status: int
    body: Any
    headers: Mapping[str, str] = {}


class ExampleParticipant:
    """Answers `POST` as `script` says by path, after `work_s` seconds of work. Knows nothing that lasts."""

    def __init__(self, script: Mapping[str, Said], work_s: float) -> None:
        self._script = script
        self._work_s = work_s
        self._said: dict[str, Said] = {}
        self._undone: set[tuple[str, str]] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    async def start(self) -> None:
        """Listens on a free port of the loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Closes the port and every connection."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def answer(self, path: str, key: str, envelope: Mapping[str, Any]) -> Said:
        """What a request is answered."""
        planned = self._script.get(path)
        if planned is None:
            return _problem(404, "there is no such path")
        if key in self._said:
            return self._said[key]
        step = (str(envelope.get("sagaId")), str(envelope.get("step")))
        if envelope.get("op") == "compensate":
            self._undone.add(step)
        elif step in self._undone:
            return _problem(409, "its undo came first")
        await asyncio.sleep(self._work_s)
        if planned.status < 300:
            self._said[key] = planned
        return planned

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # the server runs this as a task
        self._connections.add(task)
        try:
            while (request := await _read(reader)) is not None:
                writer.write(_bytes(await self.answer(*request)))
                await writer.drain()
        except (OSError, EOFError, ValueError, TimeoutError):
            pass  # whoever speaks so gets no answer
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> tuple[str, str, Mapping[str, Any]] | None:
    """Path, idempotency key and envelope of the next request, None at the end of the connection. Raises EOFError,
    ValueError, TimeoutError for what is not one."""
    async with asyncio.timeout(QUIET_S):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError as cut:
            if cut.partial:
                raise
            return None
        except asyncio.LimitOverrunError as error:
            raise ValueError("too long a head") from error
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        _, target, _ = first.split(" ", 2)
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= BODY_BYTES:
            raise ValueError("too long a body")
        envelope = orjson.loads(await reader.readexactly(length) or b"{}")
    if not isinstance(envelope, dict):
        raise ValueError("no envelope")
    return target.partition("?")[0], headers.get("idempotency-key", ""), envelope


def _bytes(said: Said) -> bytes:
    body = orjson.dumps(said.body)
    media = "application/json" if said.status < 400 else "application/problem+json"
    headers = {"Content-Type": media, "Content-Length": str(len(body)), **said.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {said.status} \r\n{lines}\r\n".encode() + body


def _problem(status: int, title: str) -> Said:
    return Said(status, {"type": "about:blank", "status": status, "title": title})
