"""The outcome table of the contract (SPEC section 2): what an answer means for a call and for an undo.

The participant adapter says what happened on the wire (`Answer`); `classify` says what it means (`Verdict`). "Never
sent" needs proof: an adapter that is not sure says LOST, and LOST is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, NamedTuple

MAX_RETRY_AFTER_MS = 300_000
"""A participant's Retry-After is honoured up to five minutes."""

Op = Literal["call", "compensate"]


class Wire(Enum):
    """What happened to one request."""

    ANSWERED = "answered"
    """A status arrived, and the body with it (or it was cut, see `Answer.broken`)."""
    NOT_SENT = "not sent"
    """Proven: name resolution or the connection failed, so no byte of the request left."""
    LOST = "lost"
    """Sent, or perhaps sent, and no whole answer: reset, timeout, body over the limit."""


class Answer(NamedTuple):
    """One request's end, as the adapter saw it.

    `status` is 0 unless ANSWERED. `body` is the parsed JSON, None if there is none. `problem_type` is the `type` of
    a problem document. `reason` is for people: the participant's own words (title and detail of a problem document,
    else `message`), or what went wrong on the wire; bounded to 500 characters. `broken` marks a body that was
    declared JSON and is not.
    """

    wire: Wire
    status: int = 0
    body: Any = None
    reason: str = ""
    retry_after_ms: int | None = None
    location: str | None = None
    problem_type: str = ""
    broken: bool = False


class Verdict(Enum):
    """What an answer means. The machine decides what follows."""

    SUCCESS = "success"
    IN_PROGRESS = "in progress"
    """202: poll or wait for the callback, until the attempt's time is up."""
    AGAIN = "again"
    """425: the same request again; no attempt is used, until the attempt's time is up."""
    UNKNOWN = "unknown"
    """It may have taken effect."""
    RETRY = "retry"
    """Definitely not taken: throttled, or never sent."""
    UNAUTHORIZED = "unauthorized"
    """401, 403 of a call: once more with a fresh token."""
    FAILED = "failed"
    """A definite no. For an undo: a person has to look (STUCK)."""


def classify(
    op: Op, answer: Answer, outcomes: Mapping[int, str] | None = None, *, call_unknown: bool = False
) -> Verdict:
    """What `answer` means; `outcomes` are the file's overrides, `call_unknown` whether the undone call's outcome was
    unknown (then 404 on its undo says that there is nothing to undo)."""
    if answer.wire is Wire.NOT_SENT:
        return Verdict.RETRY
    if answer.wire is Wire.LOST:
        return Verdict.UNKNOWN if op == "call" else Verdict.RETRY
    status = answer.status
    if outcomes and status in outcomes:
        return Verdict(outcomes[status])
    if status == 202:
        return Verdict.IN_PROGRESS
    if status == 425:
        return Verdict.AGAIN
    if 200 <= status < 300:
        if not answer.broken:
            return Verdict.SUCCESS
        return Verdict.UNKNOWN if op == "call" else Verdict.RETRY
    return _call(status, answer) if op == "call" else _undo(status, answer, call_unknown)


def _call(status: int, answer: Answer) -> Verdict:
    if status == 429 or (status == 503 and answer.retry_after_ms is not None):
        return Verdict.RETRY
    if status in (303, 408) or status not in range(300, 500):
        return Verdict.UNKNOWN  # a status that HTTP does not know, too: every doubt is unknown
    if status in (401, 403):
        return Verdict.UNAUTHORIZED
    if status == 409 and key_in_flight(answer.problem_type):
        # The first request with this key is still at work, so its effect is in doubt until a later answer.
        return Verdict.UNKNOWN
    return Verdict.FAILED


def _undo(status: int, answer: Answer, call_unknown: bool) -> Verdict:
    if status == 410 or (status == 404 and call_unknown):
        return Verdict.SUCCESS
    if status in (303, 401, 403, 408, 429) or status not in range(300, 500):
        return Verdict.RETRY
    if status == 409 and key_in_flight(answer.problem_type):
        return Verdict.RETRY
    return Verdict.FAILED


def classify_check(answer: Answer) -> Verdict:
    """What the answer of a `check` says of the call: SUCCESS it took effect, FAILED it did not, AGAIN ask again,
    UNKNOWN still in doubt."""
    if answer.wire is not Wire.ANSWERED or answer.broken:
        return Verdict.UNKNOWN
    if answer.status in (202, 425):
        return Verdict.AGAIN
    if 200 <= answer.status < 300:
        return Verdict.SUCCESS
    if answer.status in (404, 410):
        return Verdict.FAILED
    return Verdict.UNKNOWN


def classify_poll(answer: Answer) -> Verdict:
    """What a poll of a 202's Location says of the call (SPEC section 2, row 202)."""
    if answer.wire is not Wire.ANSWERED:
        return Verdict.IN_PROGRESS
    status = answer.status
    if status in (202, 425, 429) or status in range(500, 600):
        return Verdict.IN_PROGRESS
    if 200 <= status < 300:
        return Verdict.UNKNOWN if answer.broken else Verdict.SUCCESS
    if status in (401, 403):
        return Verdict.UNAUTHORIZED
    if status in (404, 410) or status not in range(300, 500):
        return Verdict.UNKNOWN
    return Verdict.FAILED


def key_in_flight(problem_type: str) -> bool:
    """Whether a problem `type` says that a request with the same idempotency key is still being worked on
    (draft-ietf-httpapi-idempotency-key-header: 409 while the first request is outstanding)."""
    words = "".join(letter for letter in problem_type.lower() if letter.isalpha())
    return any(mark in words for mark in ("inflight", "inprogress", "outstanding", "concurrent", "idempotency"))


__all__ = [
    "MAX_RETRY_AFTER_MS",
    "Answer",
    "Op",
    "Verdict",
    "Wire",
    "classify",
    "classify_check",
    "classify_poll",
    "key_in_flight",
]
