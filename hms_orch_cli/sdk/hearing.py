"""Starts every subscriber that `on` has noted: in a loop that is there (`listening`), or in one of its own (`run`)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from hms_orch_cli.sdk.errors import SdkError
from hms_orch_cli.sdk.follower import Follower
from hms_orch_cli.sdk.server import server
from hms_orch_cli.sdk.subscribers import HEARING, SUBSCRIBERS


@asynccontextmanager
async def listening(app: object = None, *, url: str | None = None, token: str | None = None) -> AsyncIterator[None]:
    """Hears within an `async with` statement. At its end what is being handled gets a few seconds; what was not
    finished is heard again next time. It takes an `app` so that it can be the lifespan of a Starlette or FastAPI
    application: `FastAPI(lifespan=listening)`."""
    del app
    where = server(url, token)
    followers = [Follower(subscriber, where) for subscriber in SUBSCRIBERS.values()]
    HEARING.append(followers)
    for follower in followers:
        follower.start()
    try:
        yield
    finally:
        HEARING.remove(followers)
        await asyncio.gather(*(follower.stop() for follower in followers))


def run(*, url: str | None = None, token: str | None = None) -> None:
    """Hears until SIGINT or SIGTERM. Raises SdkError if there is nothing to hear."""
    if not SUBSCRIBERS:
        raise SdkError("nobody hears anything: decorate a function with on() first, or import the module that does")
    with suppress(KeyboardInterrupt):  # where a loop takes no signals
        asyncio.run(_run(url, token))


async def _run(url: str | None, token: str | None) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, ValueError, RuntimeError):  # not on Windows, not off the main thread
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, told.set)
    async with listening(url=url, token=token):
        await told.wait()
