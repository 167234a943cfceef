"""Looks at the addresses behind a host name before a call goes there.

The HTTP client resolves again when it connects, and offers no hook for that: within the window between the two a name
server could answer differently. Only names out of the operator's own config and saga files are looked up, so this
guards against a name that points to the metadata service, not against a hostile name server of the operator's own.
"""

from __future__ import annotations

import asyncio
import socket
import time
from ipaddress import ip_address
from typing import Final

from hms_orch_cli.participant.forbidden import is_forbidden_address

_BOUND: Final = 1_000
"""Names remembered; saga files name a handful."""
GOOD_FOR_S: Final = 10
"""How long an answer is believed; a name that is called often is asked for this often."""


class Resolver:
    """A small cache of host names found good. Only good answers are kept."""

    def __init__(self) -> None:
        self._good_until: dict[str, float] = {}

    def knows(self, host: str) -> bool:
        """Whether the host was found good a moment ago: the check that costs nothing."""
        until = self._good_until.get(host)
        return until is not None and time.monotonic() < until

    async def objection(self, host: str, port: int, timeout: float) -> str:
        """Why no call may go to `host`, empty if one may. Nothing has been sent in either case."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError:
            return f"the name {host} was not resolved in time"
        except (OSError, UnicodeError) as error:
            return f"the name {host} does not resolve: {getattr(error, 'strerror', None) or error}"
        for *_, address in found:
            if is_forbidden_address(ip_address(str(address[0]).partition("%")[0])):
                return f"the name {host} leads to {address[0]}, a link-local or metadata address; such are refused"
        if len(self._good_until) >= _BOUND:
            self._good_until.clear()
        self._good_until[host] = time.monotonic() + GOOD_FOR_S
        return ""
