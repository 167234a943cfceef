"""For Starlette and FastAPI: `verified`, the check of a token as a dependency, and `problem`, errors as answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from hms_orch_cli.sdk.claims import Claims
from hms_orch_cli.sdk.errors import KeysUnavailable, NotVerified, SdkError
from hms_orch_cli.sdk.verifying import ISSUER, verify

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_HEADERS: Final[dict[type[SdkError], dict[str, str]]] = {
    NotVerified: {"WWW-Authenticate": "Bearer"},
    KeysUnavailable: {"Retry-After": "1"},  # says that nothing was done
}


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
        except (NotVerified, KeysUnavailable) as error:
            raise HTTPException(error.http_status, str(error), _HEADERS[type(error)]) from error

    claims_of.__annotations__ = {"request": Request, "return": Claims}  # FastAPI reads them, and cannot see this scope
    return claims_of


async def problem(request: Request, error: Exception) -> Response:
    """An exception handler that answers with a problem document (RFC 9457) what the orchestrator understands: a call
    that comes after its undo is refused with 409. `FastAPI(exception_handlers={SdkError: problem})`."""
    from starlette.responses import JSONResponse

    del request
    status = error.http_status if isinstance(error, SdkError) else SdkError.http_status
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": str(error)}
    headers = _HEADERS.get(type(error)) if isinstance(error, SdkError) else None
    return JSONResponse(document, status, headers, "application/problem+json")
