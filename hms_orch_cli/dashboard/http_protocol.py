"""How bytes of a connection become requests: uvicorn's protocol, with bounds, and with problem documents for what does
not get as far as being a request."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hms_orch_cli.dashboard.headers import HEADERS
from hms_orch_cli.dashboard.problems import plain_problem, problem_of
from hms_orch_cli.errors import Overloaded

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

HEAD_BYTES: Final = 64 << 10
"""Bytes that may come without the parser making anything of them: a head, or a trailer, that does not end."""


HEAD_S: Final = 30.0
"""Seconds within which the head of a request is there: counted from the connection on, or from its first byte."""

CONNECTIONS: Final = 2_048
"""Connections at a time; one more is answered 429."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    _idle = 0
    _made = False
    _begun = False
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begins to wait for a request."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > CONNECTIONS:
            self.app = _too_many

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what came since the parser last made something of it: it keeps that in memory."""
        self._made = False
        super().data_received(data)
        self._idle = 0 if self._made else self._idle + len(data)
        if self._idle > HEAD_BYTES:
            self._refuse(431, f"the head of the request is over the limit of {HEAD_BYTES} bytes")
        elif self._begun and self._late is None:
            self._await_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._made = self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._made, self._begun = True, False
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body is there."""
        self._made = True
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered as every error is."""
        self._refuse(400, "this cannot be read as HTTP/1.1")

    def _unsupported_upgrade_warning(self) -> None:
        """Who asks for another protocol is answered in this one; there is nothing to tell an operator."""

    def _await_head(self) -> None:
        self._late = self.loop.call_later(HEAD_S, self._refuse, 408, f"no request was there after {HEAD_S:.0f} s")

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, status: int, detail: str) -> None:
        answer = plain_problem(status, detail, headers={**HEADERS, "connection": "close"})
        told = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
        told += [b"%s: %s" % header for header in (*self.server_state.default_headers, *answer.raw_headers)]
        self.transport.write(b"\r\n".join([*told, b"", answer.body]))
        self.transport.close()


async def _too_many(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of a connection too many."""
    answer = problem_of(Overloaded("all connections are taken at this moment", "try again in a second"))
    answer.headers["connection"] = "close"
    await answer(scope, receive, send)
