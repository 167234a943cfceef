"""A run in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hms_orch_cli.orchestrator.compiled import CompiledSaga
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.ports.store import Event
from hms_orch_cli.saga.outcome import Op
from hms_orch_cli.saga.state import Progress, Run

if TYPE_CHECKING:
    import asyncio  # a command that only reads a run must not pay for an event loop


class LiveRun:
    """A run in memory: its state, what it needs to move, and what of it is under way in this process."""

    __slots__ = (
        "acting", "asked_for", "compiled", "granted", "listening", "places", "requests", "state", "stirred", "trigger",
        "waiting",
    )  # fmt: skip

    def __init__(self, state: Run, compiled: CompiledSaga, trigger: Event) -> None:
        self.state = state
        self.compiled = compiled
        self.trigger = trigger
        self.requests: dict[tuple[str, Op], CallRequest] = {}
        """requests whose intent is recorded, by (step, op), until their answer is"""
        self.acting: set[tuple[type, str, Op, int]] = set()
        """(kind of act, step, op, attempt) that a task of this process is carrying out"""
        self.places: dict[tuple[str, Op], str] = {}
        """(step, op) -> the service at whose gate it holds a place"""
        self.waiting: set[tuple[str, Op]] = set()
        """(step, op) that stand in line for a place"""
        self.granted: dict[tuple[str, Op], str] = {}
        """(step, op) -> the service at whose gate a place was given to it, for the next turn to use"""
        self.asked_for: dict[tuple[str, Op], int | None] = {}
        """(step, op) -> the pause in milliseconds that a 202 or a 425 asked for before the first question"""
        self.listening: set[str] = set()
        """steps that wait and have looked at the events of the past: what comes is offered to them"""
        self.stirred: asyncio.Event | None = None
        """wakes the polls that pause, once there are any"""

    def stir(self) -> None:
        """Lets polls that pause look whether they are still wanted."""
        if self.stirred is not None:
            self.stirred.set()
            self.stirred.clear()

    def progress(self, step: str, op: Op) -> Progress:
        """How far the call, or the undo, of a step has come."""
        return self.state.progress(step, op)
