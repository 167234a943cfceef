"""The transport for every URL: pyreqwest (Rust's reqwest), with one deadline and one limit around each request.

What counts as never sent: hyper names the phase in the causes of an error, and "client error (Connect)" covers name
resolution, TCP and TLS, all before a request is handed to a connection (the class ConnectError does not tell: it is
raised for a drop after sending, too). All else is doubt, so LOST.

A connection that the peer has closed while it was idle is replaced without a word; hyper does so only if it has not
begun to write, so nothing is sent twice. One that breaks later is reported, and never repeated here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from hms_orch_cli.participant.answers import MAX_BODY, OVER_LIMIT, answer_of
from hms_orch_cli.participant.outgoing import COMMON_HEADERS, Outgoing
from hms_orch_cli.saga.outcome import Answer, Wire

if TYPE_CHECKING:
    from pyreqwest.exceptions import CauseErrorDetails, PyreqwestError

CONNECT_TIMEOUT: Final = timedelta(seconds=10)
"""A host that swallows connections is found out, and proven not to have been sent to, before a default timeout."""
IDLE: Final = timedelta(seconds=4)
"""Shorter than the keep-alive of common servers (5 s): a reuse that races with their closing is an unknown outcome."""
_NEVER_SENT: Final = "client error (Connect)"


class Reqwest:
    """Sends requests over http and https. `trusted` is a PEM with further root certificates."""

    def __init__(self, *, trusted: bytes | None = None, connect_timeout: timedelta = CONNECT_TIMEOUT) -> None:
        from pyreqwest.client import ClientBuilder

        builder = (
            ClientBuilder()
            .default_headers(COMMON_HEADERS)
            .follow_redirects(False)
            .referer(False)
            .no_proxy()
            .http1_only()
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE)
        )
        if trusted is not None:
            builder = builder.add_root_certificate_pem(trusted)
        self._client = builder.build()

    async def send(self, request: Outgoing, timeout: float) -> Answer:
        """Makes the request, `timeout` seconds in all. Never raises for what a network or a participant does."""
        from pyreqwest.exceptions import BuilderError, PyreqwestError

        try:
            draft = self._client.request(request.method, request.url).headers(request.headers)
            if request.body is not None:
                draft = draft.body_bytes(request.body)
            ready = draft.timeout(timedelta(seconds=timeout)).build_streamed()
        except (BuilderError, ValueError) as error:
            return Answer(Wire.NOT_SENT, reason=f"not sent: the request is no HTTP ({type(error).__name__})")
        try:
            async with ready as response:
                body = await response.body_reader.read(MAX_BODY + 1)
                if body is not None and len(body) > MAX_BODY:
                    return Answer(Wire.LOST, reason=OVER_LIMIT)
                header = response.get_header
                return answer_of(
                    response.status,
                    b"" if body is None else bytes(body),
                    header("content-type"),
                    coding=header("content-encoding"),
                    retry_after=header("retry-after"),
                    location=header("location"),
                    url=request.url,
                )
        except PyreqwestError as error:
            return _failure(error)

    async def close(self) -> None:
        """Closes the connections; requests under way end as LOST."""
        await self._client.close()


def _failure(error: PyreqwestError) -> Answer:
    from pyreqwest.exceptions import RequestTimeoutError

    details = cast("CauseErrorDetails", getattr(error, "details", None) or {})
    causes = [cause["message"] for cause in details.get("causes") or ()]
    if _NEVER_SENT in causes:
        why = ": ".join(causes[causes.index(_NEVER_SENT) + 1 :]) or "no connection"
        return Answer(Wire.NOT_SENT, reason=f"not sent, no connection: {why}"[:500])
    if isinstance(error, RequestTimeoutError):
        return Answer(Wire.LOST, reason="no whole answer within the attempt's time")
    # The first causes name the URL and the phase; what happened comes last.
    return Answer(Wire.LOST, reason=f"connection lost: {causes[-1] if causes else error.message}"[:500])
