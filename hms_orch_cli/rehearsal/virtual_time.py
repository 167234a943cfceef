"""Virtual time: an asyncio event loop that never sleeps.

There is one agenda, and it is the time. Each process has a loop of its own over it, so that its end is one assignment:
from then on nothing that belongs to the dead loop is run. What belongs to no loop is the world outside. Time stands
still while anything is ready, callbacks are run in the order in which they were asked for, and timers of one moment in
the order in which they were set: the same things happen in the same order each time.
"""

from __future__ import annotations

import asyncio
from asyncio import _set_running_loop
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _EventLoop = Any  # it has some fifty verbs, of which asyncio itself needs the few below
else:
    _EventLoop = asyncio.AbstractEventLoop


class PowerCut(BaseException):
    """The process ends in the middle of what it does: its loop is dead. Nothing catches it but the agenda."""


class Endless(Exception):
    """More happens than can be explained."""


class Handle:
    """Something to be called, now or at a time; the part of `asyncio.TimerHandle` that is used."""

    __slots__ = ("_args", "_callback", "_cancelled", "_loop", "_when")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], loop: Loop | None, when: float) -> None:
        self._callback = callback
        self._args = args
        self._loop = loop
        self._when = when
        self._cancelled = False

    def cancel(self) -> None:
        """It is not called any more."""
        self._cancelled = True

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled

    def when(self) -> float:
        """Its time, in seconds of the agenda."""
        return self._when


class Agenda:
    """What is to happen, in order. `now` is in seconds, from 0."""

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        self.halted = False
        """nothing is called any more: something was found"""
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[float, int, Handle]] = []
        self._count = 0

    def soon(self, callback: Callable[..., object], *args: Any, loop: Loop | None = None) -> Handle:
        """Calls it next."""
        handle = Handle(callback, args, loop, self.now)
        self._ready.append(handle)
        return handle

    def at(self, when: float, callback: Callable[..., object], *args: Any, loop: Loop | None = None) -> Handle:
        """Calls it at a time."""
        when = max(when, self.now)
        handle = Handle(callback, args, loop, when)
        self._count += 1
        heappush(self._timers, (when, self._count, handle))
        return handle

    def after(self, delay: float, callback: Callable[..., object], *args: Any, loop: Loop | None = None) -> Handle:
        """Calls it later."""
        return self.at(self.now + delay, callback, *args, loop=loop)

    def run(self, until: float, most: int, is_over: Callable[[], bool] | None = None) -> bool:
        """Lets everything happen up to a time; True if nothing is left to happen. Raises Endless after `most` steps
        in all. `is_over` is asked whenever time would go on, and may say that nothing of interest is left."""
        ready, timers = self._ready, self._timers
        running: Loop | None = None
        try:
            while True:
                while ready:
                    handle = ready.popleft()
                    loop = handle._loop
                    if handle._cancelled or (loop is not None and loop.dead):
                        continue
                    self.steps += 1
                    if self.steps > most:
                        raise Endless(f"after {most} steps it still goes on")
                    if loop is not running:
                        _set_running_loop(loop)
                        running = loop
                    try:
                        handle._callback(*handle._args)
                    except PowerCut:
                        if loop is None or not loop.dead:
                            raise
                    except Exception as error:
                        if loop is None:
                            raise
                        loop.problems.append(error)
                    if self.halted:
                        return False
                if not timers or (is_over is not None and is_over()):
                    return True
                if timers[0][0] > until:
                    self.now = until
                    return False
                when, _, handle = heappop(timers)
                loop = handle._loop
                if not handle._cancelled and not (loop is not None and loop.dead):
                    self.now = when
                    ready.append(handle)
        finally:
            _set_running_loop(None)


class Loop(_EventLoop):  # type: ignore[misc]  # of Any, see above
    """The event loop of one process. `problems` are what its callbacks raised and nobody caught."""

    def __init__(self, agenda: Agenda) -> None:
        self.agenda = agenda
        self.dead = False
        self.problems: list[BaseException] = []
        self._tasks: list[asyncio.Task[Any]] = []

    def kill(self) -> None:
        """The process is gone: nothing of it is run any more."""
        if self.dead:
            return
        self.dead = True
        current = asyncio.current_task(self)
        running = asyncio._get_running_loop()
        _set_running_loop(self)  # what its coroutines still do while they are thrown away leads nowhere
        for task in self._tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            if task is not current and not task.done():
                with suppress(Exception, PowerCut):
                    task.get_coro().close()
        self._tasks.clear()
        _set_running_loop(running)

    # -- what asyncio asks of a loop

    def time(self) -> float:
        return self.agenda.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        handle = Handle(callback, args, self, self.agenda.now)
        self.agenda._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        return self.agenda.at(when, callback, *args, loop=self)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        return self.agenda.at(self.agenda.now + delay, callback, *args, loop=self)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: Any = None, context: Any = None) -> Any:
        task = asyncio.Task(coro, loop=self)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.dead:
            self.problems.append(context.get("exception") or RuntimeError(context.get("message")))
