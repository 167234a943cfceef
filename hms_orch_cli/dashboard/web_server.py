"""uvicorn as it is used here: on the loop that is there, on sockets that are bound, without signals and access log."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from hms_orch_cli.dashboard.http_protocol import HttpProtocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp

KEEP_ALIVE_S: Final = 30
STOP_S: Final = 3
"""Seconds that requests get at a stop."""


def web_server(app: ASGIApp, backlog: int) -> uvicorn.Server:
    """A server that is yet to be started."""
    config = uvicorn.Config(
        app,
        loop="none",
        http=HttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=backlog,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves the signals to the command."""
        yield
