"""What a verified token says."""

from __future__ import annotations

from typing import NamedTuple


class Claims(NamedTuple):
    """Who is calling and for which attempt: `op` is call, compensate, or what a check or a poll asks about. `jti` is
    unique to the attempt, `expires` seconds since 1970. The token does not cover the body."""

    saga_id: str
    step: str
    op: str
    attempt: int
    issuer: str
    audience: str
    jti: str
    expires: int
