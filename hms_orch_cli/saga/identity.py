"""The id of a run, derived from what triggered it, so the same event never starts the same definition twice; the
idempotency keys of its calls; and the ids under which it is traced (W3C Trace Context)."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b, sha256

from hms_orch_cli.saga.outcome import Op
from hms_orch_cli.saga.state import Run


def run_id(definition: str, seq: int, event_hash: bytes) -> str:
    """A UUID of version 8 (RFC 9562): 48 bits of the triggering event's position, so ids rise with the log, then a
    digest of the definition's id and the event's chain hash, so ids of two stores never meet."""
    return _uuid(seq, b"%s\0%d\0%s" % (definition.encode(), seq, event_hash))


def redrive_id(run: Run) -> str:
    """The id of the run that takes the place of `run`: the same each time it is asked for."""
    assert run.event is not None, "a run that has ended knows its event"  # noqa: S101
    return _uuid(run.event.seq, b"redrive\0%s" % run.id.encode())


def key_of(run: Run, step: str, op: Op) -> str:
    """The idempotency key: one for all attempts of a call or an undo; a new round only where a person has another
    attempt made after a definite no."""
    return f"{run.id}:{step}:{in_round(op, run.progress(step, op).round)}"


def in_round(op: Op, number: int) -> str:
    """An op in one of its rounds: `call` in the first, then `call:2`."""
    return op if number == 1 else f"{op}:{number}"


def round_of(word: str) -> tuple[Op, int]:
    """The op and its round that `in_round` made this word of."""
    op, _, number = word.partition(":")
    return "call" if op == "call" else "compensate", int(number or 1)


def trace_id(saga_id: str) -> str:
    """The trace of a run, 32 hex digits: its id without the dashes."""
    digits = saga_id.replace("-", "").lower()
    if len(digits) != 32 or digits.strip("0123456789abcdef") or not digits.strip("0"):
        return blake2b(saga_id.encode(), digest_size=16).hexdigest()
    return digits


def attempt_span(step: str, op: str, attempt: int) -> str:
    """The span of an attempt, the parent of whatever its participant traces."""
    return span_id(f"{step}:{op}:{attempt}")


@lru_cache(maxsize=4_096)
def span_id(named: str) -> str:
    """A span within a trace, 16 hex digits. The same for all runs, so seldom computed."""
    return blake2b(named.encode(), digest_size=8).hexdigest()


def _uuid(seq: int, named: bytes) -> str:
    digest = sha256(named).hexdigest()
    variant = "89ab"[int(digest[3], 16) & 3]
    return f"{seq >> 16 & 0xFFFFFFFF:08x}-{seq & 0xFFFF:04x}-8{digest[:3]}-{variant}{digest[4:7]}-{digest[7:19]}"
