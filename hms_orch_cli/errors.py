"""Every error that a user can cause, as one tree.

    HmsError                      something expected went wrong                     exit 1
    ├── UsageError                the command was called in a wrong way             exit 2
    ├── ConfigError               hms-orch.toml or an HMS_* variable is wrong       exit 1
    ├── SagaFileError             a saga file does not pass validation              exit 1
    ├── EventRefused              an event cannot be taken as it is                 exit 1
    │   ├── EventTooLarge         its data is over the limit                        exit 1
    │   └── EventConflict         the same source and id came before, other data    exit 1
    ├── NotFound                  no run, definition, service or item of that name  exit 1
    ├── NoteMissing               nobody would know later why a person wanted this  exit 1
    ├── NotAllowed                the request does not fit the state it meets       exit 1
    ├── StoreError                the event store cannot be used                    exit 1
    │   ├── StoreMissing          there is no store at that place yet               exit 1
    │   ├── StoreHeld             another process holds the store                   exit 1
    │   ├── StoreTooNew           the file was written by a newer version           exit 1
    │   ├── NotAStore             the file is something else                        exit 1
    │   ├── StoreUnwritable       read-only folder, missing rights                  exit 1
    │   ├── StoreFull             no space left; nothing acknowledged was lost      exit 1
    │   ├── StoreFailed           a commit failed: its outcome is unknown           exit 1
    │   ├── VersionConflict       the stream is not where the caller saw it         exit 1
    │   └── LogTampered           the hash chain breaks at a position               exit 1
    ├── Overloaded                more waits to be written than is taken            exit 1
    ├── ExpressionError           a CEL expression cannot be compiled or evaluated  exit 1
    ├── ServerError               `up` answered with a problem, or not at all       exit 1
    ├── PortTaken                 the address is in use                             exit 1
    └── TimedOut                  --timeout ran out                                 exit 6

A message says in one sentence what happened and where; the hint says what to do next. `cli/main.py` is the one
place that turns an error into a line on stderr and an exit code; the dashboard turns the same tree into problem
documents (RFC 9457), with `http_status`.
"""

from __future__ import annotations

from typing import ClassVar


class HmsError(Exception):
    """Something expected went wrong. `hint` is the next step for the person who reads the message."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 400

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(HmsError):
    """The command was called in a wrong way."""

    exit_code = 2


class ConfigError(HmsError):
    """hms-orch.toml or an HMS_* variable is wrong."""


class SagaFileError(HmsError):
    """A saga file does not pass validation; `findings` are the sagafile findings, most useful first."""

    http_status = 422

    def __init__(self, message: str, hint: str = "", findings: tuple[object, ...] = ()) -> None:
        super().__init__(message, hint)
        self.findings = findings


class EventRefused(HmsError):
    """An event cannot be taken as it is."""


class EventTooLarge(EventRefused):
    """The data of an event is over the limit."""

    http_status = 413


class EventConflict(EventRefused):
    """The same source and id came before with other data; of several events it was the one at `index`, from 0."""

    http_status = 409

    def __init__(self, message: str, hint: str = "", *, index: int = 0) -> None:
        super().__init__(message, hint)
        self.index = index


class NotFound(HmsError):
    """There is no run, definition, service or item of that name."""

    http_status = 404


class NoteMissing(HmsError):
    """What a person wants here needs a note; nothing was changed."""


class NotAllowed(HmsError):
    """The request does not fit the state that it meets; nothing was changed."""

    http_status = 409


class StoreError(HmsError):
    """The event store cannot be used."""

    http_status = 503


class StoreMissing(StoreError):
    """There is no store at that place yet: nothing was ever written there."""

    http_status = 404


class StoreHeld(StoreError):
    """Another process holds the store; `url` is its address, empty while it starts, `token` opens it, `pid` is its
    process id."""

    def __init__(self, message: str, hint: str = "", *, pid: int = 0, url: str = "", token: str = "") -> None:
        super().__init__(message, hint)
        self.pid = pid
        self.url = url
        self.token = token


class StoreTooNew(StoreError):
    """The file was written by a newer version of hms-orch."""


class NotAStore(StoreError):
    """The file is something else than an event store."""


class StoreUnwritable(StoreError):
    """The store's folder or file cannot be written."""


class StoreFull(StoreError):
    """No space is left; what was acknowledged is safe, this append is not in the log."""

    http_status = 507


class StoreFailed(StoreError):
    """A commit failed in a way that leaves its outcome unknown: stop, and read the log at the next start."""


class VersionConflict(StoreError):
    """The stream is not at the version that the caller saw; `actual` is where it is."""

    http_status = 409

    def __init__(self, message: str, hint: str = "", *, actual: int = -1) -> None:
        super().__init__(message, hint)
        self.actual = actual


class LogTampered(StoreError):
    """The hash chain does not hold; `position` is the first seq that was changed, removed, swapped or inserted."""

    def __init__(self, message: str, hint: str = "", *, position: int) -> None:
        super().__init__(message, hint)
        self.position = position


class Overloaded(HmsError):
    """More waits to be written than is taken; nothing of this was kept, try again soon."""

    http_status = 429


class ExpressionError(HmsError):
    """A CEL expression cannot be compiled or evaluated; `column` is 1-based within the expression, 0 if unknown."""

    http_status = 422

    def __init__(self, message: str, hint: str = "", *, column: int = 0) -> None:
        super().__init__(message, hint)
        self.column = column


class ServerError(HmsError):
    """`hms-orch up` answered with a problem, or did not answer."""

    http_status = 502


class PortTaken(HmsError):
    """The address to listen on is in use."""


class TimedOut(HmsError):
    """--timeout ran out; whatever was waited for goes on."""

    exit_code = 6
