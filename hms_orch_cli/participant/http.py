"""The services that steps call, over HTTP: implements `ports.Participants`.

Here is what holds for every request whatever carries it: where it goes, the fresh token, one total time for an
attempt, and that nothing a participant or a network does is raised. The number of calls at a time is bounded by the
orchestrator, not here.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from hms_orch_cli.errors import HmsError
from hms_orch_cli.participant.address_book import AddressBook
from hms_orch_cli.participant.outgoing import Outgoing, Refused, has_own_authorization, outgoing, refusal
from hms_orch_cli.participant.resolver import Resolver
from hms_orch_cli.ports.participants import CallRequest, Claims, Signer
from hms_orch_cli.saga.outcome import Answer


class Transport(Protocol):
    """What carries a request."""

    async def send(self, request: Outgoing, timeout: float) -> Answer:
        """Makes the request, `timeout` seconds in all. Never raises for what a network or a participant does."""

    async def close(self) -> None:
        """Closes the connections."""


class HttpParticipants:
    """Calls participants by way of `transport` (by default pyreqwest)."""

    def __init__(self, book: AddressBook, signer: Signer, transport: Transport | None = None) -> None:
        if transport is None:
            from hms_orch_cli.participant.reqwest import Reqwest

            transport = Reqwest()
        self._book = book
        self._signer = signer
        self._transport = transport
        self._resolver = Resolver()

    async def call(self, request: CallRequest) -> Answer:
        """Makes the request and says what happened; NOT_SENT only on proof."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + request.timeout_ms / 1_000
        try:
            target = self._book.find(request.service)
            token = None
            if not has_own_authorization(request):
                token = self._signer.token(
                    Claims(target.audience, request.saga_id, request.step, request.op, request.attempt)
                )
            ready = outgoing(target, request, token)
        except Refused as refused:
            return refusal(request, str(refused))
        except HmsError as error:
            return refusal(request, error.message)
        if target.needs_resolution and not self._resolver.knows(target.host):
            objection = await self._resolver.objection(target.host, target.port, deadline - clock())
            if objection:
                return refusal(request, objection)
        remaining = deadline - clock()
        if remaining <= 0:
            return refusal(request, "the attempt's time was over")
        return await self._transport.send(ready, remaining)

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()
