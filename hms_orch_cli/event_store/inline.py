"""A journal without a thread, for whoever drives the loop himself (saga tests): each append is committed before it
returns."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping, Sequence

from hms_orch_cli.ports.store import Append, Derived, EventStore, NewEvent, RunRow, Together


class Settled:
    """An awaitable that has its value already: awaiting it needs no event loop."""

    __slots__ = ("_value",)

    def __init__(self, value: int) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, int]:
        yield from ()
        return self._value


class InlineJournal:
    """Journal over a store, in the caller's own thread. Errors are raised by the call itself."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._derived: Derived | None = None

    def append(self, stream: str, events: Sequence[NewEvent], expected_version: int) -> Awaitable[int]:
        """See `ports.Journal.append`."""
        return self._append(Append(stream, events, expected_version))

    def append_together(self, members: Sequence[Append]) -> Awaitable[int]:
        """See `ports.Journal.append_together`."""
        return self._append(Together(members))

    def _append(self, member: Append | Together) -> Awaitable[int]:
        (result,) = self._store.append([member], self._derived)
        self._derived = None
        if isinstance(result, Exception):
            raise result
        return Settled(result)

    @property
    def is_full(self) -> bool:
        """See `ports.Journal.is_full`: nothing is ever on its way."""
        return False

    async def room(self) -> None:
        """See `ports.Journal.room`: there always is."""

    def derive(self, derived: Derived) -> None:
        """See `ports.Journal.derive`. Written with the next append, or by `close`."""
        if derived.folded_to is None:
            derived = derived._replace(folded_to=self._store.last_seq())
        self._derived = merged(self._derived, derived)

    def close(self) -> None:
        """Writes what derived rows still wait. The store stays open."""
        if self._derived is not None:
            self._store.append([], self._derived)
            self._derived = None


def merged(earlier: Derived | None, later: Derived) -> Derived:
    """Both writes as one: what is later wins."""
    if earlier is None:
        return later
    runs: dict[str, RunRow] = {row.saga_id: row for row in earlier.runs}
    runs.update((row.saga_id, row) for row in later.runs)
    marks: Mapping[str, str] = {**earlier.marks, **later.marks}
    return Derived(tuple(runs.values()), marks, later.folded_to)
