"""What can go wrong, as one tree.

    SdkError
    ├── Refused           the orchestrator said no: trying again says the same
    ├── Unreachable       no answer that counts, for as long as the caller was patient
    ├── NotVerified       the request has no valid token                       answer 401
    ├── KeysUnavailable   the keys that verify tokens cannot be had now        answer 503 with Retry-After
    ├── UndoneBefore      the call comes after its undo                        answer 409
    └── NotInTransaction  the barrier's connection commits by itself

`NotMine` is no error: a handler raises it to pass an event over.
"""

from __future__ import annotations

from typing import ClassVar


class SdkError(Exception):
    """Something expected went wrong. `http_status` is what a service answers that can do nothing about it."""

    http_status: ClassVar[int] = 500


class Refused(SdkError):
    """The orchestrator said no. `status` is its HTTP status."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"{status} {words}")
        self.status = status


class Unreachable(SdkError):
    """No answer that counts. Whether the orchestrator took what was sent is not known."""

    http_status = 503


class NotVerified(SdkError):
    """The request has no valid token of the orchestrator."""

    http_status = 401


class KeysUnavailable(SdkError):
    """The keys that verify tokens cannot be had now. Nothing was done: it is worth trying again."""

    http_status = 503


class UndoneBefore(SdkError):
    """The call comes after its undo, and must not take effect any more."""

    http_status = 409


class NotInTransaction(SdkError):
    """The connection commits each statement by itself: the barrier and the work would not be one."""


class NotMine(Exception):
    """Raised by a handler: the event is somebody else's. It is passed over, and an undo is not acknowledged."""
