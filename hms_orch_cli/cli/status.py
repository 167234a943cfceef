"""`hms-orch status`: the runs, or one run's timeline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hms_orch_cli.cli import output
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import NotFound, UsageError

if TYPE_CHECKING:
    from hms_orch_cli.application.overview import RunView
    from hms_orch_cli.config import Config
    from hms_orch_cli.ports import RunRow

app = new_app()

WATCH_S = 1.0
FAILED_CODE = 1

STYLES = {
    "COMPLETED": "green",
    "FAILED": "red",
    "STUCK": "red bold",
    "COMPENSATING": "yellow",
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
        str | None, typer.Argument(metavar="[SAGA_ID]", help="One run, with its timeline.", show_default=False)
    ] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Only runs in these states: stuck,failed or given again.")
    ] = None,
    saga: Annotated[str | None, typer.Option(help="Only runs of this definition.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many runs.")] = 100,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every second.")] = False,
    fail_on: Annotated[
        list[str] | None, typer.Option("--fail-on", help="Exit code 1 if a listed run is in one of these states.")
    ] = None,
    form: Output = Format.TEXT,
) -> None:
    """Show the runs, newest first, or one run's timeline."""
    from hms_orch_cli.config import load

    config = load()
    states, failing = _states(state), _states(fail_on)
    while True:
        if saga_id is not None:
            rows = [_show_run(config, saga_id, form)]
        else:
            rows = _rows(config, saga, states, limit)
            _show_rows(rows, form)
        if not watch:
            break
        output.flush()
        time.sleep(WATCH_S)
    if any(row.state in failing for row in rows) or (failing and saga_id is None and _elsewhere(config, saga, failing)):
        raise typer.Exit(FAILED_CODE)


def _states(given: Sequence[str] | None) -> list[str]:
    from hms_orch_cli.views.runs import STATES

    wanted = [word.strip().upper() for each in given or () for word in each.split(",") if word.strip()]
    for word in wanted:
        if word not in STATES:
            raise UsageError(f"{word.lower()!r} is no state of a run", f"known: {', '.join(STATES).lower()}")
    return wanted


def _rows(config: Config, saga: str | None, states: list[str], limit: int) -> list[RunRow]:
    from hms_orch_cli.application.overview import list_runs
    from hms_orch_cli.wiring import open_reader

    with open_reader(config) as reader:
        return list_runs(reader, saga=saga, states=states, limit=limit)


def _elsewhere(config: Config, saga: str | None, failing: list[str]) -> bool:
    """Whether a run beyond the listed ones is in one of these states."""
    return bool(_rows(config, saga, failing, 1))


def _show_rows(rows: list[RunRow], form: Format) -> None:
    from hms_orch_cli.application.overview import run_json

    if form is Format.JSON:
        output.as_json([run_json(row) for row in rows])
    elif not rows:
        output.note("no runs; publish an event that a deployed saga is triggered by")
    else:
        output.table(("SAGA ID", "SAGA", "STATE", "STARTED", "TOOK", "REASON"), [_cells(row) for row in rows])


def _cells(row: RunRow) -> list[Any]:
    from hms_orch_cli.saga.moment import rfc3339

    took = "" if row.ended_at is None else output.duration(row.ended_at - row.started_at)
    state = output.styled(row.state, STYLES.get(row.state, ""))
    return [row.saga_id, row.saga, state, rfc3339(row.started_at), took, row.reason[:120]]


def _show_run(config: Config, saga_id: str, form: Format) -> RunRow:
    from hms_orch_cli.application.overview import one_run, timeline_json
    from hms_orch_cli.errors import StoreMissing
    from hms_orch_cli.wiring import open_reader

    try:
        with open_reader(config) as reader:
            view = one_run(reader, saga_id)
    except StoreMissing as missing:
        raise NotFound(f"there is no run {saga_id}", missing.hint) from missing
    if form is Format.JSON:
        output.as_json([timeline_json(view)])
    else:
        show_timeline(view)
    return view.row


def show_timeline(view: RunView) -> None:
    """One run as text: where it stands, its steps, and what happened to it."""
    import json

    row = view.row
    output.result(f"{row.saga_id}  {row.saga}  ", output.styled(row.state, STYLES.get(row.state, "")))
    if row.reason:
        output.result(f"  {row.reason}")
    output.result(f"  triggered by {row.event_type} {row.event_id} of {row.event_source} at position {row.event_seq}")
    for step in json.loads(row.steps):
        attempts = f"  {step['attempts']} attempts" if step["attempts"] > 1 else ""
        output.result(
            "  ",
            output.styled(step["state"].ljust(12), STYLES.get(step["state"], "dim")),
            f" {step['name']}{attempts}  {step['summary'] or ''}",
        )
    for event in view.events:
        data = json.loads(event.data or "{}")
        about = " ".join(filter(None, (_name(data), _words(data))))
        output.result(output.styled(f"  {str(event.seq).rjust(6)}  {event.time}", "dim"), f"  {event.type}  {about}")


def _name(data: dict[str, Any]) -> str:
    step = data.get("step")
    return str(step.get("name", "")) if isinstance(step, dict) else ""


def _words(data: dict[str, Any]) -> str:
    parts = []
    if data.get("attempt"):
        parts.append(f"attempt {data['attempt']}")
    parts += [str(data[key]) for key in ("status", "summary", "reason") if data.get(key)]
    return ", ".join(parts)
