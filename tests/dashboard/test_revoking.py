"""A running server follows its tokens: what the file says holds from the next request on, and never opens a door."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hms_orch_cli.config import load, tokens_now
from hms_orch_cli.config.tokens import hash_of
from hms_orch_cli.config.tokens_now import TokensNow
from hms_orch_cli.dashboard import streams
from hms_orch_cli.dashboard.serve import bind
from tests.dashboard.house import House, event, open_house
from tests.dashboard.test_access import FREE

LOCAL = "of the lock file"
ROLES = {"ann": "operator", "vi": "viewer", "billing": "publisher"}
HERE = {"origin": "http://localhost:7600"}


def table(**roles: str) -> str:
    """The file with a token for each name; what a name's owner sends is `of NAME`."""
    lines = (f'{name} = {{ role = "{role}", hash = "{hash_of(f"of {name}")}" }}\n' for name, role in roles.items())
    return "[tokens]\n" + "".join(lines)


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer of {name}"}


@asynccontextmanager
async def following(file: Path, environ: dict[str, str] | None = None, host: str = "0.0.0.0") -> AsyncIterator[House]:
    """A server that others reach, and that follows this file."""
    now = TokensNow(load(file.parent, environ or {}))
    async with open_house(host=host, tokens_now=now, local=LOCAL) as house:
        yield house


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """With a token for each role."""
    path = tmp_path / "hms-orch.toml"
    path.write_text(table(**ROLES))
    return path


async def status(house: House, name: str, path: str = "/v1/sagas") -> int:
    return (await house.client.get(path, headers=bearer(name))).status_code


async def test_the_next_request_sees_what_has_changed(file: Path) -> None:
    async with following(file) as house:
        assert [await status(house, name) for name in ("ann", "vi", "eve")] == [200, 200, 401]
        file.write_text(table(vi="viewer", eve="viewer"))
        assert [await status(house, name) for name in ("ann", "vi", "eve")] == [401, 200, 200]
        file.write_text(table(vi="publisher"))
        assert [await status(house, name) for name in ("ann", "vi", "eve")] == [401, 403, 401]
        assert (await house.client.post("/v1/events", json=event(), headers=bearer("vi"))).status_code == 202


