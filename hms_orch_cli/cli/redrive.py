"""`hms-orch redrive`: let runs that ended without success go on, or start them anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.desk import Actor, Note, open_desk, say_if_nobody_works, sound, who
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import NotAllowed, NotFound, UsageError

if TYPE_CHECKING:
    from hms_orch_cli.config import Config

app = new_app()

REFUSED_CODE = 1
REDRIVABLE = ("FAILED", "CANCELLED", "ABANDONED")
PAGE = 1_000_000
"""Runs that a choice can name at most."""


@app.command(
    epilog=examples(
        "hms-orch redrive 00000000-0002-8a41-9c3b-5d2e7f601b38",
        "hms-orch redrive --saga dol.benefit.increase.v1 --state failed --rate 5",
        "hms-orch redrive 00000000-0002-8a41-9c3b-5d2e7f601b38 --keep-revision",
    )
)
def redrive(
    saga_ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SAGA_ID...]", help="The runs.", show_default=False, autocompletion=offers.redrivable_runs
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="All runs in these states: failed,cancelled,abandoned or given again.", autocompletion=offers.states
        ),
    ] = None,
    saga: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="With --state: only runs of this definition.", autocompletion=offers.definitions
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="At most so many runs a second; without it, all at once.")
    ] = None,
    keep_revision: Annotated[
        bool, typer.Option("--keep-revision", help="Also if another revision is deployed by now.")
    ] = False,
    note: Note = "",
    actor: Actor = None,
    form: Output = Format.TEXT,
) -> None:
    """Let runs that ended without success go on, or start them anew.

    A run that has undone nothing goes on where it failed, under its own id. One that has undone something is started
    anew, as a run that takes its place. Exit code 1 if one of them was refused.
    """
    from hms_orch_cli.config import load

    config = load()
    by, why = who(config, actor), sound(note, "the note")
    chosen = _chosen(config, saga_ids or [], state, saga)
    told: list[dict[str, Any]] = []
    try:
        for saga_id in paced(chosen, rate):
            told.append(_redriven(config, saga_id, by, why, keep_revision))
            if form is Format.TEXT:
                _say(told[-1])
    finally:  # what was done is told, also if the rest is not: the server is gone, or Ctrl-C
        if form is Format.JSON:
            output.as_json(told)
    if not told:
        output.note("no run fits: nothing to redrive")
    elif any(each["outcome"] != "refused" for each in told):
        say_if_nobody_works(config)
    if any(each["outcome"] == "refused" for each in told):
        raise typer.Exit(REFUSED_CODE)


def paced(
    saga_ids: list[str],
    rate: float | None,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """The ids, at most `rate` of them a second."""
    begun = now()
    for number, saga_id in enumerate(saga_ids):
        if rate is not None and (early := begun + number / rate - now()) > 0:
            output.flush()
            sleep(early)
        yield saga_id


def _chosen(config: Config, saga_ids: list[str], state: list[str] | None, saga: str | None) -> list[str]:
    """The runs that are meant, each once. Raises UsageError if nothing says which."""
    from hms_orch_cli.cli.status import states_of

    if saga_ids:
        if state or saga is not None:
            raise UsageError("runs are named, or chosen by --state and --saga, not both", "leave out one of them")
        return [sound(saga_id, "a run's id") for saga_id in dict.fromkeys(saga_ids)]
    states = states_of(state)
    if not states:
        raise UsageError("nothing says which runs", "name them, or choose: --state failed, with --saga ID for some")
    for word in states:
        if word not in REDRIVABLE:
            raise UsageError(
                f"a run that is {word} cannot be redriven", f"only those that are {', '.join(REDRIVABLE).lower()}"
            )
    from hms_orch_cli.cli.log_source import open_log

    with open_log(config) as log:
        runs = [run["sagaId"] for run in log.runs(saga, states, PAGE)]
        # The oldest first: in the order in which their events came. What has been replaced is no run to redrive.
        return [saga_id for saga_id in reversed(runs) if log.run(saga_id)["replacedBy"] is None]


def _redriven(config: Config, saga_id: str, actor: str, note: str, keep_revision: bool) -> dict[str, Any]:
    """What became of one run. The store is held for each alone, so that others get a turn."""
    try:
        with open_desk(config) as desk:
            answer = desk.redrive(saga_id, actor, note, keep_revision=keep_revision)
    except (NotFound, NotAllowed) as refused:
        return {"sagaId": saga_id, "outcome": "refused", "runId": None, "reason": refused.message, "hint": refused.hint}
    outcome = "continued" if answer["redriveOf"] is None else "restarted"
    return {"sagaId": saga_id, "outcome": outcome, "runId": answer["sagaId"], "reason": None, "hint": None}


def _say(told: dict[str, Any]) -> None:
    if told["outcome"] == "refused":
        output.error(told["reason"], told["hint"])
    elif told["outcome"] == "continued":
        output.result(f"{told['sagaId']}  ", output.styled("goes on", "green"))
    else:
        output.result(f"{told['sagaId']}  ", output.styled("started anew", "green"), f" as {told['runId']}")
