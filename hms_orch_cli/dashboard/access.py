"""Who may ask: on loopback anyone on this machine, but no web page of another site; elsewhere whoever has a token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hmac import compare_digest
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from hms_orch_cli.dashboard.problems import problem_of
from hms_orch_cli.dashboard.refusals import CrossSite, NotLoggedIn, WrongHost
from hms_orch_cli.errors import ConfigError, HmsError

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
READING: Final = ("GET", "HEAD", "OPTIONS")

OPEN_PATHS: Final = ("/healthz", "/.well-known/jwks.json")
OPEN_PREFIX: Final = "/v1/callbacks/"
"""What needs no token: the token in its path is one."""

_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)(:[0-9]{1,5})?", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    from ipaddress import ip_address

    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refuse_to_listen(host: str, tokens: Sequence[str]) -> None:
    """Raises ConfigError if others could reach the server and nothing would hold them back."""
    if not tokens and not is_loopback(host):
        raise ConfigError(
            f"listening on {host[:80]} without a token would let anyone in",
            "set [server] tokens or HMS_SERVER_TOKENS, or listen on 127.0.0.1",
        )


class Access:
    """Middleware that lets a request in or answers it with 401, 403 or 421. `public_url` is a further address under
    which a server on loopback is reached, through a proxy."""

    def __init__(self, app: ASGIApp, host: str, tokens: Sequence[str], public_url: str | None) -> None:
        self._app = app
        self._public = urlsplit(public_url or "").netloc.lower()
        # Elsewhere the token guards: a page that got here under another name does not have it.
        self._names = {*LOCAL_NAMES, _name(self._public)} - {""} if is_loopback(host) else None
        self._tokens = [token.encode() for token in tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        error = self._objection(scope["method"], scope["path"], Headers(scope=scope))
        await (self._app if error is None else problem_of(error))(scope, receive, send)

    def _objection(self, method: str, path: str, headers: Headers) -> HmsError | None:
        host = headers.getlist("host")
        if self._names is not None and (len(host) != 1 or _name(host[0]) not in self._names):
            return WrongHost(
                f"the name is {', '.join(host)[:100]!r}", "use http://localhost, or set [server] publicUrl"
            )
        if self._tokens and not (path in OPEN_PATHS or path.startswith(OPEN_PREFIX)) and not self._knows(headers):
            return NotLoggedIn("there is no valid token in the request", "send Authorization: Bearer TOKEN (HMS_TOKEN)")
        # A link that leads here from another site is followed: it reads, and carries no Origin.
        written = method not in READING and _is_cross_site(headers)
        if written or self._is_of_another_origin(headers):
            return CrossSite("the request comes from a web page of another origin", "send it from a program")
        return None

    def _knows(self, headers: Headers) -> bool:
        scheme, _, told = headers.get("authorization", "").partition(" ")
        given = told.strip().encode()
        known = [compare_digest(given, token) for token in self._tokens]  # every one, whichever fits
        return scheme.lower() == "bearer" and any(known)

    def _is_of_another_origin(self, headers: Headers) -> bool:
        """Whether a browser says that a page of another origin sent this. Another port of this machine is another."""
        if (origin := headers.get("origin")) is None:
            return False
        told = origin.lower().partition("://")[2]
        return not told or told not in (headers.get("host", "").lower(), self._public)


def _is_cross_site(headers: Headers) -> bool:
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


def _name(authority: str) -> str:
    found = _AUTHORITY.fullmatch(authority)
    return found[1].lower() if found else ""
