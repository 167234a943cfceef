"""`hms-orch cancel`: undo a run that has not turned back."""

from __future__ import annotations

from hms_orch_cli.cli.desk import Actor, Note, SagaId, steer
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app

app = new_app()


@app.command(
    epilog=examples(
        "hms-orch cancel 00000000-0002-8a41-9c3b-5d2e7f601b38",
        'hms-orch cancel 00000000-0002-8a41-9c3b-5d2e7f601b38 --note "entered twice"',
    )
)
def cancel(saga_id: SagaId, note: Note = "", actor: Actor = None, form: Output = Format.TEXT) -> None:
    """Undo a run that has not turned back.

    Calls in flight settle first; then everything that may have taken effect is undone, and the run ends CANCELLED.
    `hms-orch plan SAGA_ID --cancel` shows the calls before.
    """
    steer("cancel", saga_id, actor, note, form)
