"""`publish`: put events into the log, whether `up` runs or not, and follow the runs that they start."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import EventRefused, Overloaded, UsageError

if TYPE_CHECKING:
    from hms_orch_cli.application.publish import Published
    from hms_orch_cli.config import Config
    from hms_orch_cli.ports.store import NewEvent

app = new_app()

BATCH = 500
"""Events of --lines that share a commit."""

BATCH_BYTES = 4 << 20

PAUSE_S = 1.0
"""How long --lines waits when `up` has more to do than it takes."""

Timeout = Annotated[
    float | None, typer.Option("--timeout", min=0, help="Seconds to wait with --wait; then exit code 6.")
]


class Wanted(NamedTuple):
    """The attributes on the command line, the same for each event of --lines."""

    kind: str
    source: str
    subject: str | None


@app.command(
    epilog=examples(
        """hms-bus publish policy.changed --data '{"policyId":"dol.unemployment.v3"}'""",
        "hms-bus publish policy.changed --data @event.json --id change-7 --wait",
        "generate | hms-bus publish policy.changed --lines -",
    )
)
def publish(
    kind: Annotated[
        str,
        typer.Argument(metavar="TYPE", help="The event's type.", show_default=False, autocompletion=offers.event_types),
    ],
    data: Annotated[str | None, typer.Option(help="The data: JSON, @FILE, or - for stdin.")] = None,
    event_id: Annotated[
        str | None, typer.Option("--id", help="Names the event for ever; the same id again is no second event.")
    ] = None,
    source: Annotated[str, typer.Option(help="Where the event comes from.")] = "hms-bus",
    subject: Annotated[str | None, typer.Option(help="What the event is about.")] = None,
    lines: Annotated[
        str | None, typer.Option("--lines", help="@FILE or - for stdin: one event for each line of JSON.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the runs that it starts; the worst end decides.")
    ] = False,
    timeout: Timeout = None,
    form: Output = Format.TEXT,
) -> None:
    """Put an event into the log, durable when this returns.

    With --wait: exit code 0 if every run COMPLETED or there is none, 5 if one is STUCK, 1 for any other end.
    """
    from hms_orch_cli.config import load

    config = load()
    wanted = Wanted(kind, source, subject)
    if lines is not None:
        if data is not None or event_id is not None:
            raise UsageError("--lines brings the data of each event", "leave out --data and --id")
        published = list(_publish_lines(config, wanted, lines))
    else:
        published = _send(config, [_event(config, wanted, _data(data), event_id)])
    if form is Format.JSON and not wait:
        output.as_json([{"position": each.position, "duplicate": each.duplicate} for each in published])
    elif lines is None and form is Format.TEXT:
        said = " (it was there before)" if published[0].duplicate else ""
        output.result(f"position {published[0].position}{said}")
    elif form is Format.TEXT:
        duplicates = sum(each.duplicate for each in published)
        more = f", {duplicates} of them there before" if duplicates else ""
        output.result(f"{len(published)} events{more}")
    if wait:
        from hms_orch_cli.cli.waiting import wait_for

        raise typer.Exit(wait_for(config, [each.position for each in published], timeout, form))


def _publish_lines(config: Config, wanted: Wanted, where: str) -> Iterator[Published]:
    from hms_orch_cli.cli.progress import progress

    batch: list[NewEvent] = []
    size = 0
    with progress("publishing") as advance:
        for number, line in enumerate(_lines(where, config.event_bytes), 1):
            if not line.strip():
                continue
            try:
                batch.append(_event(config, wanted, line, None))
            except EventRefused as refused:
                raise EventRefused(f"line {number}: {refused.message}", refused.hint) from refused
            size += len(line)
            if len(batch) == BATCH or size > BATCH_BYTES:
                yield from _send_patiently(config, batch)
                advance(len(batch))
                batch, size = [], 0
        if batch:
            yield from _send_patiently(config, batch)
            advance(len(batch))


def _lines(where: str, limit: int) -> Iterator[bytes]:
    """Lines of a file or of stdin; one that is too long is read just far enough to be refused."""
    if where == "-":
        stream = sys.stdin.buffer
    elif where.startswith("@"):
        stream = _opened(where[1:])
    else:
        raise UsageError("--lines takes @FILE or -", "such as --lines @events.ndjson")
    while line := stream.readline(limit + 2):
        yield line


def _opened(name: str) -> Any:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise EventRefused(f"{name} cannot be read: {error.strerror}", "check the path") from error


def _data(given: str | None) -> bytes | None:
    if given is None:
        return None
    if given == "-":
        return sys.stdin.buffer.read()
    if given.startswith("@"):
        with _opened(given[1:]) as file:
            try:
                content: bytes = file.read()
            except OSError as error:
                raise EventRefused(f"{given[1:]} cannot be read: {error.strerror}", "check the path") from error
            return content
    return given.encode(errors="surrogateescape")


def _event(config: Config, wanted: Wanted, data: bytes | None, event_id: str | None) -> NewEvent:
    from hms_orch_cli.application.incoming import event_from, json_text, new_id

    attributes = {
        "id": new_id() if event_id is None else event_id,
        "source": wanted.source,
        "type": wanted.kind,
        "subject": wanted.subject,
    }
    too_large = data is not None and len(data) > config.event_bytes
    text = None if data is None else data.decode(errors="replace") if too_large else json_text(data)
    return event_from(attributes, text, time.time_ns() // 1_000_000, config.event_bytes)


def _send_patiently(config: Config, events: list[NewEvent]) -> list[Published]:
    """The same, when there is room for them. They keep their ids, so nothing is taken twice."""
    while True:
        try:
            return _send(config, events)
        except Overloaded:
            time.sleep(PAUSE_S)


def _send(config: Config, events: list[NewEvent]) -> list[Published]:
    """Hands events to the running `up`, or writes them itself."""
    from hms_orch_cli.application.publish import Published
    from hms_orch_cli.cli.remote import Remote, find_writer

    writer = find_writer(config)
    if isinstance(writer, Remote):
        from hms_orch_cli.application.incoming import to_structured

        body = b"[" + b",".join(to_structured(event) for event in events) + b"]"
        answer = writer.post("/v1/events", body, "application/cloudevents-batch+json")
        return [Published(each["position"], each["duplicate"]) for each in answer["events"]]
    from hms_orch_cli.application.publish import publish as append
    from hms_orch_cli.wiring import open_store

    with writer:
        store = open_store(config)
        try:
            return append(store, events)
        finally:
            store.close()
