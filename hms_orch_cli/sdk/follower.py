"""One subscriber at work: follows the log, calls the function, acknowledges undos, keeps the position."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from hms_orch_cli.sdk import environment
from hms_orch_cli.sdk.errors import NotMine
from hms_orch_cli.sdk.events import Event, Undo, event_of
from hms_orch_cli.sdk.positions import FilePositions
from hms_orch_cli.sdk.server import Server, ask, no_answer, pause_after, retry_after, said
from hms_orch_cli.sdk.sse import Message, Messages
from hms_orch_cli.sdk.subscribers import Subscriber

if TYPE_CHECKING:
    import httpx

GRACE_S: Final = 5.0
"""Seconds that a function under way gets at a stop."""

SKIPPED_S: Final = 10.0
"""How often a position is kept that only passes over what nobody wants."""

_log = logging.getLogger("hms_orch_cli.sdk")


class Interrupted(Exception):
    """The stream has ended and is to be opened again, at the earliest after `pause_s` seconds."""

    def __init__(self, why: str, pause_s: float = 0.0) -> None:
        super().__init__(why)
        self.pause_s = pause_s


class Follower:
    """`start`, then `stop`."""

    def __init__(self, subscriber: Subscriber, where: Server) -> None:
        self._subscriber = subscriber
        self._where = where
        self._positions = subscriber.positions or FilePositions(environment.positions())
        self._position: int | None = None
        self._kept: int | None = None
        self._kept_at = 0.0
        self._failures = 0
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to follow."""
        self._task = asyncio.create_task(self._follow(), name=f"on {self._subscriber.name}")

    async def stop(self) -> None:
        """Ends between two events, or within one that takes too long."""
        assert self._task is not None, "it was started"  # noqa: S101
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._busy.acquire()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._keep()

    async def _follow(self) -> None:
        """For ever: whatever happens is told to the log, and tried again."""
        while True:
            told = 0.0
            try:
                async with self._where.client() as client:
                    position = await self._begin(client)
                    async for message in self._messages(client, position):
                        await self._take(client, message)
            except Interrupted as interrupted:
                told = interrupted.pause_s
                _log.warning("%s: %s: %s", self._subscriber.name, self._where.url, interrupted)
            except Exception:  # noqa: BLE001  # a position that cannot be kept, an answer that cannot be read
                _log.exception("%s: %s", self._subscriber.name, self._where.url)
            await asyncio.sleep(max(pause_after(self._failures), told))
            self._failures += 1

    async def _begin(self, client: httpx.AsyncClient) -> int:
        """Where to go on. A position behind the end of the log is one of another log."""
        self._kept = await asyncio.to_thread(self._positions.load, self._subscriber.name)
        reached = max(self._kept or 0, self._position or 0)
        last = await _last(client, reached)
        if self._kept is None and self._position is None:
            self._position = reached = last if self._subscriber.start == "end" else 0
            await self._keep()
        if reached > last:
            _log.warning("%s was at %d, but the log ends at %d: it is another", self._subscriber.name, reached, last)
            reached = 0
        self._position = reached
        return reached

    async def _messages(self, client: httpx.AsyncClient, position: int) -> AsyncIterator[Message]:
        """The stream behind a position. Raises Interrupted, at its end too."""
        import httpx

        asked = client.stream(
            "GET",
            "/v1/events",
            params={"type": list(self._subscriber.kinds)},
            headers={"accept": "text/event-stream", "last-event-id": str(position)},
        )
        messages = Messages()
        try:
            async with asked as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise Interrupted(said(answer), retry_after(answer))
                self._failures = 0
                async for received in answer.aiter_bytes():
                    for message in messages.feed(received):
                        yield message
        except httpx.TransportError as error:
            raise Interrupted(no_answer(error)) from error
        raise Interrupted("the stream has ended")

    async def _take(self, client: httpx.AsyncClient, message: Message) -> None:
        """One message: afterwards the position stands behind it."""
        if not message.id:
            return
        event = event_of(message.data) if message.data else None
        wanted = event is not None and self._subscriber.wants(event)
        attempt = 1
        while True:
            async with self._busy:
                if event is None or not wanted or await self._settle(client, event, attempt):
                    self._position = int(message.id)
                    if wanted or monotonic() - self._kept_at > SKIPPED_S:
                        await self._keep()
                    return
            await asyncio.sleep(pause_after(attempt))
            attempt += 1

    async def _settle(self, client: httpx.AsyncClient, event: Event, attempt: int) -> bool:
        """Calls the function, and acknowledges an undo; whether the event is over with."""
        name = self._subscriber.name
        try:
            await self._call(event)
        except NotMine:
            return True
        except (Exception, asyncio.CancelledError):  # whatever the function raises is a reason to call it again
            if _is_ending():
                raise
            _log.exception("%s: %s, attempt %d", name, _named(event), attempt)
            if attempt == self._subscriber.attempts:
                _log.error("%s: %s is passed over", name, _named(event))
                return True
            return False
        if isinstance(event, Undo) and event.mode == "event":
            await self._acknowledge(client, event)
        return True

    async def _call(self, event: Event) -> None:
        handler = self._subscriber.handler
        if inspect.iscoroutinefunction(handler):
            await handler(event)
        elif inspect.isawaitable(made := await asyncio.to_thread(handler, event)):  # an object that is called
            await made

    async def _acknowledge(self, client: httpx.AsyncClient, undo: Undo) -> None:
        """Until the orchestrator has taken it, or says that it waits for it no more: a person was quicker, or the run
        is no more."""
        path = f"/v1/sagas/{quote(undo.saga_id, safe='')}/steps/{quote(undo.step.name, safe='')}/compensated"
        failures = 0
        while not (answer := await ask(client, path, None)).is_success and answer.status_code not in (404, 409):
            _log.error("%s: %s is done, but not acknowledged: %s", self._subscriber.name, _named(undo), said(answer))
            await asyncio.sleep(pause_after(failures))
            failures += 1

    async def _keep(self) -> None:
        """Makes the position durable."""
        if self._position is not None and self._position != self._kept:
            await asyncio.to_thread(self._positions.save, self._subscriber.name, self._position)
            self._kept, self._kept_at = self._position, monotonic()


async def _last(client: httpx.AsyncClient, after: int) -> int:
    """The last position of the log, asked for with as little of it as can be. Raises Interrupted."""
    import httpx

    try:
        answer = await client.get("/v1/events", params={"after": after, "limit": 1})
    except httpx.TransportError as error:
        raise Interrupted(no_answer(error)) from error
    if answer.status_code != 200:
        raise Interrupted(said(answer), retry_after(answer))
    try:
        return int(answer.json()["last"])
    except (ValueError, KeyError, TypeError) as error:
        raise Interrupted("this is no orchestrator: it tells no position") from error


def _is_ending() -> bool:
    """Whether it is this task that is cancelled, and not something that the function has waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _named(event: Event) -> str:
    return f"{event.type} {event.id!r} at {event.seq}"
