"""What keeps a page fresh."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.reading import number
from hms_orch_cli.dashboard.streams import Streams

LIVE_S: Final = 0.5
"""Seconds between two looks whether there is something new."""


async def live(office: Office, streams: Streams, request: Request) -> Response:
    """A stream that says how far the log has grown, at most twice a second, and nothing of what is in it."""
    told = request.headers.get("last-event-id", "")
    seen = int(told) if told.isdigit() and len(told) < 19 else number(request, "after", 0, 0, (1 << 63) - 1)

    def look() -> tuple[bytes, bool]:
        nonlocal seen
        seq = office.last_seq()
        if seq == seen:
            return b"", False
        seen = seq
        return b"id: %d\ndata: %d\n\n" % (seq, seq), False

    return streams.answer(look, LIVE_S)
