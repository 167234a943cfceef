"""`hms-orch status`: the runs, or one run's timeline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import UsageError
from hms_orch_cli.saga.moment import duration

app = new_app()

WATCH_S = 1.0
FAILED_CODE = 1

STYLES = {
    "COMPLETED": "green",
    "FAILED": "red",
    "STUCK": "red bold",
    "COMPENSATING": "yellow",
    "CANCELLED": "red",
    "ABANDONED": "red",
    "PAUSED": "blue",
    "WAITING": "cyan",
    "RUNNING": "cyan",
    "SUCCEEDED": "green",
    "COMPENSATED": "yellow",
    "UNKNOWN": "red",
    "RETRYING": "yellow",
}


@app.command(
    epilog=examples(
        "hms-orch status",
        "hms-orch status --state stuck,failed -o json",
        "hms-orch status 00000000-0002-8a41-9c3b-5d2e7f601b38",
        "hms-orch status --fail-on stuck,failed     # exit code 1 if there is one: for cron and CI",
    )
)
def status(
    saga_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[SAGA_ID]", help="One run, with its timeline.", show_default=False, autocompletion=offers.runs
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only runs in these states: stuck,failed or given again.", autocompletion=offers.states),
    ] = None,
    saga: Annotated[
        str | None, typer.Option(help="Only runs of this definition.", autocompletion=offers.definitions)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many runs.")] = 100,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every second.")] = False,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on", help="Exit code 1 if a listed run is in one of these states.", autocompletion=offers.states
        ),
    ] = None,
    form: Output = Format.TEXT,
) -> None:
    """Show the runs, newest first, or one run's timeline."""
    from hms_orch_cli.cli.log_source import open_log
    from hms_orch_cli.config import load

    states, failing = states_of(state), states_of(fail_on)
    with open_log(load()) as log:
        while True:
            if saga_id is not None:
                found = [log.run(saga_id)]
                _show_run(found[0], form)
            else:
                found = log.runs(saga, states, limit)
                _show_runs(found, form)
            if not watch:
                break
            output.flush()
            time.sleep(WATCH_S)
        if failing and saga_id is None:
            found += log.runs(saga, failing, 1)  # what was not listed counts as well
    if any(run["state"] in failing for run in found):
        raise typer.Exit(FAILED_CODE)


def states_of(given: Sequence[str] | None) -> list[str]:
    """States as words of an option: in either case, split at commas. Raises UsageError for an unknown one."""
    from hms_orch_cli.views.states import STATES

    wanted = [word.strip().upper() for each in given or () for word in each.split(",") if word.strip()]
    for word in wanted:
        if word not in STATES:
            raise UsageError(f"{word.lower()!r} is no state of a run", f"known: {', '.join(STATES).lower()}")
    return wanted


def _show_runs(runs: list[dict[str, Any]], form: Format) -> None:
    if form is Format.JSON:
        output.as_json(runs)
    elif not runs:
        output.note("no runs; publish an event that a deployed saga is triggered by")
    else:
        output.table(("SAGA ID", "SAGA", "STATE", "STARTED", "TOOK", "REASON"), [_cells(run) for run in runs])


def _cells(run: dict[str, Any]) -> list[Any]:
    took = "" if run["durationMs"] is None else duration(run["durationMs"])
    state = output.styled(run["state"], STYLES.get(run["state"], ""))
    return [run["sagaId"], run["saga"], state, run["startedAt"], took, run["reason"][:120]]


def _show_run(run: dict[str, Any], form: Format) -> None:
    if form is Format.JSON:
        output.as_json([run])
    else:
        show_timeline(run)


def show_timeline(run: dict[str, Any]) -> None:
    """One run as text: where it stands, its steps, and what happened to it."""
    output.result(f"{run['sagaId']}  {run['saga']}  ", output.styled(run["state"], STYLES.get(run["state"], "")))
    if run["reason"]:
        output.result(f"  {run['reason']}")
    event = run["event"]
    output.result(f"  triggered by {event['type']} {event['id']} of {event['source']}")
    if run.get("redriveOf"):
        output.result(f"  takes the place of run {run['redriveOf']}")
    if run.get("replacedBy"):
        output.result(f"  replaced by run {run['replacedBy']}")
    for step in run["steps"]:
        attempts = f"  {step['attempts']} attempts" if step["attempts"] > 1 else ""
        output.result(
            "  ",
            output.styled(step["state"].ljust(12), STYLES.get(step["state"], "dim")),
            f" {step['name']}{attempts}  {step['summary'] or ''}",
        )
    for fact in run["timeline"]:
        data = fact["data"] or {}
        about = " ".join(filter(None, (_name(data), _words(data))))
        output.result(
            output.styled(f"  {str(fact['seq']).rjust(6)}  {fact['time']}", "dim"), f"  {fact['type']}  {about}"
        )


def _name(data: dict[str, Any]) -> str:
    step = data.get("step")
    return str(step.get("name", "")) if isinstance(step, dict) else ""


def _words(data: dict[str, Any]) -> str:
    parts = []
    if data.get("attempt"):
        parts.append(f"attempt {data['attempt']}")
    parts += [str(data[key]) for key in ("status", "summary", "reason") if data.get(key)]
    return ", ".join(parts)
