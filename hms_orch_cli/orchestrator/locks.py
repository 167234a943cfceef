"""Who holds which lock, and who stands in line for it: a fold of the runs' claims, in memory.

One namespace over all definitions. First come is told by the position of the triggering event, so the line is the same
after a restart. A fence is one number over all keys: it rises from one holder to the next whatever the key.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import rfc8785

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.orchestrator.compiled import CompiledSaga
from hms_orch_cli.orchestrator.requests import start_names
from hms_orch_cli.ports.store import Event

KEY_LIMIT: Final = 1_024
"""Bytes of a key as canonical JSON."""

Grant = Callable[[str, int], None]
"""(run, fence): the lock is the run's from now on."""


class Claimed(NamedTuple):
    """What the log says of one run's claim; `fence` is 0 while it stands in line."""

    key: str
    event_seq: int
    saga_id: str
    fence: int


class Locks:
    """The locks of all runs that have not ended. `on_grant` is called when a run in line has its turn."""

    def __init__(self, on_grant: Grant) -> None:
        self._on_grant = on_grant
        self._holders: dict[str, str] = {}
        self._lines: dict[str, list[tuple[int, str]]] = {}
        self._keys: dict[str, str] = {}
        self._fence = 0

    def restore(self, claims: Iterable[Claimed], fence: int) -> None:
        """Takes over what the log says, and lets those go on who are first in line for a lock that is free. `fence` is
        the highest that was ever given."""
        self._fence = fence
        for claim in claims:
            self._keys[claim.saga_id] = claim.key
            if claim.fence:
                self._holders[claim.key] = claim.saga_id
            else:
                insort(self._lines.setdefault(claim.key, []), (claim.event_seq, claim.saga_id))
        for key in [key for key in self._lines if key not in self._holders]:
            self._next(key)

    @property
    def in_line(self) -> int:
        """Runs that stand in line."""
        return len(self._keys) - len(self._holders)

    def first_in_line(self) -> str | None:
        """Of the runs that stand in line, for whatever lock, the one whose event came first."""
        return min((line[0] for line in self._lines.values()), default=(0, None))[1]

    def holder(self, key: str) -> str:
        """The run that holds a lock, or is about to; empty if it is free."""
        return self._holders.get(key, "")

    def ask(self, key: str, event_seq: int, saga_id: str) -> int:
        """The fence if the lock is free: it is the run's then. 0 if not: the run stands in line."""
        self._keys[saga_id] = key
        if key not in self._holders:
            return self._take(key, saga_id)
        line, place = self._lines.setdefault(key, []), (event_seq, saga_id)
        if place not in line:  # a redriven run that would not wait asks again, to undo under the lock
            insort(line, place)
        return 0

    def leave(self, saga_id: str) -> None:
        """The run needs its lock, or its place in line, no more."""
        key = self._keys.pop(saga_id, None)
        if key is None:
            return
        if self._holders.get(key) == saga_id:
            del self._holders[key]
            self._next(key)
            return
        line = [place for place in self._lines.get(key, ()) if place[1] != saga_id]
        if line:
            self._lines[key] = line
        else:
            self._lines.pop(key, None)

    def _next(self, key: str) -> None:
        line = self._lines.get(key)
        if not line:
            return
        _, saga_id = line.pop(0)
        if not line:
            del self._lines[key]
        self._on_grant(saga_id, self._take(key, saga_id))

    def _take(self, key: str, saga_id: str) -> int:
        self._fence += 1
        self._holders[key] = saga_id
        return self._fence


def lock_key(compiled: CompiledSaga, saga_id: str, event: Event) -> str:
    """The key of a run's lock as canonical JSON (RFC 8785), so that 5 is not "5". Raises ExpressionError."""
    assert compiled.lock is not None, "asked for a saga with a lock only"  # noqa: S101
    value = compiled.lock.evaluate(start_names(saga_id, compiled.saga.id, event))
    if value is None:
        raise ExpressionError("the key is null", "a lock needs a value: what the event names, not what it lacks")
    try:
        key = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ExpressionError(f"the key cannot be compared: {error}") from error
    if len(key) > KEY_LIMIT:
        raise ExpressionError(f"the key has {len(key)} bytes; the limit is {KEY_LIMIT}")
    return key.decode()
