"""Tells somebody of every new item in the HITL queue: a POST of its event to `[hitl] webhook`.

At least once, in the order of the log: how far it has come is a mark beside the derived tables, so what was queued
while the receiver was away, or nobody was up, is told later. Who receives it tells doubles by the event's id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import orjson

from hms_orch_cli.ports.store import Event, LogReader
from hms_orch_cli.saga.event_types import TYPES
from hms_orch_cli.saga.events import Queued

if TYPE_CHECKING:
    import httpx

    from hms_orch_cli.saga.events import RunFact
    from hms_orch_cli.saga.state import Run

TYPE: Final = TYPES[Queued]
PAGE: Final = 100
ATTEMPT_S: Final = 10.0
"""Seconds that one POST may take in all."""

PAUSES_S: Final = (1, 2, 5, 15, 60)
"""Pauses between attempts; the last one holds from there on, while the receiver is away."""

_log = logging.getLogger(__name__)


class Webhook:
    """Follows the log from `position`. `moved` hears how far it has come; a restart begins there."""

    def __init__(self, url: str, reader: LogReader, position: int, moved: Callable[[int], None]) -> None:
        self._url = url
        self._host = urlsplit(url).hostname or ""
        self._reader = reader
        self._position = position
        self._moved = moved
        self._look = asyncio.Event()
        self._look.set()
        self._work: asyncio.Task[None] | None = None
        self.failures = 0

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """See `ports.Observer`."""
        if any(type(fact) is Queued for fact in facts):
            self.wake()

    def wake(self) -> None:
        """There may be a new item."""
        self._look.set()

    def start(self) -> None:
        """Begins to tell. Where it begins is kept at once: what is queued before the first delivery is told too."""
        self._moved(self._position)
        self._work = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Ends; what was not told yet is told after the next start."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _follow(self) -> None:
        import httpx

        async with httpx.AsyncClient(follow_redirects=False, trust_env=False) as client:
            while True:
                await self._look.wait()
                self._look.clear()
                to = self._reader.last_seq()
                while events := self._reader.read_type(TYPE, self._position, to, PAGE):
                    for event in events:
                        await self._tell(client, event)
                        self._move(event.seq)
                self._move(to)

    def _move(self, position: int) -> None:
        if position > self._position:
            self._position = position
            self._moved(position)

    async def _tell(self, client: httpx.AsyncClient, event: Event) -> None:
        """Until somebody has taken it."""
        attempt = 0
        while reason := await self._objection(client, event):
            self.failures += 1
            pause = PAUSES_S[min(attempt, len(PAUSES_S) - 1)]
            attempt += 1
            _log.warning("the webhook at %s did not take an item: %s; again in %d s", self._host, reason, pause)
            await asyncio.sleep(pause)

    async def _objection(self, client: httpx.AsyncClient, event: Event) -> str:
        """One POST; why it was not taken, empty if it was."""
        import httpx

        headers = {"content-type": "application/cloudevents+json", "user-agent": "hms-orch"}
        try:
            async with (
                asyncio.timeout(ATTEMPT_S),
                client.stream("POST", self._url, content=_document(event), headers=headers) as answer,
            ):
                return "" if answer.is_success else f"it answered {answer.status_code}"
        except TimeoutError:
            return f"no answer within {ATTEMPT_S:.0f} s"
        except (httpx.HTTPError, OSError) as error:
            return type(error).__name__


def _document(event: Event) -> bytes:
    """The event in the JSON event format of CloudEvents."""
    attributes = {"id": event.id, "source": event.source, "type": event.type, "time": event.time}
    data = orjson.Fragment(event.data or "null")
    return orjson.dumps({"specversion": "1.0", **attributes, "datacontenttype": "application/json", "data": data})
