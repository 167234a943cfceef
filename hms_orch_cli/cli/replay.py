"""`hms-orch replay`: the log folded anew, its chain walked, a run as it was, or a store built from an export."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import EventRefused, LogTampered, NotFound, UsageError

if TYPE_CHECKING:
    from hms_orch_cli.application.replay import Rebuilt
    from hms_orch_cli.cli.progress import Advance
    from hms_orch_cli.config import Config
    from hms_orch_cli.ports.store import Event

app = new_app()

LINE_BYTES = 64 << 20
"""The longest line of an export that is read, or twice `limits.eventBytes` if that is more."""

CHUNK = 256
"""Events between two looks at the progress."""


@app.command(
    epilog=examples(
        "hms-orch replay",
        "hms-orch replay --verify --against 1204:9f86d0…        # as export and backup print it",
        "hms-orch replay --saga 00000000-0002-8a41-9c3b-5d2e7f601b38 --to 17",
        "hms-orch replay --from-file log.ndjson",
    )
)
def replay(
    verify: Annotated[bool, typer.Option("--verify", help="Only walk the hash chain of the log.")] = False,
    against: Annotated[
        str | None, typer.Option(metavar="SEQ:HASH", help="Verify against a known end: finds a tail cut off.")
    ] = None,
    saga: Annotated[
        str | None, typer.Option(metavar="ID", help="One run, as the log tells it.", autocompletion=offers.runs)
    ] = None,
    to: Annotated[int | None, typer.Option(metavar="SEQ", min=1, help="With --saga: as it was at a position.")] = None,
    from_file: Annotated[
        str | None, typer.Option("--from-file", metavar="FILE", help="Build the store from an export; - for stdin.")
    ] = None,
    form: Output = Format.TEXT,
) -> None:
    """Rebuild every derived table from the log and prove it equal to the stored one.

    If nobody holds the store, tables that differ are written anew, and the exit code is 1 all the same; tables that
    are behind are folded to the end of the log. `up` may be running, but for --from-file.
    """
    from hms_orch_cli.config import load

    modes = [name for name, given in (("--verify", verify), ("--saga", saga), ("--from-file", from_file)) if given]
    if len(modes) > 1:
        raise UsageError(f"{' and '.join(modes)} do not go together", "give one of them")
    if to is not None and saga is None:
        raise UsageError("--to needs --saga", "hms-orch replay --saga ID --to SEQ")
    if against is not None and saga is not None:
        raise UsageError("--against does not go with --saga", "hms-orch replay --verify --against SEQ:HASH")
    config = load()
    if saga is not None:
        _as_it_was(config, saga, to, form)
    elif from_file is not None:
        _from_file(config, from_file, against, form)
    elif verify or against is not None:
        _verify(config, against, form)
    else:
        from hms_orch_cli.cli.rebuilding import rebuild

        rebuild(config, form)


def _verify(config: Config, against: str | None, form: Format) -> None:
    from hms_orch_cli.cli.progress import progress
    from hms_orch_cli.event_store.chain import parse_anchor, verify
    from hms_orch_cli.wiring import open_reader

    anchor = None if against is None else parse_anchor(against)
    with open_reader(config) as reader, progress("verifying", reader.last_seq()) as advance:
        try:
            head = verify(_counted(reader.scan(), advance), anchor)
        except LogTampered as tampered:
            if form is Format.JSON:
                output.as_json({"intact": False, "position": tampered.position, "message": tampered.message})
            raise
    if form is Format.JSON:
        output.as_json({"intact": True, "events": head.seq, "head": str(head)})
        return
    output.result(
        output.styled("intact", "green"), f": {output.counted(head.seq, 'event')}, each chained to the one before"
    )
    output.result(str(head))


def _as_it_was(config: Config, saga_id: str, to: int | None, form: Format) -> None:
    from hms_orch_cli.application.overview import one_run, timeline_json
    from hms_orch_cli.cli.status import show_timeline
    from hms_orch_cli.wiring import open_reader

    with open_reader(config) as reader:
        if to is not None and (first := reader.read(f"run/{saga_id}")) and to < first[0].seq:
            raise NotFound(f"run {saga_id} had not begun at position {to}", f"it began at position {first[0].seq}")
        run = timeline_json(one_run(reader, saga_id, to))
    if form is Format.JSON:
        output.as_json([run])
    else:
        show_timeline(run)


def _from_file(config: Config, name: str, against: str | None, form: Format) -> None:
    from hms_orch_cli.application.export import events_of
    from hms_orch_cli.application.replay import Rebuilt, rewritten
    from hms_orch_cli.cli.progress import progress
    from hms_orch_cli.event_store.chain import held_to, parse_anchor
    from hms_orch_cli.event_store.restore import restore
    from hms_orch_cli.wiring import hold_store

    anchor = None if against is None else parse_anchor(against)
    limit = max(LINE_BYTES, 2 * config.event_bytes)
    rebuilt = Rebuilt()
    with _opened(name) as stream, hold_store(config), progress("reading") as advance:
        events = events_of(_lines(stream, limit))
        if anchor is not None:
            events = held_to(events, anchor)
        head = restore(_folded(_counted(events, advance), rebuilt), config.store_path, lambda: rewritten(rebuilt))
    if form is Format.JSON:
        output.as_json({"store": str(config.store_path), "events": head.seq, "head": str(head)})
        return
    output.result(str(head))
    output.note(
        f"{config.store_path} holds {output.counted(head.seq, 'event')} and {output.counted(rebuilt.runs, 'run')}"
    )


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    if name == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise NotFound(f"{name} cannot be read: {error.strerror}", "check the path") from error


def _lines(stream: BinaryIO, limit: int) -> Iterator[bytes]:
    """The lines of an export; one that is too long is read just far enough to be refused."""
    number = 0
    try:
        while line := stream.readline(limit + 1):
            number += 1
            if len(line) > limit:
                raise EventRefused(f"line {number} has more than {limit} bytes", "raise [limits] eventBytes")
            yield line
    except OSError as error:
        raise EventRefused(f"line {number + 1} cannot be read: {error.strerror}", "check the file") from error


def _folded(events: Iterator[Event], rebuilt: Rebuilt) -> Iterator[Event]:
    """Each event, folded on its way."""
    for event in events:
        rebuilt.fold(((event.seq, event.stream, event.type, event.time, event.data),))
        yield event


def _counted(events: Iterator[Event], advance: Advance) -> Iterator[Event]:
    """Each event, counted now and then."""
    passed = 0
    for passed, event in enumerate(events, 1):
        yield event
        if passed % CHUNK == 0:
            advance(CHUNK)
    advance(passed % CHUNK)
