"""Connections that are used again, over a socket that the test holds at its other end."""

import asyncio
import socket
import threading

import pytest

from hms_orch_cli.participant.plain_http import PlainHttp
from hms_orch_cli.saga.outcome import Answer, Wire
from tests.contracts.test_participants import a_call, calling

OWN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n"


@pytest.mark.parametrize("surplus", [OWN + b'"two"', b""], ids=["an answer", "the end"])
async def test_what_came_before_the_loop_has_looked_is_no_answer_to_the_next_call(surplus: bytes) -> None:
    """Between the two calls the loop gets no turn, so that only the socket knows what has come."""
    peers: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer(body: bytes) -> None:
            peers.append(door.accept()[0])
            peers[-1].recv(65_536)
            peers[-1].sendall(OWN + body)

        async with calling(PlainHttp(), f"http://127.0.0.1:{door.getsockname()[1]}") as participants:
            first = threading.Thread(target=answer, args=(b'"one"',))
            first.start()
            assert await participants.call(a_call()) == Answer(Wire.ANSWERED, 200, "one")
            first.join()
            peers[0].sendall(surplus) if surplus else peers[0].shutdown(socket.SHUT_WR)
            next_one = threading.Thread(target=answer, args=(b'"new"',))
            next_one.start()
            assert await participants.call(a_call()) == Answer(Wire.ANSWERED, 200, "new")
            await asyncio.to_thread(next_one.join)
    for peer in peers:
        peer.close()
