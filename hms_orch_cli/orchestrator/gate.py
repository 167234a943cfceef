"""The bound on calls: so many in total, so many for each participant. What finds no room waits in line."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count


class Gate:
    """Places for calls. A place is taken before the intent of a call is recorded and given back after its answer, so
    that what is recorded as begun is really on its way."""

    def __init__(self, total: int, per_service: int) -> None:
        self.on_room: Callable[[], None] = _nobody_asks
        self.total = total
        self._per_service = per_service
        self._taken = 0
        self._by_service: dict[str, int] = {}
        self._lines: dict[str, deque[tuple[int, Callable[[], None]]]] = {}
        self._numbers = count()

    @property
    def has_room(self) -> bool:
        """Whether new work should be let in: a place is free, and the lines (one slow participant makes one) are not
        long themselves."""
        return self._taken < self.total and self.in_line < self.total

    @property
    def in_line(self) -> int:
        """Calls that wait for a place."""
        return sum(map(len, self._lines.values()))

    @property
    def taken(self) -> int:
        """Calls that hold a place."""
        return self._taken

    def enter(self, service: str) -> bool:
        """Takes a place if there is one."""
        if not self._fits(service):
            return False
        self._taken += 1
        self._by_service[service] = self._by_service.get(service, 0) + 1
        return True

    def wait(self, service: str, admit: Callable[[], None]) -> None:
        """Stands in line: `admit` is called once, with a place already taken for it."""
        self._lines.setdefault(service, deque()).append((next(self._numbers), admit))

    def leave(self, service: str) -> None:
        """Gives a place back, to the first in line who fits."""
        self._taken -= 1
        left = self._by_service[service] - 1
        if left:
            self._by_service[service] = left
        else:
            del self._by_service[service]
        if self._lines:
            self._admit()
        self.on_room()

    def _admit(self) -> None:
        """Lets in whoever fits, those first who have waited longest, whatever their service."""
        while fitting := [service for service in self._lines if self._fits(service)]:
            service = min(fitting, key=lambda service: self._lines[service][0][0])
            _, admit = self._lines[service].popleft()
            if not self._lines[service]:
                del self._lines[service]
            self.enter(service)
            admit()

    def _fits(self, service: str) -> bool:
        return self._taken < self.total and self._by_service.get(service, 0) < self._per_service


def _nobody_asks() -> None:
    """Until a dispatcher wants to know of room."""
