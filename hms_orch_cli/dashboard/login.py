"""/login and /logout for browsers, where a token is needed: it is shown once and becomes a cookie."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.config.tokens import hash_of
from hms_orch_cli.dashboard.callers import ROLES, Register, caller_of
from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.reading import Json, body_of, media_of
from hms_orch_cli.dashboard.refusals import BadRequest, UnknownMedia
from hms_orch_cli.dashboard.sessions import Sessions

FORM: Final = "application/x-www-form-urlencoded"
FORM_BYTES: Final = 8 << 10
FIELDS: Final = 4


class Login:
    """The two routes, for the tokens and the cookies of one server."""

    def __init__(self, register: Register, sessions: Sessions) -> None:
        self._register = register
        self._sessions = sessions

    async def show(self, _office: Office, request: Request) -> Response:
        """The form; where nothing needs a token, the page itself."""
        after = local_path(request.query_params.get("next", ""))
        return HTMLResponse(_page(after, "")) if self._register.needs_token else RedirectResponse(after, 303)

    async def take(self, _office: Office, request: Request) -> Response:
        """Sets the cookie for a token that is known, and leads to where the browser was."""
        if media_of(request) != FORM:
            raise UnknownMedia("a login is a form", f"send it as {FORM}; programs need none")
        try:
            fields = parse_qs((await body_of(request, FORM_BYTES)).decode(), max_num_fields=FIELDS)
        except ValueError as error:
            raise BadRequest("the form cannot be read", "send token and next") from error
        after = local_path(fields.get("next", [""])[0])
        kept = hash_of(fields.get("token", [""])[0].strip())
        if (caller := self._register.named(kept)) is None:
            return HTMLResponse(_page(after, "No token of this server is like that."), 401)
        if "read" not in ROLES[caller.role]:
            return HTMLResponse(_page(after, f"This is the token of a {caller.role}: it opens no page."), 403)
        return RedirectResponse(after, 303, {"set-cookie": self._sessions.cookie(kept)})

    async def leave(self, _office: Office, _request: Request) -> Response:
        """Takes the cookie away."""
        return RedirectResponse("/login", 303, {"set-cookie": self._sessions.no_cookie()})


async def who(_office: Office, request: Request) -> Response:
    """Who asks here, and what they may do."""
    return Json(caller_of(request).to_json())


def local_path(told: str) -> str:
    """A path of this server, whatever a link says; / for everything else."""
    plain = told.isascii() and told.isprintable() and "\\" not in told
    return told if plain and told.startswith("/") and not told.startswith("//") else "/"


def _page(after: str, objection: str) -> str:
    from hms_orch_cli.dashboard.frame import BRAND, head

    said = f'<p class="wrong" role="alert">{text(objection)}</p>' if objection else ""
    return f"""{head("Log in")}
<body>
<main class="card login">
<p>{BRAND}</p>
<h1>Log in</h1>
<p class="hint">Where others can reach it, hms-orch asks for a token. Whoever runs this server makes one with
<code>hms-orch token add NAME --role viewer</code>.</p>
{said}<form method="post" action="/login">
<input type="hidden" name="next" value="{text(after, 2_000)}">
<div class="field"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus></div>
<p><button class="button main">Log in</button></p>
</form>
</main>
</body>
</html>
"""
