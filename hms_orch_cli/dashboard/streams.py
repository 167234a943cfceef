"""Server-sent events: a bounded number of open streams, all woken by one look at how far the log has grown.

A stream that is not read holds back itself alone: nothing is fetched for it before what it got has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hms_orch_cli.dashboard.callers import is_still_in
from hms_orch_cli.errors import HmsError, Overloaded

OPEN: Final = 1_000
"""Streams open at a time."""

LOOK_S: Final = 0.1
"""Seconds between two looks whether the log has grown, while a stream is open."""

HEARTBEAT_S: Final = 15.0
"""After so long without news a comment is sent, so that a dead connection is noticed."""

Source = Callable[[], tuple[bytes, bool]]
"""What there is to send now, and whether there is more at once."""


class Streams:
    """The open streams of one server. `head` gives the last position of the log; `stop` ends all streams."""

    def __init__(self, head: Callable[[], int], limit: int = OPEN) -> None:
        self.head = head
        self._limit = limit
        self._seen = 0
        self._grown: asyncio.Future[None] | None = None
        self.stopping = False
        self.open = 0

    def stop(self) -> None:
        """Ends every stream, those to come as well; their clients come back with Last-Event-ID."""
        self.stopping = True
        self._wake()

    def answer(self, source: Source, every_s: float = 0.0) -> Response:
        """A response that goes on until the client leaves or the server stops, with at least `every_s` from one look
        at `source` to the next. Raises Overloaded."""
        if self.open >= self._limit:
            raise Overloaded(f"{self.open} streams are open already", "close one, or read page by page")
        return _Stream(self, source, every_s)

    async def growth(self, seen: int, gone: asyncio.Future[None], timeout_s: float) -> bool:
        """Waits until the log has grown beyond `seen`; False if it has not in this time. Ends early if the client has
        left or the server stops."""
        if self.stopping or self.head() != seen:
            return True
        if self._grown is None:
            self._grown = asyncio.get_running_loop().create_future()
            self._seen = seen
            self._look_later()
        grown = self._grown
        await asyncio.wait((gone, grown), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        return grown.done() or gone.done()

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        if self.head() != self._seen or not self.open:
            self._wake()
        elif self._grown is not None:
            self._look_later()

    def _wake(self) -> None:
        grown, self._grown = self._grown, None
        if grown is not None and not grown.done():
            grown.set_result(None)


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
            await self._feed(scope, gone, send)
        except HmsError:
            pass  # the log cannot be read any more: the client comes back, and hears why
        finally:
            self._streams.open -= 1
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _feed(self, scope: Scope, gone: asyncio.Future[None], send: Send) -> None:
        await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
        quiet = False
        while is_still_in(scope):  # else the client comes back, and hears what it may do now
            seen = self._streams.head()
            news, more = self._source()
            if quiet and not news:
                news = b":\n\n"
            if news:
                await send({"type": "http.response.body", "body": news, "more_body": True})
            if gone.done() or self._streams.stopping:
                return
            if more:
                await asyncio.sleep(0)  # the others have their turn
                continue
            if self._every_s:
                await asyncio.wait((gone,), timeout=self._every_s)
            quiet = not await self._streams.growth(seen, gone, HEARTBEAT_S)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
