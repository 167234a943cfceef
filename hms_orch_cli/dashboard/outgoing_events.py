"""GET /v1/events: the log from a position on, page by page or as a stream."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.application.overview import event_json
from hms_orch_cli.dashboard.reading import Json, number, whole, words
from hms_orch_cli.dashboard.streams import Source, Streams

PAGE: Final = 1_000
"""Events of one answer at most."""

LOOKED_AT: Final = 5_000
"""Events looked at for one answer at most: `type` may leave out all of them, then `next` says where to go on."""

STRETCH: Final = 100
"""Events read at once."""

PAGE_BYTES: Final = 4 << 20
"""Data of one answer, about: one event more than this may come."""

STREAM_BYTES: Final = 256 << 10
"""The same of what a stream is given at once: so much waits for a client that does not read."""

SHARED: Final = 16
"""Stretches that are kept for the other streams that stand at the same place."""

LAST_SEQ: Final = (1 << 63) - 1


async def read(office: Office, streams: Streams, request: Request) -> Response:
    """Events behind `after`. A page: `next` is the `after` of the next one; the end of the log is reached when it does
    not rise; `last` is the log's last position. With `Accept: text/event-stream` a stream. `Last-Event-ID` wins over
    `after`."""
    after = number(request, "after", 0, 0, LAST_SEQ)
    kinds = frozenset(words(request, "type"))
    if (told := request.headers.get("last-event-id")) is not None:
        after = whole(told, "Last-Event-ID", 0, LAST_SEQ)
    if request.method == "GET" and "text/event-stream" in request.headers.get("accept", ""):
        return streams.answer(_source(office, after, kinds))
    limit = number(request, "limit", 100, 1, PAGE)
    events, following = _page(office, after, kinds, limit, PAGE_BYTES)
    return Json({"events": events, "next": following, "last": office.last_seq()})


def _page(office: Office, after: int, kinds: frozenset[str], limit: int, most: int) -> tuple[list[dict[str, Any]], int]:
    """Up to `limit` events of the kinds (none: all) behind `after`, of `most` bytes of data or a little more, and the
    position up to which was looked."""
    found: list[dict[str, Any]] = []
    size = 0
    end = after + LOOKED_AT
    while len(found) < limit and after < end and size < most:
        stretch = office.events(after, min(STRETCH, limit - len(found) if not kinds else STRETCH))
        for event in stretch:
            if len(found) == limit or size >= most:
                break
            after = event.seq
            if not kinds or event.type in kinds:
                found.append(event_json(event))
                size += len(event.data or "")
        if not stretch:
            break
    return found, after


def _source(office: Office, after: int, kinds: frozenset[str]) -> Source:
    """What came into the log since the last look. `id` moves on past events that are left out."""

    def look() -> tuple[bytes, bool]:
        nonlocal after
        if (head := office.last_seq()) <= after:
            return b"", False
        news, following = _stretch(office, after, kinds, head)
        more = following > after
        after = following
        return news, more

    return look


@lru_cache(maxsize=SHARED)
def _stretch(office: Office, after: int, kinds: frozenset[str], _head: int) -> tuple[bytes, int]:
    """The events behind `after` as a stream has them, and the position up to which was looked. Most streams of a server
    stand at the end of the log, so it is read and written once for all of them."""
    events, following = _page(office, after, kinds, STRETCH, STREAM_BYTES)
    parts = [b"id: %d\ndata: %s\n\n" % (event["seq"], orjson.dumps(event)) for event in events]
    if following > after and (not events or events[-1]["seq"] < following):
        parts.append(b"id: %d\n\n" % following)
    return b"".join(parts), following
