"""`verified`: the same check as a dependency of Starlette and FastAPI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from hms_orch_cli.sdk.claims import Claims
from hms_orch_cli.sdk.errors import KeysUnavailable, NotVerified
from hms_orch_cli.sdk.verifying import ISSUER, verify

if TYPE_CHECKING:
    from starlette.requests import Request


def verified(
    service: str | None = None, *, issuer: str = ISSUER, url: str | None = None
) -> Callable[[Request], Awaitable[Claims]]:
    """A dependency that gives the Claims of a request: `Depends(verified("payment-svc"))`, or in Starlette
    `await verified("payment-svc")(request)`. Without a valid token it is answered with 401, without keys with 503."""
    from starlette.exceptions import HTTPException
    from starlette.requests import Request

    async def claims_of(request: Request) -> Claims:
        try:
            return await asyncio.to_thread(verify, request, service, issuer=issuer, url=url)
        except NotVerified as error:
            raise HTTPException(error.http_status, str(error), {"WWW-Authenticate": "Bearer"}) from error
        except KeysUnavailable as error:
            raise HTTPException(error.http_status, str(error), {"Retry-After": "1"}) from error

    claims_of.__annotations__ = {"request": Request, "return": Claims}  # FastAPI reads them, and cannot see this scope
    return claims_of
