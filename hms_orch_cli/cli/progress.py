"""Long work, shown on stderr: a moving bar on a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hms_orch_cli.cli import output
from hms_orch_cli.safe import safe

FIRST_LINE_S = 2.0
"""Work that is done sooner than that needs no line."""
NEXT_LINE_S = 10.0

Advance = Callable[[int], None]


@contextmanager
def progress(
    work: str, total: int | None = None, unit: str = "events", *, now: Callable[[], float] = time.monotonic
) -> Iterator[Advance]:
    """Shows `work` while the block runs; the block calls what it is given with the number of units done since the last
    call. `total` None: not known. `now` is a clock in seconds."""
    if output.coloured(sys.stderr):
        with _bar(work, total, unit) as advance:
            yield advance
    else:
        yield _lines(work, total, unit, now)


@contextmanager
def _bar(work: str, total: int | None, unit: str) -> Iterator[Advance]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    shown = Progress(
        *columns,
        TextColumn(unit, markup=False),
        TimeElapsedColumn(),
        console=output.console(sys.stderr),
        transient=True,
        redirect_stdout=False,  # Rich would write the result of the command to the terminal
    )
    with shown:
        task = shown.add_task(safe(work), total=total)
        yield lambda done: shown.advance(task, done)


def _lines(work: str, total: int | None, unit: str, now: Callable[[], float]) -> Advance:
    done, due = 0, now() + FIRST_LINE_S

    def advance(units: int) -> None:
        nonlocal done, due
        done += units
        if now() >= due:
            due = now() + NEXT_LINE_S
            of = f" of {total} {unit} ({100 * done // total} %)" if total else f" {unit}"
            output.note(f"{work}: {done}{of}")

    return advance
