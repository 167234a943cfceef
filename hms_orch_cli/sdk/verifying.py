"""`verify`: whether a request comes from the orchestrator, and for which attempt."""

from __future__ import annotations

from typing import Any, Final

from hms_orch_cli.sdk import environment
from hms_orch_cli.sdk.claims import Claims
from hms_orch_cli.sdk.errors import NotVerified, SdkError
from hms_orch_cli.sdk.keyset import keyset
from hms_orch_cli.sdk.server import server

ISSUER: Final = "hms-orch"
ALGORITHM: Final = "ES256"
LEEWAY_S: Final = 10
"""Seconds by which two clocks may differ."""


def verify(request: Any, service: str | None = None, *, issuer: str = ISSUER, url: str | None = None) -> Claims:
    """What the token of a request says, if it is the orchestrator's, for this service, and of this minute.

    `request` is whatever has `headers` (of Starlette, Flask, Django, http.server, …), the headers themselves, or the
    text of `Authorization`. `service` is this service's name in the address book or its `audience` there, by default
    HMS_SERVICE; `url` where the orchestrator's keys are, by default HMS_URL. The keys are fetched at the first token
    (which takes a moment), and kept. Raises NotVerified (answer 401) and KeysUnavailable (answer 503).
    """
    audience = service or environment.service()
    if not audience:
        raise SdkError('whose tokens are these? Say verify(request, "payment-svc"), or set HMS_SERVICE')
    return _claims(_token(request), audience, issuer, server(url).url)


def _token(request: Any) -> str:
    told = request
    if not isinstance(told, str):
        headers = getattr(request, "headers", request)
        # A mapping of a framework knows both spellings, a plain dict only one.
        told = headers.get("Authorization") or headers.get("authorization") if hasattr(headers, "get") else None
    scheme, _, token = (told or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotVerified("the request has no Authorization: Bearer")
    return token.strip()


def _claims(token: str, audience: str, issuer: str, url: str) -> Claims:
    import jwt

    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError) as error:
        raise NotVerified(f"the token cannot be read: {error}") from error
    key = keyset(url).key(kid) if isinstance(kid, str) else None
    if key is None:
        raise NotVerified("the token is signed with a key that the orchestrator does not have")
    try:
        told = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": ["iss", "aud", "sub", "iat", "exp", "jti"], "strict_aud": True},
        )
        return Claims(*(told[name] for name in ("sub", "step", "op", "attempt", "iss", "aud", "jti", "exp")))
    except jwt.PyJWTError as error:
        raise NotVerified(f"the token is not good here: {error}") from error
    except KeyError as error:
        raise NotVerified(f"the token has no {error}") from error
