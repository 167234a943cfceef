"""The token in a callback's address: which step of which run it speaks for, under an HMAC, and stored nowhere.

Four parts joined by dots: saga id, step and op, each base64url, and the HMAC-SHA256 over the three as they stand.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from typing import Final

from hms_orch_cli.signing.keys import base64url

MAX_LENGTH: Final = 2_048
_PURPOSE: Final = b"hms-orch callback\n"


def callback_token(secret: bytes, saga_id: str, step: str, op: str) -> str:
    """The token for this step; the same words give the same token."""
    words = ".".join(base64url(word.encode()) for word in (saga_id, step, op))
    return f"{words}.{_mac(secret, words)}"


def read_callback(secret: bytes, token: str) -> tuple[str, str, str] | None:
    """(saga id, step, op), None for a token that was not made with this secret."""
    if len(token) > MAX_LENGTH or not token.isascii():
        return None
    words, _, mac = token.rpartition(".")
    if not hmac.compare_digest(mac, _mac(secret, words)):
        return None
    # Only words that this module has encoded get here.
    saga_id, step, op = (urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode() for word in words.split("."))
    return saga_id, step, op


def _mac(secret: bytes, words: str) -> str:
    return base64url(hmac.digest(secret, _PURPOSE + words.encode(), "sha256"))
