"""Listening and serving. The sockets are bound before anything else starts, so that a taken port fails early.

uvicorn runs on the loop that is there; signals are the command's own matter.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

import uvicorn
from starlette.applications import Starlette

from hms_orch_cli.errors import ConfigError, PortTaken

BACKLOG: Final = 2_048
CONNECTIONS: Final = 2_048
"""Connections and requests at a time; beyond it uvicorn answers 503."""

KEEP_ALIVE_S: Final = 30
STOP_S: Final = 3
"""Seconds that requests get at a stop."""

FREE_PORT_TRIES: Final = 20
DEFAULT_HOSTS: Final = ("127.0.0.1", "localhost")


def bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets: for 127.0.0.1 or localhost one on ::1 besides, if this machine has it. Port 0 takes a free
    one. Raises PortTaken, and ConfigError for an address that is not this machine's."""
    if host not in DEFAULT_HOSTS:
        return [_listener(host, port)]
    for _ in range(FREE_PORT_TRIES if port == 0 else 1):
        first = _listener("127.0.0.1", port)
        try:
            return [first, _listener("::1", first.getsockname()[1])]
        except ConfigError:  # no IPv6 here
            return [first]
        except PortTaken as error:  # somebody else has it on ::1: of free ports there are more
            first.close()
            taken = error
    raise taken


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        # The protocol is named, else uvicorn sets no TCP_NODELAY and each answer takes 40 ms.
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host[:80]}: {error.strerror}", "see [server] host") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"port {port} of {host} is in use", "choose another with --port") from error
        if error.errno == errno.EACCES:
            raise ConfigError(f"port {port} needs more rights", "choose one above 1023 with --port") from error
        raise ConfigError(f"cannot listen on {host[:80]}: {error.strerror}", "see [server] host") from error
    return listener


class Server:
    """Serves an application on bound sockets: `start`, then `stop`."""

    def __init__(self, app: Starlette, sockets: list[socket.socket]) -> None:
        self._app = app
        self._sockets = sockets
        config = uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
        )
        self._uvicorn = _Uvicorn(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        number: int = self._sockets[0].getsockname()[1]
        return number

    async def start(self) -> None:
        """Returns when requests are answered."""
        self._task = asyncio.create_task(self._uvicorn.serve(self._sockets), name="http")
        while not self._uvicorn.started and not self._task.done():
            await asyncio.sleep(0)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Streams end, requests under way get three seconds, then the sockets are closed."""
        self._app.state.streams.stop()
        self._uvicorn.should_exit = True
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task
        for listener in self._sockets:
            listener.close()


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves the signals alone."""
        yield
