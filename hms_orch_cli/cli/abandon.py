"""`hms-orch abandon`: close a run as it stands."""

from __future__ import annotations

from typing import Annotated

import typer

from hms_orch_cli.cli.desk import Actor, SagaId, steer
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app

app = new_app()


@app.command(
    epilog=examples(
        'hms-orch abandon 00000000-0002-8a41-9c3b-5d2e7f601b38 --note "put right by hand, ticket 4711"',
    )
)
def abandon(
    saga_id: SagaId,
    note: Annotated[str, typer.Option("--note", help="Why, for the log. It has to be there.", show_default=False)],
    actor: Actor = None,
    form: Output = Format.TEXT,
) -> None:
    """Close a run as it stands, without undo: it ends ABANDONED.

    What its steps have done stays done. Any run that has not ended can be abandoned, a STUCK one too.
    """
    steer("abandon", saga_id, actor, note, form)
