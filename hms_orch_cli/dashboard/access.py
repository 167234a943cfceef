"""Who may ask: on loopback anyone on this machine, but no web page of another site; elsewhere whoever has a token."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from hms_orch_cli.config.tokens import hash_of
from hms_orch_cli.dashboard.callers import Caller, Register, is_open, let_in
from hms_orch_cli.dashboard.plain import AskedHeaders, PlainResponse
from hms_orch_cli.dashboard.problems import problem_of
from hms_orch_cli.dashboard.refusals import CrossSite, NotLoggedIn, WrongHost
from hms_orch_cli.dashboard.sessions import Sessions
from hms_orch_cli.errors import ConfigError, HmsError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
READING: Final = ("GET", "HEAD", "OPTIONS")

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


def refuse_to_listen(host: str, tokens: Collection[object]) -> None:
    """Raises ConfigError if others could reach the server and nothing would hold them back."""
    if not tokens and not is_loopback(host):
        raise ConfigError(
            f"listening on {host[:80]} without a token would let anyone in",
            "make one with hms-orch token add, or listen on 127.0.0.1",
        )


class Access:
    """Middleware that notes who sends a request and lets it in, or answers it with 401, 403 or 421, or sends a browser
    to the login. `public_url` is a further address under which a server on loopback is reached, through a proxy."""

    def __init__(self, app: ASGIApp, host: str, register: Register, sessions: Sessions, public_url: str | None) -> None:
        self._app = app
        self._register = register
        self._sessions = sessions
        self._public = urlsplit(public_url or "").netloc.lower()
        # Elsewhere the token guards: a page that got here under another name does not have it.
        self._names = {*LOCAL_NAMES, _name(self._public)} - {""} if is_loopback(host) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            self._admit(scope, AskedHeaders(scope))
            answer: ASGIApp = self._app
        except HmsError as error:
            if isinstance(error, NotLoggedIn) and is_of_a_person(scope):
                where = login_address(scope["path"], scope["query_string"].decode("latin-1"))
                answer = PlainResponse(303, b"", {"location": where})
            else:
                answer = problem_of(error)
        await answer(scope, receive, send)

    def _admit(self, scope: Scope, headers: AskedHeaders) -> None:
        method, path = scope["method"], scope["path"]
        host = headers.all("host")
        if self._names is not None and (len(host) != 1 or _name(host[0]) not in self._names):
            told = ", ".join(host)[:100]
            raise WrongHost(f"the name is {told!r}", "use http://localhost, or set [server] publicUrl")
        self._register.follow()
        kept = self._kept(method, headers)
        caller = self._register.caller(kept)
        if caller is None and not is_open(path):
            raise NotLoggedIn("there is no valid token in the request", "send Authorization: Bearer TOKEN (HMS_TOKEN)")
        # A link that leads here from another site is followed: it reads, and carries no Origin.
        written = method not in READING and _is_cross_site(headers)
        if written or self._is_of_another_origin(headers):
            raise CrossSite("the request comes from a web page of another origin", "send it from a program")
        let_in(scope, caller, lambda: self._is_still(kept, caller))

    def _is_still(self, kept: str | None, caller: Caller | None) -> bool:
        self._register.follow()
        return self._register.caller(kept) == caller

    def _kept(self, method: str, headers: AskedHeaders) -> str | None:
        """The hash of the token that it comes with, or that the cookie of a browser stands for."""
        if not self._register.needs_token:
            return None
        if (told := headers.get("authorization")) is not None:
            scheme, _, token = told.partition(" ")
            return hash_of(token.strip()) if scheme.lower() == "bearer" else None
        if (cookie := headers.get("cookie")) is None:
            return None
        kept = self._sessions.token_hash(cookie, self._register.hashes())
        if kept is not None and method not in READING and not _tells_where_from(headers):
            raise CrossSite("the request does not say which page it comes from", "programs send a token, no cookie")
        return kept

    def _is_of_another_origin(self, headers: AskedHeaders) -> bool:
        """Whether a browser says that a page of another origin sent this. Another port of this machine is another."""
        if (origin := headers.get("origin")) is None:
            return False
        told = origin.lower().partition("://")[2]
        return not told or told not in ((headers.get("host") or "").lower(), self._public)


def login_address(path: str, query: str) -> str:
    """Where a browser is sent that is not logged in; afterwards it comes back."""
    after = f"{path}?{query}" if query else path
    return "/login" if after == "/" else f"/login?next={quote(after[:2_000], safe='/')}"


def is_of_a_person(scope: Scope) -> bool:
    """Whether it is a browser that asks for a page."""
    return scope["method"] in ("GET", "HEAD") and "text/html" in (AskedHeaders(scope).get("accept") or "")


def _tells_where_from(headers: AskedHeaders) -> bool:
    """Every browser does so when it writes."""
    return "origin" in headers or "sec-fetch-site" in headers


def _is_cross_site(headers: AskedHeaders) -> bool:
    return headers.get("sec-fetch-site") not in (None, "none", "same-origin")


def _name(authority: str) -> str:
    found = _AUTHORITY.fullmatch(authority)
    return found[1].lower() if found else ""
