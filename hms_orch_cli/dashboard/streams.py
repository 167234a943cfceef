"""Server-sent events: a bounded number of open streams, each of which looks for news at a steady pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hms_orch_cli.errors import HmsError, Overloaded

OPEN: Final = 100
"""Streams open at a time."""

HEARTBEAT_S: Final = 15.0
"""After so long without news a comment is sent, so that a dead connection is noticed."""

Source = Callable[[], tuple[bytes, bool]]
"""What there is to send now, and whether there is more at once."""


class Streams:
    """The open streams of one server. `stop` ends them all."""

    def __init__(self, limit: int = OPEN) -> None:
        self._limit = limit
        self._stopping = asyncio.Event()
        self.open = 0

    def stop(self) -> None:
        """Ends every stream, those to come as well; their clients come back with Last-Event-ID."""
        self._stopping.set()

    def answer(self, source: Source, every_s: float) -> Response:
        """A response that goes on until the client leaves or the server stops. Raises Overloaded."""
        if self.open >= self._limit:
            raise Overloaded(f"{self.open} streams are open already", "close one, or read page by page")
        return _Stream(self, source, every_s)

    async def wait(self, gone: asyncio.Future[None], timeout_s: float) -> bool:
        """Waits for the next look; True if the stream is over."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            done, _ = await asyncio.wait((gone, stopping), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        return bool(done)


class _Stream(Response):
    media_type = "text/event-stream"

    def __init__(self, streams: Streams, source: Source, every_s: float) -> None:
        super().__init__(headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._streams = streams
        self._source = source
        self._every_s = every_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until there is nobody to send to."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.ensure_future(_gone(receive))
        self._streams.open += 1
        try:
            await self._feed(gone, send)
        except HmsError:
            pass  # the log cannot be read any more: the client comes back, and hears why
        finally:
            self._streams.open -= 1
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _feed(self, gone: asyncio.Future[None], send: Send) -> None:
        await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
        last = monotonic()
        over = False
        while not over:
            news, more = self._source()
            if not news and monotonic() - last >= HEARTBEAT_S:
                news = b":\n\n"
            if news:
                await send({"type": "http.response.body", "body": news, "more_body": True})
                last = monotonic()
            over = await self._streams.wait(gone, 0 if more else self._every_s)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
