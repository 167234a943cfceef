"""`hms-orch hitl`: what a person is asked, and the decisions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.desk import Actor, open_desk, say_if_nobody_works, show, sound, who
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import UsageError

app = new_app(noun=True)

OUTPUT_BYTES = 200_000
"""Of an output. What the log keeps of it is what it keeps of an answer."""

Item = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The item, as the list shows it.", show_default=False, autocompletion=offers.items
    ),
]


@app.command("list", epilog=examples("hms-orch hitl list", "hms-orch hitl list -o json | jq -r '.[].id'"))
def list_items(form: Output = Format.TEXT) -> None:
    """Show the open items, the oldest first."""
    from hms_orch_cli.cli.log_source import open_log
    from hms_orch_cli.config import load

    with open_log(load()) as log:
        items = log.items()
    if form is Format.JSON:
        output.as_json(items)
    elif not items:
        output.note("nobody is asked anything")
    else:
        columns = ("ID", "KIND", "SAGA", "STEP", "SINCE", "DECISIONS", "REASON")
        output.table(columns, [_cells(item) for item in items])


def _cells(item: dict[str, Any]) -> tuple[str, ...]:
    decisions = " ".join(item["decisions"])
    return (item["id"], item["kind"], item["saga"], item["step"] or "", item["since"], decisions, item["reason"][:120])


@app.command("show", epilog=examples("hms-orch hitl show 00000000-0002-8a41-9c3b-5d2e7f601b38.1"))
def show_item(item: Item, form: Output = Format.TEXT) -> None:
    """Show one item: what is asked, how it can be decided, or what became of it."""
    from hms_orch_cli.cli.log_source import open_log
    from hms_orch_cli.config import load

    with open_log(load()) as log:
        found = log.item(sound(item, "the item"))
    if form is Format.JSON:
        output.as_json(found)
        return
    output.result(f"{found['id']}  {found['kind']}  ", output.styled(found["state"], "bold"))
    about = ("saga", "sagaId", "step", "reason", "since", "expiresAt", "decision", "actor", "note", "ended")
    for name in about:
        if found[name]:
            output.result(f"  {name.ljust(9)}  {found[name]}")
    for decision in found["decisions"] if found["state"] == "open" else ():
        output.result("  ", output.styled(f"hms-orch hitl decide {found['id']} {decision} --note TEXT", "cyan"))


@app.command(
    epilog=examples(
        'hms-orch hitl decide 00000000-0002-8a41-9c3b-5d2e7f601b38.1 retry --note "the gateway is back"',
        'hms-orch hitl decide 00000000-0002-8a41-9c3b-5d2e7f601b38.2 approve --note "ok" --actor ann',
        """hms-orch hitl decide 00000000-0002-8a41-9c3b-5d2e7f601b38.3 done --note "by hand" --output '{"id": 7}'""",
    )
)
def decide(
    item: Item,
    decision: Annotated[
        str,
        typer.Argument(
            metavar="DECISION",
            help="One of those that the item lists.",
            show_default=False,
            autocompletion=offers.decisions,
        ),
    ],
    note: Annotated[str, typer.Option("--note", help="Why, for the log. It has to be there.", show_default=False)],
    output_: Annotated[
        str | None,
        typer.Option(
            "--output", metavar="JSON", help="With done or approve: what the step has answered. JSON, @FILE or -."
        ),
    ] = None,
    actor: Actor = None,
) -> None:
    """Decide an open item, once.

    \b
    a failing or stuck undo   retry, undone (it is done by hand), abandon (the run, without undo)
    a step that is held       retry, done (by hand), skip, compensate (turn back)
    an approval               approve, reject (turn back)
    a definition              done (it was looked at)
    """
    from hms_orch_cli.application.operations import MISSING
    from hms_orch_cli.config import load
    from hms_orch_cli.saga.attention import DECISIONS

    known = dict.fromkeys(word for words in DECISIONS.values() for word in words)
    if decision not in known:
        raise UsageError(f"{decision[:40]!r} is no decision", f"known are {', '.join(known)}")
    config = load()
    by, why, item = who(config, actor), sound(note, "the note"), sound(item, "the item")
    given = MISSING if output_ is None else _json(output_)
    with open_desk(config) as desk:
        run = desk.decide(item, decision, by, why, given)
    if run is None:
        output.result(f"{item}  {decision}")
        return
    show(run, Format.TEXT)
    say_if_nobody_works(config)


def _json(given: str) -> Any:
    """The value of --output. Raises UsageError."""
    import orjson

    from hms_orch_cli.saga.nesting import MAX_NESTING, is_too_deep

    try:
        value = orjson.loads(_bytes(given))
    except orjson.JSONDecodeError as error:
        raise UsageError(f"--output is not JSON: {error}", """quote it for the shell: --output '{"a": 1}'""") from error
    if is_too_deep(value):
        raise UsageError(f"--output nests deeper than {MAX_NESTING} levels", "give what later steps read, and no more")
    return value


def _bytes(given: str) -> bytes:
    try:
        if given == "-":
            raw = sys.stdin.buffer.read(OUTPUT_BYTES + 1)
        elif given.startswith("@"):
            with Path(given[1:]).open("rb") as file:
                raw = file.read(OUTPUT_BYTES + 1)
        else:
            raw = given.encode(errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"{given[1:]} cannot be read: {error.strerror}", "check the path") from error
    if len(raw) > OUTPUT_BYTES:
        raise UsageError(f"--output is over {OUTPUT_BYTES} bytes", "give what later steps read, and no more")
    return raw
