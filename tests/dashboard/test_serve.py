"""Listening on real sockets."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from hms_orch_cli.dashboard.serve import UNREAD_MS, bind
from hms_orch_cli.errors import ConfigError, PortTaken
from tests.dashboard.house import House, event


def has_ipv6() -> bool:
    """Whether this machine has a loopback of version 6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def get(url: str) -> int:
    async with httpx.AsyncClient(timeout=10) as client:
        return (await client.get(url)).status_code


async def test_it_listens_on_both_loopbacks_of_one_port(house: House) -> None:
    server = bind("127.0.0.1", 0)
    await server.start(house.app)
    try:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert server.shown_url == f"http://localhost:{server.port}"
        assert await get(f"{server.url}/healthz") == 200
        if has_ipv6():
            assert await get(f"http://[::1]:{server.port}/healthz") == 200
    finally:
        await server.stop()
    with pytest.raises(httpx.ConnectError):
        await get(f"{server.url}/healthz")


@pytest.mark.parametrize("holder", ["127.0.0.1", "::1"])
def test_a_taken_port_is_named(holder: str) -> None:
    if holder == "::1" and not has_ipv6():
        pytest.skip("no IPv6 here")
    with socket.socket(socket.AF_INET6 if ":" in holder else socket.AF_INET) as other:
        other.bind((holder, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)) as caught:
            bind("127.0.0.1", port)
        assert "--port" in caught.value.hint


def test_a_closed_server_gives_its_port_back() -> None:
    first = bind("127.0.0.1", 0)
    first.close()
    second = bind("127.0.0.1", first.port)
    second.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "nothing.invalid", "x" * 300])
def test_an_address_that_is_not_ours_is_a_mistake_of_the_configuration(host: str) -> None:
    with pytest.raises(ConfigError, match="cannot listen"):
        bind(host, 0)


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:{}"), ("::1", "http://[::1]:{}"), ("127.0.0.2", "http://127.0.0.2:{}")],
)
def test_the_url_leads_to_where_it_listens(host: str, url: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("no IPv6 here")
    server = bind(host, 0)
    server.close()
    assert server.url == url.format(server.port)


def test_sockets_name_their_protocol_so_that_answers_are_not_delayed() -> None:
    server = bind("127.0.0.1", 0)
    assert {listener.proto for listener in server._sockets} == {socket.IPPROTO_TCP}
    server.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system cannot end unread connections")
def test_a_client_that_takes_nothing_is_let_go_in_the_end() -> None:
    server = bind("127.0.0.1", 0)
    try:
        with socket.create_connection(("127.0.0.1", server.port)):
            server._sockets[0].setblocking(True)
            accepted, _ = server._sockets[0].accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNREAD_MS
    finally:
        server.close()


def test_it_may_have_as_many_connections_open_as_the_system_allows() -> None:
    script = (
        "import resource as r; hard = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (256, hard));"
        "from hms_orch_cli.dashboard import serve; serve.bind('127.0.0.1', 0).close();"
        "print(r.getrlimit(r.RLIMIT_NOFILE)[0] == min(serve.FILES, hard))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


async def test_signals_are_left_alone(house: House) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    server = bind("127.0.0.1", 0)
    await server.start(house.app)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    await server.stop()


async def test_a_client_that_sends_10_mb_hears_why_it_was_refused(house: House) -> None:
    server = bind("127.0.0.1", 0)
    await server.start(house.app)
    try:
        async with httpx.AsyncClient(timeout=20) as client:
            answer = await client.post(f"{server.url}/v1/events", json=event(data="x" * 10_000_000))
            assert answer.status_code == 413
            assert (await client.post(f"{server.url}/v1/events", json=event())).status_code == 202
    finally:
        await server.stop()
    assert house.store.last_seq() == 1


async def test_a_stop_does_not_wait_for_ever_for_a_slow_body(house: House, caplog: pytest.LogCaptureFixture) -> None:
    server = bind("127.0.0.1", 0)
    await server.start(house.app)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = (
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    writer.write(head.encode())
    await writer.drain()
    await get(f"{server.url}/healthz")
    async with asyncio.timeout(20):
        await server.stop()
        answer = await reader.read()
    writer.close()
    assert b"503" in answer.splitlines()[0] and b"the server stops" in answer
    assert not [record for record in caplog.records if record.exc_info]
    assert house.store.last_seq() == 0


async def test_a_server_that_was_never_started_stops() -> None:
    await bind("127.0.0.1", 0).stop()


def test_binding_loads_no_web_framework() -> None:
    """A taken port is told before anything heavy is loaded."""
    script = (
        "import sys, hms_orch_cli.dashboard.serve; print([m for m in ('uvicorn', 'starlette') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