async def test_what_was_just_written_is_read_again_though_it_looks_the_same(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within one tick of the file system's clock two contents of one length cannot be told apart."""
    written_at = time.time_ns()
    monkeypatch.setattr(TokensNow, "_look", lambda _: (written_at, 0, 0, 0, 0))
    monkeypatch.setattr(tokens_now, "TICK_NS", 3_600_000_000_000)
    async with following(file) as house:
        for name, other in (("ann", "eve"), ("eve", "ann")) * 3:
            file.write_text(table(**{name: "viewer"}))
            assert [await status(house, each) for each in (name, other)] == [200, 401]


async def test_a_token_without_a_name_is_taken_away_too(file: Path) -> None:
    file.write_text(f'[server]\ntokens = ["of old"]\n{table(vi="viewer")}')
    async with following(file) as house:
        assert await status(house, "old") == 200
        file.write_text(table(vi="viewer"))
        assert await status(house, "old") == 401


async def test_what_the_environment_says_stays(file: Path) -> None:
    environ = {"HMS_TOKENS": json.dumps({"eve": {"role": "viewer", "hash": hash_of("of eve")}})}
    async with following(file, environ) as house:
        file.write_text("")
        assert [await status(house, name) for name in ("eve", "ann")] == [200, 401]


async def test_a_login_ends_with_its_token_and_has_its_role(file: Path) -> None:
    async with following(file) as house:
        told = {"token": "of ann", "next": "/"}
        assert (await house.client.post("/login", data=told, headers=HERE)).status_code == 303
        assert (await house.client.get("/v1/me")).json()["role"] == "operator"
        file.write_text(table(ann="viewer"))
        assert (await house.client.get("/v1/me")).json()["role"] == "viewer"
        file.write_text(table(vi="viewer"))
        sent = await house.client.get("/hitl", headers={"accept": "text/html"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/hitl")
        assert (await house.client.post("/login", data=told, headers=HERE)).status_code == 401


@asynccontextmanager
async def listening(house: House, headers: dict[str, str], path: str) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a stream, over a real connection, once it has told the first event."""
    server = bind("127.0.0.1", 0)
    await server.start(house.app)
    try:
        async with (
            asyncio.timeout(20),
            httpx.AsyncClient(base_url=server.url) as client,
            client.stream("GET", path, headers={**headers, "accept": "text/event-stream"}) as answer,
        ):
            assert answer.status_code == 200
            lines = answer.aiter_lines()
            async for line in lines:
                if line.startswith("id:"):
                    break
            yield lines
    finally:
        await server.stop()


@pytest.mark.parametrize("path", ["/v1/events", "/live"])
@pytest.mark.parametrize("after", [{"vi": "viewer"}, {"ann": "viewer"}], ids=["gone", "another role"])
async def test_an_open_stream_ends_before_the_next_event(file: Path, path: str, after: dict[str, str]) -> None:
    async with following(file) as house:
        await house.client.post("/v1/events", json=event(1), headers={"authorization": f"Bearer {LOCAL}"})
        async with listening(house, bearer("ann"), path) as lines:
            file.write_text(table(**after))
            await house.client.post("/v1/events", json=event(2), headers={"authorization": f"Bearer {LOCAL}"})
            assert not [line async for line in lines if line.startswith("id:")]
        assert house.routes.streams.open == 0


async def test_an_open_stream_without_events_ends_with_the_keep_alive(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.05)
    async with following(file) as house:
        await house.client.post("/v1/events", json=event(1), headers={"authorization": f"Bearer {LOCAL}"})
        async with listening(house, bearer("ann"), "/v1/events") as lines:
            async for line in lines:
                if line == ":":
                    break
            file.write_text(table(vi="viewer"))
            assert [line async for line in lines if line.strip(":")] == []


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
@pytest.mark.parametrize("left", ["", "[tokens]\n"])
async def test_without_the_last_token_nobody_comes_in(file: Path, host: str, left: str) -> None:
    async with following(file, host=host) as house:
        file.write_text(left)
        for headers in ({}, bearer("ann"), bearer("")):
            for method, path in house.asked():
                answer = await house.client.request(method, path, headers=headers)
                assert (answer.status_code == 401) == (path not in FREE), (method, path)
        assert (await house.client.get("/login")).status_code == 200
        assert house.store.last_seq() == 0
        assert await status(house, "the lock file") == 200
        file.write_text(table(eve="viewer"))
        assert await status(house, "eve") == 200


async def test_on_loopback_the_first_token_closes_the_door(tmp_path: Path) -> None:
    file = tmp_path / "hms-orch.toml"
    async with following(file, host="127.0.0.1") as house:
        assert (await house.client.post("/v1/events", json=event(1))).status_code == 202
        assert not (await house.client.get("/openapi.json")).json().get("security")
        async with listening(house, {}, "/v1/events") as lines:
            file.write_text(table(vi="viewer"))
            assert (await house.client.get("/v1/sagas")).status_code == 401
            await house.client.post("/v1/events", json=event(2), headers={"authorization": f"Bearer {LOCAL}"})
            assert not [line async for line in lines if line.startswith("id:")]
        assert [await status(house, name) for name in ("vi", "the lock file")] == [200, 200]
        assert (await house.client.get("/openapi.json", headers=bearer("vi"))).json()["security"]
        file.unlink()
        assert [await status(house, name) for name in ("vi", "eve")] == [200, 401]


def gone(file: Path) -> None:
    file.unlink()


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def text(content: str | bytes) -> Callable[[Path], None]:
    """What writes this."""
    return lambda file: void(file.write_bytes(content.encode() if isinstance(content, str) else content))


def void(_: Any) -> None:
    """For a lambda that has nothing to tell."""


@pytest.mark.parametrize(
    "spoil",
    [
        gone,
        a_folder,
        text("[tokens\n"),
        text(b"\xff"),
        text("tokens = 5\n"),
        text("[token]\n"),
        text("#" * (1 << 20) + "\n"),
        text('[tokens]\neve = { role = "operator" }\n'),
        text(table(eve="administrator")),
        text('[server]\ntokens = "of eve"\n'),
    ],
)
async def test_what_cannot_be_read_changes_nothing_and_is_said_once(
    file: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    now = TokensNow(load(file.parent, {}))
    async with open_house(host="0.0.0.0", tokens_now=now) as house:
        spoil(file)
        for _ in range(3):
            assert [await status(house, name) for name in ("ann", "vi", "eve")] == [200, 200, 401]
        (record,) = caplog.records
        assert (record.levelno, str(file) in record.message, "\n" in record.message) == (logging.WARNING, True, False)
        assert "sha256" not in record.message
        assert now.is_stale
        if file.is_dir():
            file.rmdir()
        file.write_text(table(eve="viewer"))
        assert [await status(house, name) for name in ("ann", "eve")] == [401, 200]
        assert not now.is_stale
        file.write_text("[tokens")
        assert [await status(house, name) for name in ("ann", "eve")] == [401, 200]
        assert len(caplog.records) == 2


async def test_a_request_costs_one_look_at_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(file, (1, 1))
    async with following(file) as house:
        await status(house, "ann")
        looks: list[Any] = []
        stat = os.stat
        monkeypatch.setattr(os, "stat", lambda path, **how: void(looks.append(path)) or stat(path, **how))
        for _ in range(5):
            assert await status(house, "ann") == 200
        assert looks == [file] * 5
