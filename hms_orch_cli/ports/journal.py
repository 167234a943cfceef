"""The orchestrator's way into the log."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hms_orch_cli.ports.store import Append, Derived, NewEvent


class Journal(Protocol):
    """The orchestrator's way into the log: the appends of many runs share a commit."""

    def append(self, stream: str, events: Sequence[NewEvent], expected_version: int) -> Awaitable[int]:
        """The seq of the last event, once durable. Raises as `EventStore.append` does; the order of calls is the
        order in the log."""

    def append_together(self, members: Sequence[Append]) -> Awaitable[int]:
        """The same for several streams, all or none: the seq of the very last event."""

    @property
    def is_full(self) -> bool:
        """Whether so much is on its way into the log that nothing more should be taken from outside."""

    async def room(self) -> None:
        """Ends when not too much is on its way into the log: to be awaited before something is begun that nobody waits
        for, so that a hundred thousand runs that could move at once move one after another."""

    def derive(self, derived: Derived) -> None:
        """Writes derived rows along with a coming commit; they never get ahead of the events appended before."""
