"""`on`: notes which function hears which events. `listening` starts what is noted here."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar, overload

from hms_orch_cli.sdk.events import COMPENSATE, Event, Undo
from hms_orch_cli.sdk.positions import Positions

Handler = TypeVar("Handler", bound=Callable[[Any], Any])
OnEvent = TypeVar("OnEvent", bound=Callable[[Event], Any])
OnUndo = TypeVar("OnUndo", bound=Callable[[Undo], Any])
Start = Literal["beginning", "end"]

UNDO_ATTEMPTS: Final = 5
"""How often a handler is called for one undo in a row; the orchestrator asks again by itself."""

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class Subscriber(NamedTuple):
    """A function and what it hears. Its position is kept under `name`."""

    name: str
    kinds: tuple[str, ...]
    handler: Callable[[Any], Any]
    saga: str | None
    step: str | None
    all_modes: bool
    attempts: int | None
    start: Start
    positions: Positions | None

    def wants(self, event: Event) -> bool:
        """Whether the function is called for this event."""
        if isinstance(event, Undo) and event.mode != "event" and not self.all_modes:
            return False
        about = event.data if isinstance(event.data, dict) else {}
        step = about.get("step")
        name = step.get("name") if isinstance(step, dict) else None
        return self.saga in (None, about.get("saga")) and self.step in (None, name)


SUBSCRIBERS: Final[dict[str, Subscriber]] = {}
"""What this process has noted, by name."""

HEARING: Final[list[object]] = []
"""Who hears now: what is noted from then on would not be heard."""


@overload
def on(
    kind: Literal["saga.compensate"],
    /,
    *,
    name: str | None = None,
    saga: str | None = None,
    step: str | None = None,
    all_modes: bool = False,
    attempts: int | None = UNDO_ATTEMPTS,
    start: Start = "beginning",
    positions: Positions | None = None,
) -> Callable[[OnUndo], OnUndo]: ...


@overload
def on(
    *kinds: str,
    name: str | None = None,
    saga: str | None = None,
    step: str | None = None,
    all_modes: bool = False,
    attempts: int | None = None,
    start: Start = "beginning",
    positions: Positions | None = None,
) -> Callable[[OnEvent], OnEvent]: ...


def on(
    *kinds: str,
    name: str | None = None,
    saga: str | None = None,
    step: str | None = None,
    all_modes: bool = False,
    attempts: int | None = None,
    start: Start = "beginning",
    positions: Positions | None = None,
) -> Callable[[Handler], Handler]:
    """Decorates a function, async or not, that is called with each event of these types: in the order of the log, one
    at a time, at least once.

    Its position is kept under `name` (default: the function's module and name) in `positions` (default: files under
    HMS_POSITIONS); `start` says where one begins that has none yet. `saga` and `step` choose among the orchestrator's
    own events. If the function raises, it is called again, after longer and longer pauses, and later events wait;
    after `attempts` times the event is passed over with an error in the log.

    `saga.compensate` is heard where `mode` is `event`, unless `all_modes`; once the function has returned, the undo is
    acknowledged. Raise NotMine for one that is not yours: else it counts as undone.
    """
    if not kinds or not all(isinstance(kind, str) and kind for kind in kinds):
        raise ValueError('on() needs the types of events to hear, such as on("policy.changed")')
    if attempts is None and kinds == (COMPENSATE,):
        attempts = UNDO_ATTEMPTS

    def note(handler: Handler) -> Handler:
        if HEARING:
            raise RuntimeError("on() comes too late: note every function before run() or listening()")
        called = name or _name_of(handler)
        if not _NAME.fullmatch(called):
            raise ValueError(f"a subscriber cannot be called {called!r}: give name= of letters, digits, . _ and -")
        if called in SUBSCRIBERS:
            raise ValueError(f"there is a subscriber {called!r} already: give one of them another name=")
        SUBSCRIBERS[called] = Subscriber(called, kinds, handler, saga, step, all_modes, attempts, start, positions)
        return handler

    return note


def _name_of(handler: Callable[..., Any]) -> str:
    """The function's module and name; of a program that is run the name of its file."""
    module = getattr(handler, "__module__", "")
    if module == "__main__":
        module = Path(getattr(sys.modules["__main__"], "__file__", None) or "main").stem
    return f"{module}.{getattr(handler, '__qualname__', '?').replace('<locals>.', '')}"
