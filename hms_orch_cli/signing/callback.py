"""The token in a callback's address: which step of which run it speaks for, under an HMAC, and stored nowhere.

Four parts joined by dots: saga id, step and op, each base64url, and the HMAC-SHA256 over the three as they stand.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from functools import lru_cache
from typing import Final

from hms_orch_cli.signing.keys import base64url

MAX_LENGTH: Final = 2_048
_PURPOSE: Final = b"hms-orch callback\n"


def callback_token(secret: bytes, saga_id: str, step: str, op: str) -> str:
    """The token for this step; the same words give the same token. `op` says its round, too, from the second on."""
    words = f"{_word(saga_id)}.{_word(step)}.{_word(op)}"
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


@lru_cache(maxsize=1_024)
def _word(word: str) -> str:
    """A run asks for the same words at each of its calls."""
    return base64url(word.encode())


def _mac(secret: bytes, words: str) -> str:
    mac = _keyed(secret).copy()
    mac.update(words.encode())
    return base64url(mac.digest())


@lru_cache(maxsize=8)
def _keyed(secret: bytes) -> hmac.HMAC:
    """The HMAC with its key and purpose taken in: a copy costs a third of making it anew."""
    return hmac.new(secret, _PURPOSE, "sha256")
