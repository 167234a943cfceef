"""Reading a request: its body within a bound of bytes and time, its query, its media type."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hms_orch_cli.dashboard.refusals import BadRequest, TooLarge, TooSlow, UnknownMedia
from hms_orch_cli.errors import Overloaded
from hms_orch_cli.saga.nesting import MAX_NESTING, is_too_deep

BODY_S: Final = 30.0
"""Seconds in which a whole body has to arrive."""


BEING_READ: Final = 128 << 20
"""Bytes of all bodies that are being read at a time."""


class Intake:
    """The bodies of one server that are being read: many large ones at a time do not add up to all its memory."""

    def __init__(self, limit: int = BEING_READ) -> None:
        self._limit = limit
        self.bytes = 0

    def take(self, size: int) -> None:
        """Counts a part of a body. Raises Overloaded."""
        if self.bytes + size > self._limit:
            raise Overloaded("too much is being sent at this moment", "send it again in a second")
        self.bytes += size


class Json(Response):
    """JSON by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of a value."""
        return orjson.dumps(content)


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body. Raises TooLarge as soon as it is known to be over `limit` bytes, TooSlow, UnknownMedia, and
    Overloaded if too much is being read already."""
    if (coding := request.headers.get("content-encoding", "identity")) != "identity":
        raise UnknownMedia(f"content coded as {coding[:40]!r} is not read", "send it as it is")
    told = request.headers.get("content-length", "")
    if told.isdigit() and (len(told) > 15 or int(told) > limit):
        raise TooLarge(f"the body has {told[:30]} bytes; the limit is {limit}", "send less at a time")
    intake: Intake = request.app.state.intake
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                if size + len(part) > limit:
                    raise TooLarge(f"the body is over the limit of {limit} bytes", "send less at a time")
                intake.take(len(part))
                size += len(part)
                parts.append(part)
    except TimeoutError as error:
        raise TooSlow(f"the body was not there after {BODY_S:.0f} s", "send it at once") from error
    except ClientDisconnect as error:  # nobody is left to read the answer
        raise BadRequest("the connection ended before the body was whole", "send all of it") from error
    finally:
        intake.bytes -= size
    return b"".join(parts)


def json_of(raw: bytes) -> Any:
    """The value in a body of JSON. Raises BadRequest."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}", "send JSON, as UTF-8") from error
    if is_too_deep(value):
        raise BadRequest(f"the body nests deeper than {MAX_NESTING} levels", "send a flatter value")
    return value


def media_of(request: Request) -> str:
    """The media type of the body, without parameters; empty if it is not told."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query. Raises BadRequest."""
    told = request.query_params.get(name)
    if told is None or told == "":
        return default
    return whole(told, f"the query's {name}", low, high)


def whole(told: str, what: str, low: int, high: int) -> int:
    """Text as a whole number from `low` to `high`. Raises BadRequest."""
    if told.isascii() and told.isdigit() and len(told) < 20 and low <= int(told) <= high:
        return int(told)
    raise BadRequest(f"{what} is {told[:40]!r}", f"give a whole number from {low} to {high}")


def words(request: Request, name: str) -> list[str]:
    """A list in the query: repeated, or split at commas."""
    return [word for told in request.query_params.getlist(name) for word in told.split(",") if word]


def choices(request: Request, name: str, known: Sequence[str]) -> list[str]:
    """The same, upper case, of known words. Raises BadRequest."""
    chosen = [word.upper() for word in words(request, name)]
    for word in chosen:
        if word not in known:
            raise BadRequest(f"there is no {name} {word[:40]!r}", f"one of {', '.join(known)}")
    return chosen
