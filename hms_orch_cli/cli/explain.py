"""`hms-orch explain`: why a run does not move, in one sentence."""

from __future__ import annotations

from hms_orch_cli.cli import output
from hms_orch_cli.cli.desk import SagaId, sound
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app

app = new_app()


@app.command(
    epilog=examples(
        "hms-orch explain 00000000-0002-8a41-9c3b-5d2e7f601b38",
        "hms-orch explain 00000000-0002-8a41-9c3b-5d2e7f601b38 -o json | jq -r .explanation",
    )
)
def explain(saga_id: SagaId, form: Output = Format.TEXT) -> None:
    """Say in one sentence why a run does not move: what it waits for, until when, and who can move it."""
    from hms_orch_cli.cli.log_source import open_log
    from hms_orch_cli.config import load

    with open_log(load()) as log:
        told = log.explain(sound(saga_id, "the run"))
    if form is Format.JSON:
        output.as_json(told)
    else:
        output.result(told["explanation"])
