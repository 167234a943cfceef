"""When an attempt is followed by another one. Pure: the jitter is a hash of run, step and attempt."""

from __future__ import annotations

from zlib import crc32

from hms_orch_cli.saga.definition import Retry
from hms_orch_cli.saga.outcome import MAX_RETRY_AFTER_MS


def pause_ms(policy: Retry, attempt: int, seed: str, retry_after_ms: int | None = None) -> int:
    """Milliseconds between attempt `attempt` (from 1) and the next. A participant's Retry-After takes the place of
    the backoff, up to five minutes. `seed` names run, step and op: the same seed gives the same pause."""
    if retry_after_ms is not None:
        return min(max(retry_after_ms, 0), MAX_RETRY_AFTER_MS)
    # The exponent is bounded: 64 doublings pass any maximum, and floats never overflow.
    base = min(policy.backoff_ms * policy.factor ** min(attempt - 1, 64), policy.max_backoff_ms)
    if policy.jitter:
        chance = crc32(f"{seed}:{attempt}".encode()) / 0xFFFFFFFF
        base *= 1 + policy.jitter * (2 * chance - 1)
    return int(min(base, policy.max_backoff_ms))


def is_exhausted(policy: Retry, attempts: int, spent_ms: int, pause: int) -> bool:
    """Whether no further attempt may begin: all are used, or the next would begin past the budget."""
    if attempts >= policy.attempts:
        return True
    return policy.budget_ms is not None and spent_ms + pause > policy.budget_ms
