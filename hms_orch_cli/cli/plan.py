"""`hms-orch plan`: the calls that an undo would make, none of them made."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.desk import SagaId, sound
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import UsageError

app = new_app()


@app.command(
    epilog=examples(
        "hms-orch plan 00000000-0002-8a41-9c3b-5d2e7f601b38 --cancel",
        "hms-orch plan 00000000-0002-8a41-9c3b-5d2e7f601b38 --fail-at archive_rule -o json",
    )
)
def plan(
    saga_id: SagaId,
    cancel: Annotated[bool, typer.Option("--cancel", help="What a cancel now would undo.")] = False,
    fail_at: Annotated[
        str | None,
        typer.Option(
            "--fail-at",
            metavar="STEP",
            help="What would be undone if this step were refused.",
            autocompletion=offers.steps,
        ),
    ] = None,
    form: Output = Format.TEXT,
) -> None:
    """Show the calls that an undo would make, in order, with what they would carry. None is made.

    Calls with the same number go side by side. A `?` marks one whose step is in flight: it may turn out to have had no
    effect, and is not undone then.
    """
    from hms_orch_cli.cli.log_source import open_log
    from hms_orch_cli.config import load

    if cancel is bool(fail_at):
        raise UsageError("plan takes --cancel or --fail-at STEP", "say of which undo")
    with open_log(load()) as log:
        calls = log.plan(sound(saga_id, "the run"), None if fail_at is None else sound(fail_at, "the step"))
    if form is Format.JSON:
        output.as_json(calls)
    elif not calls:
        output.note("nothing has to be undone")
    else:
        _show(calls)


def _show(calls: list[dict[str, Any]]) -> None:
    """Call after call, side by side with a bar."""
    import json

    together = Counter(call["order"] for call in calls)
    digits = len(str(calls[-1]["order"]))
    for call in calls:
        bar = "║" if together[call["order"]] > 1 else " "
        doubt = " " if call["certain"] else "?"
        name = output.styled(call["step"], "bold" if call["certain"] else "yellow")
        output.result(f"{str(call['order']).rjust(digits)} {bar}{doubt} ", name, f"  {_what(call)}")
        indent = " " * (digits + 5)
        if "error" in call:
            output.result(indent, output.styled(f"cannot be filled in: {call['error']}", "red"))
        elif call["body"] is not None:
            output.result(indent, output.styled(json.dumps(call["body"], ensure_ascii=False), "dim"))


def _what(call: dict[str, Any]) -> str:
    if call["mode"] == "event":
        return "saga.compensate, to be acknowledged"
    query = "".join(f"{'&' if place else '?'}{name}={value}" for place, (name, value) in enumerate(_query(call)))
    return f"{call['method']} {call['service']}:{call['path']}{query}"


def _query(call: dict[str, Any]) -> Any:
    return call.get("query", {}).items()
