"""Requests and answers in plain ASGI: with them what stands before the routes needs no framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class AskedHeaders:
    """The headers of a request, by their names in lower case."""

    def __init__(self, scope: Scope) -> None:
        self._raw: list[tuple[bytes, bytes]] = scope["headers"]

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def get(self, name: str) -> str | None:
        """The first of this name."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Every one of this name."""
        wanted = name.encode("latin-1")
        return [value.decode("latin-1") for found, value in self._raw if found == wanted]


class PlainResponse:
    """A whole answer. Headers are named in lower case, the length among them."""

    def __init__(self, status_code: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.status_code = status_code
        self.body = body
        self.headers = {"content-length": str(len(body)), **headers}

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as ASGI has them."""
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})
