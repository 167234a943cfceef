"""The participants of a test: one fake service on a thread of this process, so that a test can ask what it was sent."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any, Self

from tests.participant.fake_service import FakeService, Recorded, Reply

PATIENCE_S = 30


class Services:
    """Like `FakeService`, for code that is not asynchronous. A path without a script is answered 200 and `{}`."""

    def __init__(self, behave: Callable[[Recorded], Reply] | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="participants")
        self._service = FakeService(behave=behave)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._service.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._service.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return self._service.url

    @property
    def requests(self) -> list[Recorded]:
        """Everything that came, in the order in which it came."""
        return list(self._service.requests)

    def on(self, path: str, *replies: Reply) -> None:
        """Sets the answers for a path: in turn, the last one stays."""
        self._service.on(path, *replies)

    def sent(self, path: str) -> list[Recorded]:
        """The requests for one path."""
        return [request for request in self.requests if request.path.partition("?")[0] == path]

    def order(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [request.path for request in self.requests]

    def arrived(self, path: str, count: int = 1) -> None:
        """Returns once `count` requests for a path have come."""
        asyncio.run_coroutine_threadsafe(self._service.arrived(path, count), self._loop).result(PATIENCE_S)

    def release(self, gate: str) -> None:
        """Opens a gate that replies hold at."""
        self._loop.call_soon_threadsafe(self._service.release, gate)

    def before_each(self, look: Callable[[Recorded], None]) -> None:
        """`look` sees each request on the thread of the service, before it is answered."""
        self._service.requests = _Watched(look)

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)


class _Watched(list[Recorded]):
    """A list that shows each new member to somebody first."""

    def __init__(self, look: Callable[[Recorded], None]) -> None:
        super().__init__()
        self._look = look

    def append(self, request: Recorded) -> None:
        self._look(request)
        super().append(request)


def closed_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def ok(**members: Any) -> Reply:
    """200 with a JSON object."""
    return Reply(json=members)


def problem(status: int, title: str, kind: str = "about:blank", **headers: str) -> Reply:
    """A problem document (RFC 9457)."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        status,
        json={"type": kind, "title": title},
        headers={"content-type": "application/problem+json", **told},
    )
