"""The transport for plain http: connections of our own on the loop, no thread and no second runtime beside it.

What counts as never sent is exact here: no connection came about, so no byte was written. https and HEAD are handed
to `Reqwest`.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from ipaddress import ip_address
from typing import Final

from hms_orch_cli.participant.address_book import Target
from hms_orch_cli.participant.answers import answer_of
from hms_orch_cli.participant.forbidden import is_forbidden_address
from hms_orch_cli.participant.outgoing import COMMON_HEADERS, Outgoing
from hms_orch_cli.participant.plain_connection import Connection, Lost
from hms_orch_cli.participant.reqwest import CONNECT_TIMEOUT, IDLE, Reqwest
from hms_orch_cli.saga.outcome import Answer, Wire

_COMMON: Final = "".join(f"{name}: {value}\r\n" for name, value in COMMON_HEADERS)
_CONNECT_S: Final = CONNECT_TIMEOUT.total_seconds()
_IDLE_S: Final = IDLE.total_seconds()
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class PlainHttp:
    """Sends http requests itself, all others by `Reqwest`."""

    def __init__(self, other: Reqwest | None = None) -> None:
        self._other = other
        self._idle: defaultdict[str, list[Connection]] = defaultdict(list)
        self._open: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def send(self, request: Outgoing, timeout: float) -> Answer:
        """Makes the request, `timeout` seconds in all. Never raises for what a network or a participant does."""
        target = request.target
        if target.scheme != "http" or request.method in ("HEAD", "CONNECT"):
            if self._other is None:
                self._other = Reqwest()
            return await self._other.send(request, timeout)
        try:
            message = _message(request)
        except UnicodeEncodeError:
            return Answer(Wire.NOT_SENT, reason="not sent: the request is no HTTP")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        connection = self._take(target.origin, loop.time())
        if connection is None:
            try:
                async with asyncio.timeout(min(timeout, _CONNECT_S)):
                    connection = await self._connect(target, loop)
            except TimeoutError:
                return Answer(Wire.NOT_SENT, reason="not sent, no connection: it took too long")
            except OSError as error:
                why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else str(error)
                return Answer(Wire.NOT_SENT, reason=f"not sent, no connection: {why}"[:500])
        try:
            response = await connection.send(message, deadline, loop)
        except asyncio.CancelledError:
            connection.close()
            raise
        if isinstance(response, Lost):
            self._open.discard(connection)
            return Answer(Wire.LOST, reason=response.reason)
        self._give_back(target.origin, connection, loop)
        told = response.headers.get
        return answer_of(
            response.status,
            response.body,
            told(b"content-type"),
            coding=told(b"content-encoding"),
            retry_after=told(b"retry-after"),
            location=told(b"location"),
            url=request.url,
        )

    async def close(self) -> None:
        """Closes the connections; requests under way end as LOST."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in tuple(self._open):
            connection.close()
        self._open.clear()
        self._idle.clear()
        if self._other is not None:
            await self._other.close()

    def _take(self, origin: str, now: float) -> Connection | None:
        """The connection used last, so that the others grow old and go."""
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.is_free and now - connection.idle_since < _IDLE_S and connection.is_quiet:
                return connection
            self._drop(connection)
        return None

    async def _connect(self, target: Target, loop: asyncio.AbstractEventLoop) -> Connection:
        _, connection = await loop.create_connection(Connection, target.host.strip("[]"), target.port)
        if target.needs_resolution and is_forbidden_address(ip_address(connection.peer.partition("%")[0])):
            peer = connection.peer
            connection.close()
            raise OSError(f"{target.host} leads to {peer}, a link-local or metadata address; such are refused")
        self._open.add(connection)
        return connection

    def _give_back(self, origin: str, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        if not connection.is_free:
            self._open.discard(connection)
            return
        connection.idle_since = loop.time()
        self._idle[origin].append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(_IDLE_S, self._close_the_old, loop)

    def _close_the_old(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep = None
        before = loop.time() - _IDLE_S
        for origin, idle in self._idle.items():
            for connection in idle:
                if not connection.is_free or connection.idle_since <= before:
                    self._drop(connection)
            self._idle[origin] = [connection for connection in idle if connection in self._open]
        if any(self._idle.values()):
            self._sweep = loop.call_later(_IDLE_S, self._close_the_old, loop)

    def _drop(self, connection: Connection) -> None:
        self._open.discard(connection)
        connection.close()


def _message(request: Outgoing) -> bytes:
    """The request as bytes. Nothing in it can break a line: `outgoing` has looked at each part."""
    origin = request.target.origin
    lines = [
        f"{request.method} {request.url[len(origin) :]} HTTP/1.1\r\nhost: {origin[7:]}\r\n{_COMMON}",
        *[f"{name}: {value}\r\n" for name, value in request.headers],
    ]
    body = request.body
    if body is not None or request.method in _WITH_BODY:
        lines.append(f"content-length: {len(body or b'')}\r\n")
    return "".join([*lines, "\r\n"]).encode("ascii") + (body or b"")
