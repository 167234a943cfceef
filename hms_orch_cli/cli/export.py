"""`hms-orch export`: the log as lines of JSON."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import NotFound, UsageError

if TYPE_CHECKING:
    from hms_orch_cli.cli.progress import Advance
    from hms_orch_cli.event_store.chain import Anchor
    from hms_orch_cli.event_store.sqlite_reader import SqliteReader
    from hms_orch_cli.ports.store import Event

app = new_app()

BLOCK = 1 << 18
"""Characters that are written at once."""


@app.command(
    epilog=examples(
        "hms-orch export --output log.ndjson",
        "hms-orch export | gzip > log.ndjson.gz",
        "hms-orch export --from 1205 >> log.ndjson",
        "hms-orch replay --from-file log.ndjson      # in another folder: the same log again",
    )
)
def export(
    file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="A new file, instead of stdout.")
    ] = None,
    start: Annotated[int, typer.Option("--from", min=1, help="First position.")] = 1,
    saga: Annotated[
        str | None, typer.Option(help="Only the events of this run, by its SAGA_ID.", autocompletion=offers.runs)
    ] = None,
) -> None:
    """Print the log, one CloudEvent (JSON) a line, without losing a byte; `up` may be running.

    The last line on stderr is SEQ:HASH of the last event. Keep it elsewhere: `replay --verify --against SEQ:HASH`
    finds a tail that was cut off. The chain is verified on the way, but not with --saga.
    """
    from hms_orch_cli.config import load
    from hms_orch_cli.wiring import open_reader

    if saga is not None and start != 1:
        raise UsageError("--saga takes all events of a run", "leave out --from")
    if file is not None and str(file) in ("json", "text"):
        raise UsageError("--output names a file here; the form is always JSON", f"write ./{file} if it is the name")
    with open_reader(load()) as reader:
        if file is None:
            count, head = _export(reader, start, saga, output.lines_as_they_are)
        else:
            from hms_orch_cli.cli.newfile import new_file

            with new_file(file) as target:
                count, head = _export(reader, start, saga, lambda block: target.write(block.encode()))
    output.note(output.counted(count, "event"))
    output.note(str(head))


def _export(reader: SqliteReader, start: int, saga: str | None, write: Callable[[str], object]) -> tuple[int, Anchor]:
    from hms_orch_cli.event_store.chain import Anchor, verify

    if saga is not None:
        run = reader.read(f"run/{saga}")
        if not run:
            raise NotFound(f"there is no run {saga}", "hms-orch status lists the runs")
        deque(_written(iter(run), write, lambda done: None), maxlen=0)
        return len(run), Anchor(run[-1].seq, run[-1].hash)
    head, before = reader.last_seq(), _anchor(reader, start - 1)
    with (
        _progress(max(0, head - before.seq), write) as advance,
        # Closing writes what was good before an event that is not.
        closing(_written(_up_to(reader.scan(before.seq), head), write, advance)) as events,
    ):
        last = verify(events, after=before)
    return last.seq - before.seq, last


def _anchor(reader: SqliteReader, seq: int) -> Anchor:
    """The position and its hash; of the last event if the log ends before it."""
    from hms_orch_cli.event_store.chain import START, Anchor

    if seq == 0:
        return START
    found = reader.read_all(seq - 1, 1)
    return Anchor(found[0].seq, found[0].hash) if found else reader.head()


def _up_to(events: Iterator[Event], head: int) -> Iterator[Event]:
    """Not what is appended while the export runs: it would have no end."""
    for event in events:
        if event.seq > head:
            return
        yield event


def _written(events: Iterator[Event], write: Callable[[str], object], advance: Advance) -> Generator[Event, None, None]:
    """Hands each event out, and writes it when the next one is asked for: when it has been found good."""
    from hms_orch_cli.application.export import line_of

    block: list[str] = []
    size = 0
    try:
        for event in events:
            yield event
            block.append(line_of(event) + "\n")
            size += len(block[-1])
            if size >= BLOCK:
                write("".join(block))
                advance(len(block))
                block, size = [], 0
    finally:
        write("".join(block))
        advance(len(block))


def _progress(total: int, write: Callable[[str], object]) -> AbstractContextManager[Advance]:
    """None where the lines themselves run over the terminal."""
    from hms_orch_cli.cli.progress import progress

    if write is output.lines_as_they_are and output.is_terminal(sys.stdout):
        return nullcontext(lambda done: None)
    return progress("exporting", total)
