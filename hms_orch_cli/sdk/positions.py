"""How far each subscriber has come, kept over restarts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from hms_orch_cli.sdk.errors import SdkError


class Positions(Protocol):
    """Where positions are kept. Called from worker threads, by one subscriber at a time for its own name."""

    def load(self, subscriber: str) -> int | None:
        """The position that was saved last, None for a subscriber that is new."""

    def save(self, subscriber: str, position: int) -> None:
        """Returns once it is durable."""


class FilePositions:
    """One small file for each subscriber, in a folder that is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, subscriber: str) -> int | None:
        """See Positions. Raises SdkError for a file that holds something else."""
        path = self._folder / subscriber
        try:
            text = path.read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            return None
        if not (text.isascii() and text.isdigit()):
            raise SdkError(f"{path} holds no position; delete it, and {subscriber} begins anew")
        return int(text)

    def save(self, subscriber: str, position: int) -> None:
        """See Positions. The file is whole at any moment."""
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{subscriber}.new"
        with draft.open("w", encoding="ascii") as file:
            file.write(f"{position}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / subscriber)
