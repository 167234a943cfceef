"""The screens of the page. Server-rendered; a small script takes over what has changed when the log has grown.

A screen is imported when it is first asked for: `up` is ready without them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office

Screen = Callable[[Office, Request], Awaitable[Response]]


async def _show(module: str, name: str, office: Office, request: Request) -> Response:
    screen: Screen = getattr(import_module(f"{__name__}.{module}"), name)
    return await screen(office, request)


LOST: Final[Screen] = partial(_show, "lost", "show")
"""What answers a browser that asks for any other path."""

PAGES: Final[Mapping[str, Screen]] = {
    "/": partial(_show, "runs", "show"),
    "/runs/{id}": partial(_show, "run", "show"),
    "/hitl": partial(_show, "hitl", "queue"),
    "/hitl/{id}": partial(_show, "hitl", "item"),
    "/locks": partial(_show, "locks", "show"),
    "/definitions": partial(_show, "definitions", "show"),
    "/definitions/{id}": partial(_show, "definitions", "one"),
    "/charts": partial(_show, "charts", "show"),
    "/services": partial(_show, "services", "show"),
    "/static/{name}": partial(_show, "files", "show"),
}
"""Path -> what answers it."""
