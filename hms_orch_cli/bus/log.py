"""The default bus: the log itself. What is appended is published, under its position."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

from hms_orch_cli.ports.store import Event, LogReader

LOOK_S = 0.1
"""Seconds between two looks at a log that has nothing new."""

PAGE = 500


class LogBus:
    """Follows the log from any position; nothing is lost or doubled over a restart, since the position is the
    reader's own."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader

    def events(self, after: int, types: Collection[str] = (), *, follow: bool = True) -> Iterator[Event]:
        """Events behind `after`, of these types (all if there are none); waits for more if `follow`."""
        while True:
            page = self._reader.read_all(after, PAGE)
            for event in page:
                if not types or event.type in types:
                    yield event
            if page:
                after = page[-1].seq
            elif not follow:
                return
            else:
                time.sleep(LOOK_S)
