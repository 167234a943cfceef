"""`hms-bus tail`: follow the log."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hms_orch_cli.cli import offers, output
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
        list[str] | None,
        typer.Option("--type", help="Only events of this type; may be given again.", autocompletion=offers.event_types),
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
    from hms_orch_cli.cli.log_source import open_log
    from hms_orch_cli.config import load

    with open_log(load()) as log:
        after = start - 1 if start is not None else log.last_seq() if follow else 0
        for event in log.events(after, types or (), follow=follow):
            if form is Format.JSON:
                output.json_line(event)
            else:
                output.result(*_line(event))
            output.flush()


def _line(event: dict[str, Any]) -> list[Any]:
    import json

    data = json.dumps(event["data"], ensure_ascii=False) if "data" in event else ""
    return [
        output.styled(str(event["seq"]).rjust(6), "dim"),
        f"  {event['time']}  ",
        output.styled(event["type"], "cyan"),
        f"  {event['source']}  {event['id']}  {data}",
    ]
