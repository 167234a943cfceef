"""Listening and serving. `bind` comes before anything else starts, so that a taken port fails early and cheaply."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hms_orch_cli.errors import ConfigError, PortTaken

if TYPE_CHECKING:
    import uvicorn

    from hms_orch_cli.dashboard.app import App

BACKLOG: Final = 2_048
FREE_PORT_TRIES: Final = 20

LOCAL: Final = ("127.0.0.1", "localhost")
EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104  # compared with, not listened on

LOOK_S: Final = 0.005

FILES: Final = 8_192
"""Files that the process may have open, if the system lets it: each connection is one."""

UNREAD_MS: Final = 60_000
"""After so long in which a client takes nothing of what is sent to it, its connection ends."""


def bind(host: str, port: int) -> Server:
    """A server on listening sockets: for 127.0.0.1 or localhost on ::1 besides, if this machine has it. Port 0 takes a
    free one. Raises PortTaken, and ConfigError for an address that is not this machine's."""
    _allow_files()
    return Server(_listeners(host, port), host)


class Server:
    """Bound sockets, and what is served on them: `start`, then `stop`; `close` lets go of the port in any case."""

    def __init__(self, sockets: list[socket.socket], host: str) -> None:
        self._sockets = sockets
        self._host = host
        self.port: int = sockets[0].getsockname()[1]
        self._app: App | None = None
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where programs on this machine reach it."""
        return f"http://{_authority('127.0.0.1' if self._host in (*LOCAL, *EVERYWHERE) else self._host)}:{self.port}"

    @property
    def shown_url(self) -> str:
        """The same for people."""
        return f"http://{_authority('localhost' if self._host in (*LOCAL, *EVERYWHERE) else self._host)}:{self.port}"

    async def start(self, app: App) -> None:
        """Returns when requests are answered."""
        from hms_orch_cli.dashboard.web_server import web_server

        self._app = app
        self._server = web_server(app, BACKLOG)
        self._task = asyncio.create_task(self._server.serve(self._sockets), name="http")
        while not self._server.started and not self._task.done():
            await asyncio.wait({self._task}, timeout=LOOK_S)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Streams end, requests under way get three seconds, then the port is free."""
        if self._app is not None and self._server is not None and self._task is not None:
            self._app.stop()
            self._server.should_exit = True
            with suppress(asyncio.CancelledError):
                await self._task
        self.close()

    def close(self) -> None:
        """Lets go of the port."""
        for listener in self._sockets:
            listener.close()


def _allow_files() -> None:
    """Many a shell allows 1024, which a thousand connections would use up."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # it goes on with what it has
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _authority(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _listeners(host: str, port: int) -> list[socket.socket]:
    if host not in LOCAL:
        return [_listener(host, port)]
    for _ in range(FREE_PORT_TRIES if port == 0 else 1):
        first = _listener("127.0.0.1", port)
        try:
            return [first, _listener("::1", first.getsockname()[1])]
        except ConfigError:  # no IPv6 here
            return [first]
        except PortTaken as error:  # somebody else has it on ::1; of free ports there are more
            first.close()
            taken = error
    raise taken


def _listener(host: str, port: int) -> socket.socket:
    try:
        name = host.strip("[]")
        asked = name.encode() if name.isascii() else name  # text would load the tables of IDNA
        found = socket.getaddrinfo(asked, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        # The protocol is named, else uvicorn sets no TCP_NODELAY and each answer takes 40 ms.
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no resolver can be asked for
        raise _cannot(host, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; what is accepted here inherits it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"port {port} of {host[:80]} is in use", "choose another with --port") from error
        if error.errno == errno.EACCES:
            raise ConfigError(f"port {port} needs more rights", "choose one above 1023 with --port") from error
        raise _cannot(host, error) from error
    return listener


def _cannot(host: str, error: OSError | UnicodeError) -> ConfigError:
    why = getattr(error, "strerror", None) or "it is no host name"
    return ConfigError(f"cannot listen on {host[:80]}: {why}", "choose an address of this machine with --host")
