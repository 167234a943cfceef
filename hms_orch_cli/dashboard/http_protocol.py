"""How bytes of a connection become requests: uvicorn's protocol, with a bound, and with problem documents for what
cannot be read as HTTP."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hms_orch_cli.dashboard.headers import HEADERS
from hms_orch_cli.dashboard.problems import plain_problem

HEAD_BYTES: Final = 64 << 10
"""Bytes that may come without the parser making anything of them: a head, or a trailer, that does not end."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    _idle = 0
    _made = False

    def data_received(self, data: bytes) -> None:
        """Counts what came since the parser last made something of it: it keeps that in memory."""
        self._made = False
        super().data_received(data)
        self._idle = 0 if self._made else self._idle + len(data)
        if self._idle > HEAD_BYTES:
            self._refuse(431, f"the head of the request is over the limit of {HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._made = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._made = True
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

    def _refuse(self, status: int, detail: str) -> None:
        answer = plain_problem(status, detail, headers={**HEADERS, "connection": "close"})
        told = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
        told += [b"%s: %s" % header for header in (*self.server_state.default_headers, *answer.raw_headers)]
        self.transport.write(b"\r\n".join([*told, b"", bytes(answer.body)]))
        self.transport.close()
