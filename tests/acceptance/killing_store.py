"""A store that ends its own process, without a word, at the n-th append of new events: before or after the commit."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.ports.store import Append, Derived

When = Literal["before", "after"]


class KillingStore(SqliteStore):
    """`SqliteStore` until its n-th append (from 1); appends of derived rows alone do not count."""

    def __init__(self, path: str | Path, *, kill_at: int, when: When) -> None:
        super().__init__(path)
        self._kill_at, self._when, self._count = kill_at, when, 0

    def append(self, batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        """Appends, or dies."""
        self._count += bool(batch)
        due = bool(batch) and self._count == self._kill_at
        if due and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        results = super().append(batch, derived)
        if due:
            os.kill(os.getpid(), signal.SIGKILL)
        return results
