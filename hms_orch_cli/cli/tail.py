"""`hms-bus tail`: follow the log."""

from __future__ import annotations

from typing import Annotated

import typer

from hms_orch_cli.cli import output
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app

app = new_app()


@app.command(
    epilog=examples(
        "hms-bus tail",
        "hms-bus tail --type saga.completed --type saga.failed",
        "hms-bus tail --from 1 --no-follow -o json | jq .type",
    )
)
def tail(
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type; may be given again.")
    ] = None,
    start: Annotated[
        int | None, typer.Option("--from", min=1, help="First position; without it, what comes from now on.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more, or end with the log.")] = True,
    form: Output = Format.TEXT,
) -> None:
    """Print the events of the log, and more as they come.

    With -o json each event is one line of JSON.
    """
    from hms_orch_cli.application.overview import event_json
    from hms_orch_cli.config import load
    from hms_orch_cli.wiring import open_bus, open_reader

    config = load()
    with open_reader(config) as reader:
        after = start - 1 if start is not None else reader.last_seq() if follow else 0
        for event in open_bus(config, reader).events(after, types or (), follow=follow):
            if form is Format.JSON:
                output.json_line(event_json(event))
            else:
                output.result(
                    output.styled(str(event.seq).rjust(6), "dim"),
                    f"  {event.time}  ",
                    output.styled(event.type, "cyan"),
                    f"  {event.source}  {event.id}  {event.data or ''}",
                )
            output.flush()
