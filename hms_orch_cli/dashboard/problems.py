"""Every error as a problem document (RFC 9457): the one place where the error tree meets HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from http import HTTPStatus
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final

import orjson

from hms_orch_cli.dashboard.plain import PlainResponse
from hms_orch_cli.dashboard.refusals import NotLoggedIn, NotReady, TooSlow
from hms_orch_cli.errors import HmsError, Overloaded, SagaFileError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE: Final = "application/problem+json"
TRACE_FRAMES: Final = 20
"""Frames of a bug's trace that are logged; the innermost ones."""

TRACE_CHARACTERS: Final = 8_000

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_UNDERSCORE: Final = re.compile("_([a-z])")
_log = getLogger("uvicorn.error")


def problem_of(error: HmsError, more: Mapping[str, Any] | None = None) -> PlainResponse:
    """The answer that an error of the tree amounts to. `more` are members for this kind of problem alone."""
    kind = type(error)
    document: dict[str, Any] = {
        "type": f"urn:hms-orch:problem:{_CAMEL.sub('-', kind.__name__).lower()}",
        "title": _title(kind),
        "status": kind.http_status,
        "detail": error.message,
    }
    if error.hint:
        document["hint"] = error.hint
    if isinstance(error, SagaFileError):
        document["findings"] = [_plain(finding) for finding in error.findings]
    document.update(more or {})
    return _answer(kind.http_status, document, _headers_of(error))


def no_such_request(scope: Scope, status: int, headers: Mapping[str, str] | None = None) -> PlainResponse:
    """The answer to what there is no route for: an unknown path, a wrong method."""
    detail = f"{scope['method']} {scope['path']}"
    return plain_problem(status, detail[:500], "/openapi.json lists what there is", headers)


class Bugs:
    """Middleware that turns a bug into a problem without a trace; the trace goes to the log, cut to a bound."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except asyncio.CancelledError:  # only the server's own stop cancels a request, and ends its task after this
            if not started:
                await problem_of(NotReady("the server stops", "send it again"))(scope, receive, send)
        except Exception as error:  # noqa: BLE001  # whatever it is, it must neither leak nor end the server
            import traceback

            trace = "".join(traceback.format_exception(error, limit=-TRACE_FRAMES))
            _log.error("%s %s failed\n%s", scope["method"], _path(scope), trace[-TRACE_CHARACTERS:])
            if not started:
                await plain_problem(500, "a bug; the log of the server has more")(scope, receive, send)


def _path(scope: Scope) -> str:
    return ascii(scope["path"][:200])


def _title(kind: type[HmsError]) -> str:
    """The first clause of the class docstring."""
    if not kind.__doc__:  # python -OO
        return HTTPStatus(kind.http_status).phrase
    return re.split(r"[.;](?:\s|$)", " ".join(kind.__doc__.split()), maxsplit=1)[0]


def _headers_of(error: HmsError) -> dict[str, str]:
    if isinstance(error, Overloaded | NotReady):
        return {"retry-after": "1"}
    if isinstance(error, NotLoggedIn):
        return {"www-authenticate": 'Bearer realm="hms-orch"'}
    if isinstance(error, TooSlow):
        return {"connection": "close"}  # the rest of the body may still come
    return {}


def plain_problem(status: int, detail: str, hint: str = "", headers: Mapping[str, str] | None = None) -> PlainResponse:
    """A problem that is no error of the tree: its status says what it is."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    if hint:
        document["hint"] = hint
    return _answer(status, document, headers)


def _answer(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None) -> PlainResponse:
    body = orjson.dumps({name: _sound(value) for name, value in document.items()}, default=str)
    return PlainResponse(status, body, {"content-type": MEDIA_TYPE, **(headers or {})})


def _sound(value: Any) -> Any:
    """Text that UTF-8 can carry: the path or an id of a request may hold halves of a surrogate pair."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _plain(finding: object) -> Any:
    """A finding with the names of its members as JSON has them here."""
    if not is_dataclass(finding) or isinstance(finding, type):
        return str(finding)
    return {_UNDERSCORE.sub(lambda found: found[1].upper(), name): value for name, value in asdict(finding).items()}
