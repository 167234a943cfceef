"""The participant in miniature keeps what every participant has to keep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from hms_orch_cli.participant.example import BODY_BYTES, ExampleParticipant, Said

SHUT = Said(503, {"title": "closed"}, {"Retry-After": "1"})


@pytest.fixture
async def service() -> AsyncIterator[ExampleParticipant]:
    """One that pays and refunds at once, and does not ship."""
    script = {"/pay": Said(200, {"paid": 1}), "/refund": Said(200, {"message": "undone"}), "/ship": SHUT}
    example = ExampleParticipant(script, 0)
    await example.start()
    yield example
    await example.stop()


def envelope(op: str = "call", run: str = "r1") -> dict[str, Any]:
    return {"sagaId": run, "step": "pay", "op": op}


async def test_the_same_key_is_the_same_answer(service: ExampleParticipant) -> None:
    """Also when the undo has come in between: the first answer stands."""
    first = await service.answer("/pay", "k", envelope())
    await service.answer("/refund", "u", envelope("compensate"))
    assert await service.answer("/pay", "k", envelope()) is first


async def test_an_undo_of_a_call_never_seen_is_accepted_and_the_call_refused_after_it(
    service: ExampleParticipant,
) -> None:
    assert (await service.answer("/refund", "u", envelope("compensate"))).status == 200
    assert (await service.answer("/pay", "k", envelope())).status == 409
    assert (await service.answer("/pay", "k2", envelope(run="r2"))).status == 200


async def test_an_answer_that_says_later_is_not_kept(service: ExampleParticipant) -> None:
    assert await service.answer("/ship", "k", envelope()) is SHUT
    service._script = {"/ship": Said(200, {})}
    assert (await service.answer("/ship", "k", envelope())).status == 200


async def test_over_http_with_many_requests_on_a_connection(service: ExampleParticipant) -> None:
    async with httpx.AsyncClient(base_url=service.url) as client:
        for path, status in (("/pay?x=1", 200), ("/ship", 503), ("/nope", 404)):
            answer = await client.post(path, json=envelope(), headers={"Idempotency-Key": path})
            assert answer.status_code == status
            assert "json" in answer.headers["content-type"]
        assert answer.json()["status"] == 404
        assert (await client.post("/ship", json={})).headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"POST /pay HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /pay HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES + 1),
        b"POST /pay HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]",
        b"POST /pay HTTP/1.1\r\nContent-Length: 1\r\n\r\n{",
        b"x" * 200_000,
        b"POST /pay",
    ],
    ids=["words", "length", "long", "array", "json", "head", "cut"],
)
async def test_who_speaks_no_http_gets_no_answer(service: ExampleParticipant, sent: bytes) -> None:
    """And the others do still."""
    reader, writer = await asyncio.open_connection(*_address(service))
    writer.write(sent)
    if writer.can_write_eof():
        writer.write_eof()
    with suppress(ConnectionError):  # closed with bytes unread: a reset
        assert await reader.read() == b""
    writer.close()
    async with httpx.AsyncClient(base_url=service.url) as client:
        assert (await client.post("/pay", json=envelope())).status_code == 200


def _address(service: ExampleParticipant) -> tuple[str, int]:
    url = httpx.URL(service.url)
    assert url.port is not None
    return url.host, url.port
