"""The console of `up`: plain lines, or JSON, written once a tick; on a terminal with what is going on below them,
alive."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from hms_orch_cli.cli.json_lines import entries_of
from hms_orch_cli.cli.narration import TEXT_LIMIT, lines_of, spoken
from hms_orch_cli.cli.output import coloured, is_terminal, json_lines, plain_lines
from hms_orch_cli.cli.output import console as rich_console
from hms_orch_cli.safe import safe
from hms_orch_cli.saga.events import RunFact, Started
from hms_orch_cli.saga.moment import duration
from hms_orch_cli.saga.state import Phase, Run

TICK_S = 0.05
SHOWN_RUNS = 8
"""Runs shown as going on at a time; the others are counted."""

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAME_MS = 80


class Console(Protocol):
    """Hears of facts and shows them."""

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """See `ports.Observer`."""

    def close(self) -> None:
        """Writes what is left."""


Said = TypeVar("Said")


def open_console(*, as_json: bool = False) -> Console:
    """The console that fits stdout; `as_json` for programs."""
    if as_json:
        return GatheringConsole(entries_of, json_lines)
    if is_terminal(sys.stdout) and coloured(sys.stdout):
        return LiveConsole()
    return GatheringConsole(spoken, lambda lines: plain_lines([(line,) for line in lines]))


class GatheringConsole(Generic[Said]):
    """One line for each fact that `said_of` says something of, gathered for a tick and then written by `write`."""

    def __init__(
        self, said_of: Callable[[Run, Sequence[RunFact]], Iterable[Said]], write: Callable[[list[Said]], None]
    ) -> None:
        self._said_of = said_of
        self._write_all = write
        self._waiting: list[Said] = []
        self._timer: asyncio.TimerHandle | None = None

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """See `ports.Observer`."""
        self._waiting.extend(self._said_of(run, facts))
        if self._timer is None and self._waiting:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._write)

    def close(self) -> None:
        """Writes what is left."""
        if self._timer is not None:
            self._timer.cancel()
        self._write()

    def _write(self) -> None:
        self._timer = None
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._write_all(waiting)


class LiveConsole:
    """The same lines, and below them each run that is going on, with a spinner and how long it has taken."""

    def __init__(self) -> None:
        from rich.live import Live

        self._runs: dict[str, Run] = {}
        self._console = rich_console(sys.stdout)
        self._live: Any = Live(
            console=self._console, get_renderable=self._picture, refresh_per_second=10, transient=True
        )
        self._live.start()

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """See `ports.Observer`."""
        from rich.text import Text

        if run.status.ended or run.status.value == "STUCK":
            self._runs.pop(run.id, None)
        elif run.id in self._runs or isinstance(facts[0], Started):
            self._runs[run.id] = run
        for line in lines_of(run, facts):
            drawn = Text(overflow="fold")
            drawn.append(line.sign, style=line.style)
            drawn.append(f" {line.name.ljust(line.width)}  ")
            drawn.append(safe(line.text, TEXT_LIMIT))
            self._console.print(drawn)

    def close(self) -> None:
        """Clears what is alive."""
        self._live.stop()

    def _picture(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        now = time.time() * 1000
        moving = [run for run in self._runs.values() if not _rests(run)]
        frame = SPINNER[int(now / FRAME_MS) % len(SPINNER)]
        shown: list[Any] = []
        for run in moving[:SHOWN_RUNS]:
            doing = ", ".join(_doing(run)) or run.status.value.lower()
            elapsed = duration(max(0.0, now - run.started_at))
            shown.append(Text.assemble((frame, "cyan"), (f" {run.saga.id}  {doing}  {elapsed}", "dim")))
        more, resting = len(moving) - SHOWN_RUNS, len(self._runs) - len(moving)
        if more > 0:
            shown.append(Text(f"  and {more} more", style="dim"))
        if resting:
            shown.append(Text(f"  {resting} waiting for a lock, an event or a person", style="dim"))
        return Group(*shown)


def _rests(run: Run) -> bool:
    """Whether the run waits for something else than its own calls."""
    if run.paused or (run.claim is not None and run.claim.waits):
        return True
    phases = {call.phase for call in run.calls.values() if call.phase.moving}
    return bool(phases) and phases <= {Phase.WAITING, Phase.HELD} and run.status.value == "RUNNING"


def _doing(run: Run) -> list[str]:
    words = {
        Phase.RUNNING: "",
        Phase.RETRYING: " (retrying)",
        Phase.ACCEPTED: " (in progress)",
        Phase.CHECKING: " (check)",
    }
    forward = [f"{name}{words[call.phase]}" for name, call in run.calls.items() if call.phase in words]
    back = [f"undo of {name}{words[undo.phase]}" for name, undo in run.undos.items() if undo.phase in words]
    return forward + back
