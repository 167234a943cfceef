"""The login of a browser: a cookie that says with which token, and until when, and that nobody else can make.

It is kept nowhere. It holds no token and ends when its token is taken out of the configuration.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final

COOKIE: Final = "hms-orch"
LIFETIME_S: Final = 12 * 3_600
"""A working day."""

_MARK_DIGITS: Final = 16
_LONGEST: Final = 200


class Sessions:
    """Makes and reads the cookies of one server. `secure`: browsers reach it by https alone."""

    def __init__(self, secret: bytes, now_ms: Callable[[], int], *, secure: bool) -> None:
        self._secret = sha256(b"browser sessions " + secret).digest()
        self._now_ms = now_ms
        self._secure = secure
        # A name with this prefix is refused by browsers unless the cookie is of this very host, by https.
        self.name = f"__Host-{COOKIE}" if secure else COOKIE

    def cookie(self, token_hash: str) -> str:
        """The value of Set-Cookie for whoever has shown this token."""
        until = self._now_ms() // 1_000 + LIFETIME_S
        return self._set(f"{self._mark(token_hash)}.{until}.{self._seal(token_hash, until)}", LIFETIME_S)

    def no_cookie(self) -> str:
        """The value of Set-Cookie that ends a login."""
        return self._set("", 0)

    def token_hash(self, header: str, known: Iterable[str]) -> str | None:
        """The hash of the token that the cookie in a request stands for, if it is among the `known`."""
        mark, _, rest = self._value(header).partition(".")
        until, _, seal = rest.partition(".")
        if not (until.isascii() and until.isdigit()) or int(until) <= self._now_ms() // 1_000:
            return None
        for each in known:
            if self._mark(each) == mark and hmac.compare_digest(self._seal(each, int(until)), seal):
                return each
        return None

    def _value(self, header: str) -> str:
        for each in header.split(";"):
            name, _, value = each.strip().partition("=")
            if name == self.name and value.isascii() and len(value) <= _LONGEST:
                return value
        return ""

    def _set(self, value: str, seconds: int) -> str:
        secure = "; Secure" if self._secure else ""
        return f"{self.name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"

    def _mark(self, token_hash: str) -> str:
        """Which token it is; not by the hash itself, which is nobody's business."""
        return hmac.new(self._secret, f"token {token_hash}".encode(), sha256).hexdigest()[:_MARK_DIGITS]

    def _seal(self, token_hash: str, until: int) -> str:
        return hmac.new(self._secret, f"until {until} {token_hash}".encode(), sha256).hexdigest()
