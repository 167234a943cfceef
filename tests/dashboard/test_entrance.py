"""The entrance: what is answered before there are routes, and how they come to be there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx

from hms_orch_cli.dashboard.app import App
from hms_orch_cli.dashboard.entrance import Entrance
from hms_orch_cli.dashboard.plain import PlainResponse
from hms_orch_cli.dashboard.problems import Bugs
from tests.dashboard.house import open_house

PATIENCE_S = 5


class Built:
    """What stands behind the entrance in these tests."""

    def __init__(self) -> None:
        self.streams = SimpleNamespace(stopped=False, stop=self._stop)

    def _stop(self) -> None:
        self.streams.stopped = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainResponse(200, b"built", {})(scope, receive, send)


@asynccontextmanager
async def asking(build: Callable[[], Any]) -> AsyncIterator[tuple[Entrance, Callable[[str], Any]]]:
    """An entrance, and a way to ask for a path."""
    entrance = Entrance(lambda: "", build)
    transport = httpx.ASGITransport(Bugs(entrance))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        asyncio.timeout(PATIENCE_S),
    ):
        yield entrance, client.get


async def test_the_routes_are_built_once_for_all_who_come_first_and_the_loop_goes_on_meanwhile() -> None:
    built, begun, go_on = [], threading.Event(), threading.Event()

    def build() -> Any:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        built.append(Built())
        return built[-1]

    async with asking(build) as (_, get):
        first = [asyncio.ensure_future(get("/v1/sagas")) for _ in range(5)]
        assert await asyncio.to_thread(begun.wait, PATIENCE_S)
        assert (await get("/healthz")).status_code == 200
        assert not any(each.done() for each in first)
        go_on.set()
        assert [each.text for each in await asyncio.gather(*first)] == ["built"] * 5
        assert (await get("/v1/sagas")).text == "built"
    assert len(built) == 1


async def test_routes_that_cannot_be_built_are_tried_again_by_the_next() -> None:
    tried: list[None] = []

    def build() -> Any:
        tried.append(None)
        if len(tried) == 1:
            raise OSError("too many open files")
        return Built()

    async with asking(build) as (_, get):
        assert (await get("/")).status_code == 500
        assert (await get("/")).text == "built"


async def test_a_stop_ends_the_streams_of_routes_that_are_still_being_built() -> None:
    go_on = threading.Event()

    def build() -> Any:
        assert go_on.wait(PATIENCE_S)
        return Built()

    async with asking(build) as (entrance, get):
        first = asyncio.ensure_future(get("/live"))
        await get("/healthz")
        entrance.stop()
        go_on.set()
        await first
        assert (await entrance.routes()).streams.stopped  # type: ignore[attr-defined]


async def test_the_office_is_opened_by_the_first_who_asks_for_more() -> None:
    async with open_house() as house:
        opened: list[None] = []

        def open_office() -> Any:
            opened.append(None)
            return house.office

        app = App(house.orchestrator, open_office)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:7600") as client:
            assert (await client.get("/readyz")).json() == {"ready": True}
            assert (await client.post("/readyz")).status_code == 405
            assert not opened
            assert (await client.get("/v1/sagas")).json() == {"sagas": []}
            assert (await client.get("/v1/sagas/x")).status_code == 404
        assert len(opened) == 1


WITHOUT_A_FRAMEWORK = """
import asyncio, sys
from types import SimpleNamespace
from hms_orch_cli.config.tokens import Tokens
from hms_orch_cli.dashboard.app import App
from hms_orch_cli.dashboard.callers import Register

said = ["starting", ""]
orchestrator = SimpleNamespace(objection=lambda: said.pop(0), clock=SimpleNamespace(now_ms=lambda: 0))
tokens = Tokens(nameless=("full",))
app = App(orchestrator, None, register=Register(lambda: tokens))
statuses = []

async def send(message):
    statuses.append(message.get("status"))

async def ask(method, path, *headers):
    headers = [(b"host", b"localhost"), *headers]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
    await app(scope, None, send)

async def main():
    await ask("GET", "/healthz")
    await ask("GET", "/readyz")
    await ask("HEAD", "/readyz")
    await ask("POST", "/readyz")
    await ask("GET", "/v1/sagas")
    await ask("GET", "/", (b"accept", b"text/html"))
    await ask("GET", "/healthz", (b"origin", b"https://evil.example"))

asyncio.run(main())
print([status for status in statuses if status], [name for name in sys.modules if name.startswith("starlette")])
"""


def test_who_watches_the_process_and_who_is_refused_is_answered_without_a_framework() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_FRAMEWORK], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[200, 503, 200, 405, 401, 303, 403] []"
