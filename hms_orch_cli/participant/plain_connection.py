"""One connection of `plain_http`: a request at a time, the response parsed by httptools (llhttp, as in node).

Everything a peer may send is bounded: the head, the body, the bytes around the body, the number of 1xx responses.
"""

from __future__ import annotations

import asyncio
import select
from typing import Final, NamedTuple, cast

import httptools

from hms_orch_cli.participant.answers import MAX_BODY, OVER_LIMIT

MAX_HEAD: Final = 65_536
MAX_WHOLE: Final = 2 * MAX_BODY
"""Bytes of a whole response: what is around the body, chunk sizes and trailers, may not go on for ever either."""
MAX_INTERIM: Final = 16
_KEPT: Final = frozenset({b"content-type", b"content-encoding", b"retry-after", b"location"})


class Response(NamedTuple):
    """A whole response: the headers that anybody asks for, names in lower case."""

    status: int
    headers: dict[bytes, str]
    body: bytes


class Lost(NamedTuple):
    """No whole response came, for this reason."""

    reason: str


class Connection(asyncio.Protocol):
    """Sends one request after another; `is_free` says whether it may take the next."""

    def __init__(self) -> None:
        self.is_free = False
        self.idle_since = 0.0
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Response | Lost] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: select.poll | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._reset()

    def _reset(self) -> None:
        self._received = 0
        self._interim = 0
        self._body_size = 0
        self._body: list[bytes] = []
        self._headers: dict[bytes, str] = {}
        self._has_end = False
        self._in_body = False
        self._is_whole = False
        self._keep_alive = False

    def send(self, message: bytes, deadline: float, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Response | Lost]:
        """Writes the request; the future never raises. Cancelling it ends the connection."""
        self.is_free = False
        self._answer = answer = loop.create_future()
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            self._set_timer(loop)
        self._transport.write(message)
        return answer

    def close(self) -> None:
        """Ends the connection at once; a request under way is lost."""
        self._finish(Lost("the connection was closed"))

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits to be read: bytes that nobody asked for, or the end, may be there before the loop has
        looked, and would be taken for the next answer."""
        if self._waiting is None:
            self._waiting = select.poll()
            self._waiting.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._waiting.poll(0)

    @property
    def peer(self) -> str:
        """The address at the other end."""
        return str(self._transport.get_extra_info("peername")[0])

    def _finish(self, outcome: Response | Lost) -> None:
        if isinstance(outcome, Lost) or not self._keep_alive:
            self.is_free = False
            self._transport.abort()
            if self._timer is not None:
                self._timer.cancel()
        else:
            self.is_free = True
            self._reset()
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(outcome)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        """For the end of the attempt's time. It is left running when the answer comes, since the next request mostly
        ends later than this one would have: to set a timer and to take it back costs more than all else here."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._deadline, self._look_at_the_time, loop)

    def _look_at_the_time(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._answer is None:
            return
        if loop.time() >= self._deadline:
            self._finish(Lost("no whole answer within the attempt's time"))
        else:
            self._set_timer(loop)

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class does not say so
        self.is_free = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            # Nothing was asked: whatever this is, it must not become the next answer.
            self.close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._is_whole:
                switched = isinstance(error, httptools.HttpParserUpgrade)
                self._finish(Lost("the answer switched protocols" if switched else f"the answer is not HTTP: {error}"))
                return
            self._keep_alive = False
        if self._is_whole:
            self._finish(Response(self._status, self._headers, b"".join(self._body)))
        elif self._body_size > MAX_BODY or self._received > MAX_WHOLE:
            self._finish(Lost(OVER_LIMIT))
        elif not self._in_body and (self._received > MAX_HEAD or self._interim > MAX_INTERIM):
            self._finish(Lost("headers over 64 KiB"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep_alive = False
        if exc is None and self._in_body and not self._has_end:
            self._finish(Response(self._status, self._headers, b"".join(self._body)))
        else:
            what = "was reset" if exc is not None else "was closed before the whole answer came"
            self._finish(Lost(f"connection lost: it {what}"))

    # What the parser calls

    def on_message_begin(self) -> None:
        if self._is_whole:
            self._keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body or self._is_whole:
            return
        name = name.lower()
        if name in _KEPT:
            self._headers.setdefault(name, value.decode("latin-1"))
        elif name in (b"content-length", b"transfer-encoding"):
            self._has_end = True

    def on_headers_complete(self) -> None:
        if self._is_whole:
            return
        self._status = self._parser.get_status_code()
        self._in_body = self._status // 100 != 1

    def on_body(self, body: bytes) -> None:
        if self._is_whole:
            return
        self._body_size += len(body)
        if self._body_size <= MAX_BODY:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._is_whole:
            self._keep_alive = False
        elif self._in_body:
            self._is_whole = self._body_size <= MAX_BODY
            self._keep_alive = self._parser.should_keep_alive()
        else:
            self._interim += 1
            self._headers.clear()
            self._has_end = False
