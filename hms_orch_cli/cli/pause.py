"""`hms-orch pause` and `resume`: a run, or a definition, begins nothing until it may go on."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.desk import Actor, Note, open_desk, say_if_nobody_works, sound, steer, who
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import UsageError

app = new_app()
resume_app = new_app()

OneRun = Annotated[
    str | None,
    typer.Argument(metavar="[SAGA_ID]", help="The run.", show_default=False, autocompletion=offers.unfinished_runs),
]
Definition = Annotated[
    str | None,
    typer.Option("--saga", metavar="ID", help="The definition instead of a run.", autocompletion=offers.definitions),
]


@app.command(
    epilog=examples(
        "hms-orch pause 00000000-0002-8a41-9c3b-5d2e7f601b38",
        'hms-orch pause --saga dol.benefit.increase.v1 --note "payment-svc is down until 6"',
    )
)
def pause(
    saga_id: OneRun = None,
    saga: Definition = None,
    note: Note = "",
    actor: Actor = None,
    form: Output = Format.TEXT,
) -> None:
    """Let a run begin nothing any more, or a definition start no run.

    Calls in flight settle. The events of a paused definition wait in the log until it is resumed; its runs go on.
    """
    _steer("pause", saga_id, saga, actor, note, form)


@resume_app.command(
    epilog=examples(
        "hms-orch resume 00000000-0002-8a41-9c3b-5d2e7f601b38",
        "hms-orch resume --saga dol.benefit.increase.v1",
    )
)
def resume(
    saga_id: OneRun = None,
    saga: Definition = None,
    note: Note = "",
    actor: Actor = None,
    form: Output = Format.TEXT,
) -> None:
    """Let a paused run go on, or a paused definition meet the events that have waited."""
    _steer("resume", saga_id, saga, actor, note, form)


def _steer(
    verb: Literal["pause", "resume"], saga_id: str | None, saga: str | None, actor: str | None, note: str, form: Format
) -> None:
    if (saga_id is None) is (saga is None):
        raise UsageError(f"{verb} takes one run or one definition", f"hms-orch {verb} SAGA_ID, or --saga ID")
    if saga_id is not None:
        steer(verb, saga_id, actor, note, form)
        return
    from hms_orch_cli.config import load

    config = load()
    by, why, name = who(config, actor), sound(note, "the note"), sound(saga or "", "the definition")
    with open_desk(config) as desk:
        desk.steer_definition(verb, name, by, why)
    if form is Format.JSON:
        output.as_json({"id": name, "paused": verb == "pause"})
    else:
        output.result(f"{name}  ", output.styled(f"{verb}d", "blue"))
    say_if_nobody_works(config)
