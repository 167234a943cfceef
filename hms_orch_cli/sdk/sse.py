"""A stream of server-sent events, as its bytes come in."""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """One message; without data it only says how far the sender has looked."""

    id: str
    data: str


class Messages:
    """Puts messages together. Lines end with a new line and nothing else: JSON may hold the other separators."""

    def __init__(self) -> None:
        self._rest = b""
        self._id = ""
        self._data: list[str] = []

    def feed(self, received: bytes) -> list[Message]:
        """The messages that end within these bytes."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        return [message for line in lines if (message := self._line(line.removesuffix(b"\r").decode()))]

    def _line(self, line: str) -> Message | None:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                self._data.append(value)
            elif name == "id":
                self._id = value
            return None
        message = Message(self._id, "\n".join(self._data))
        self._data = []
        return message
