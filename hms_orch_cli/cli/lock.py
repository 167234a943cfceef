"""`hms-orch lock`: who holds which lock, who stands in line, and taking one away."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.desk import Actor, open_desk, say_if_nobody_works, show, sound, who
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app

app = new_app(noun=True)


@app.command("list", epilog=examples("hms-orch lock list", "hms-orch lock list -o json"))
def list_locks(form: Output = Format.TEXT) -> None:
    """Show every lock that is held or waited for: its holder, and its line in order."""
    from hms_orch_cli.cli.log_source import open_log
    from hms_orch_cli.config import load

    with open_log(load()) as log:
        locks = log.locks()
    if form is Format.JSON:
        output.as_json(locks)
    elif not locks:
        output.note("no run holds a lock or waits for one")
    else:
        output.table(("KEY", "PLACE", "SAGA ID", "SAGA", "STATE", "STARTED", "FENCE"), list(_rows(locks)))


def _rows(locks: list[dict[str, Any]]) -> Any:
    import json

    for lock in locks:
        key = json.dumps(lock["key"], ensure_ascii=False, separators=(",", ":"))
        line = [("holds", lock["holder"])] if lock["holder"] else []
        line += [(f"waits {place}", each) for place, each in enumerate(lock["queue"], 1)]
        for place, run in line:
            fence = str(run.get("fence", ""))
            yield (key, place, run["sagaId"], run["saga"], run["state"], run["startedAt"], fence)


@app.command(
    epilog=examples(
        'hms-orch lock release citizen-4711 --note "run 00000000-0002 is dead, see ticket 12"',
        """hms-orch lock release '"4711"' --note "the key is a text that looks like a number" """.strip(),
    )
)
def release(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY",
            help="As the list shows it; a text that is no JSON without quotes.",
            autocompletion=offers.locks,
        ),
    ],
    note: Annotated[str, typer.Option("--note", help="Why, for the log. It has to be there.", show_default=False)],
    actor: Actor = None,
    form: Output = Format.TEXT,
) -> None:
    """Take a lock from the run that holds it: the next in line gets it.

    The run itself goes on, without the lock: look whether it is really dead, or pause it before.
    """
    from hms_orch_cli.config import load

    config = load()
    by, why, key = who(config, actor), sound(note, "the note"), sound(key, "the key")
    with open_desk(config) as desk:
        run = desk.release(key, by, why)
    show(run, form)
    say_if_nobody_works(config)
