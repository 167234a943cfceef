"""One connection, without a network."""

import asyncio
from typing import Any

import pytest

from hms_orch_cli.participant.answers import MAX_BODY
from hms_orch_cli.participant.plain_connection import Connection, Lost, Response
from hms_orch_cli.rehearsal.virtual_time import Agenda, Loop


class Peer:
    """A transport that notes what happens to it."""

    def __init__(self) -> None:
        self.written = b""
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.is_aborted = True


def connected() -> tuple[Connection, Any]:
    connection, peer = Connection(), Peer()
    connection.connection_made(peer)  # type: ignore[arg-type]
    return connection, peer


async def test_bytes_before_any_request_end_the_connection() -> None:
    connection, peer = connected()
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    assert peer.is_aborted and not connection.is_free


async def test_an_answer_may_come_in_any_pieces() -> None:
    loop = asyncio.get_running_loop()
    whole = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nRetry-After: 5\r\ntransfer-encoding: chunked\r\n\r\n"
    whole += b"3\r\nabc\r\n2\r\nde\r\n0\r\ntrailer: x\r\n\r\n"
    connection, peer = connected()
    for size in range(1, len(whole) + 1):
        answer = connection.send(b"x", loop.time() + 60, loop)
        for at in range(0, len(whole), size):
            assert not answer.done()
            connection.data_received(whole[at : at + size])
        assert answer.result() == Response(200, {b"retry-after": "5"}, b"abcde")
        assert connection.is_free and not peer.is_aborted


async def test_a_server_that_closes_ends_the_reuse() -> None:
    loop = asyncio.get_running_loop()
    connection, peer = connected()
    answer = connection.send(b"x", loop.time() + 60, loop)
    connection.data_received(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    assert answer.result().status == 200  # type: ignore[union-attr]
    assert peer.is_aborted and not connection.is_free


async def test_one_byte_chunks_without_end_are_stopped() -> None:
    loop = asyncio.get_running_loop()
    connection, peer = connected()
    answer = connection.send(b"x", loop.time() + 60, loop)
    connection.data_received(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(1_000):
        connection.data_received(b"1;" + b"x" * 10_000 + b"\r\na\r\n")
        if answer.done():
            break
    assert answer.result() == Lost("body over 1 MiB") and peer.is_aborted


@pytest.mark.parametrize(("first_s", "second_s"), [(60, 5), (5, 60)], ids=["an earlier one", "a later one"])
def test_a_request_has_its_own_deadline_whatever_the_one_before_it_had(first_s: int, second_s: int) -> None:
    agenda = Agenda()
    loop: Any = Loop(agenda)
    connection, peer = connected()
    connection.send(b"x", loop.time() + first_s, loop)
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    agenda.run(1, 100)
    answer = connection.send(b"x", loop.time() + second_s, loop)
    agenda.run(second_s + 0.9, 100)
    assert not answer.done()
    agenda.run(second_s + 1, 100)
    assert answer.result() == Lost("no whole answer within the attempt's time") and peer.is_aborted


def test_a_connection_that_waits_for_its_next_request_is_not_ended_by_the_time_of_the_last() -> None:
    agenda = Agenda()
    loop: Any = Loop(agenda)
    connection, peer = connected()
    connection.send(b"x", loop.time() + 5, loop)
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    agenda.run(10, 100)
    assert connection.is_free and not peer.is_aborted


async def test_interim_answers_are_counted() -> None:
    loop = asyncio.get_running_loop()
    connection, _ = connected()
    answer = connection.send(b"x", loop.time() + 60, loop)
    for _ in range(17):
        connection.data_received(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    assert isinstance(answer.result(), Lost)


async def test_a_cancelled_wait_does_not_break_the_connection_for_the_loop() -> None:
    loop = asyncio.get_running_loop()
    connection, peer = connected()
    answer = connection.send(b"x", loop.time() + 60, loop)
    answer.cancel()
    connection.close()
    connection.connection_lost(None)
    assert peer.is_aborted


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [(b"1;x=", b"x" * 10_000), (b"0\r\nx-a: ", b"b" * 10_000), (b"0\r\n", b"x-a: b\r\n" * 1_000)],
    ids=["extension", "trailer", "trailers"],
)
async def test_what_is_around_a_body_does_not_go_on_for_ever(begins: bytes, goes_on: bytes) -> None:
    loop = asyncio.get_running_loop()
    connection, peer = connected()
    answer = connection.send(b"x", loop.time() + 60, loop)
    connection.data_received(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + begins)
    for _ in range(3 * MAX_BODY // len(goes_on)):
        if answer.done():
            break
        connection.data_received(goes_on)
    assert answer.result() == Lost("body over 1 MiB") and peer.is_aborted


async def test_a_status_below_100_is_an_answer_and_none_to_wait_behind() -> None:
    loop = asyncio.get_running_loop()
    connection, _ = connected()
    answer = connection.send(b"x", loop.time() + 60, loop)
    connection.data_received(b"HTTP/1.1 000 Zero\r\ncontent-length: 0\r\n\r\n")
    assert answer.result() == Response(0, {}, b"")


async def test_a_switch_of_protocols_is_told_in_words() -> None:
    loop = asyncio.get_running_loop()
    connection, peer = connected()
    answer = connection.send(b"x", loop.time() + 60, loop)
    connection.data_received(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")
    assert answer.result() == Lost("the answer switched protocols") and peer.is_aborted
