"""The screens of the page. Server-rendered; a small script takes over what has changed when the log has grown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.pages import charts, definitions, hitl, live, run, runs, services

PAGES: Final[Mapping[str, Callable[[Office, Request], Awaitable[Response]]]] = {
    "/": runs.show,
    "/runs/{id}": run.show,
    "/hitl": hitl.queue,
    "/hitl/{id}": hitl.item,
    "/definitions": definitions.show,
    "/definitions/{id}": definitions.one,
    "/charts": charts.show,
    "/services": services.show,
    "/static/{name}": live.static,
}
"""Path -> what answers it."""
