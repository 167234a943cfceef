"""The services that steps call, and what proves to them who calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from hms_orch_cli.saga.outcome import Answer, Op


class CallRequest(NamedTuple):
    """One HTTP request to a participant, with every expression filled in.

    `body` is the JSON text to send, None for none. `headers` are the file's own and the HMS-* ones; the adapter adds
    Authorization, Idempotency-Key, traceparent, Content-Type. `timeout_ms` is the total for this attempt. `url` is
    set for a poll: an absolute URL, followed only on the service's own origin.
    """

    saga_id: str
    step: str
    op: Op
    attempt: int
    key: str
    service: str
    method: str
    path: str
    timeout_ms: int
    body: bytes | None = None
    query: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    purpose: Literal["send", "poll", "check"] = "send"
    url: str | None = None


class Participants(Protocol):
    """The services that steps call."""

    async def call(self, request: CallRequest) -> Answer:
        """Makes the request, bounded in time and size, and says what happened. Never raises for what a participant
        or a network does."""

    async def close(self) -> None:
        """Closes the connections."""


class Claims(NamedTuple):
    """What a token says (SPEC section 3)."""

    audience: str
    saga_id: str
    step: str
    op: str
    attempt: int


class Signer(Protocol):
    """Short-lived tokens for participants."""

    def token(self, claims: Claims) -> str:
        """A signed JWT, fresh for this attempt."""

    def jwks(self) -> dict[str, Any]:
        """The public keys, as a JWK set."""
