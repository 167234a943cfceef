"""`hms-orch graph`: a saga as a drawing, its way forward and its way back; or a run on it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.program import examples, new_app

if TYPE_CHECKING:
    from hms_orch_cli.config import Config
    from hms_orch_cli.views.graph import Graph

app = new_app()

_RUN: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Drawing(StrEnum):
    """How a graph is drawn."""

    TEXT = "text"
    MERMAID = "mermaid"
    DOT = "dot"


@app.command(
    epilog=examples(
        "hms-orch graph sagas/benefit-increase.yaml",
        "hms-orch graph dol.benefit.increase.v1 --format mermaid     # what is deployed",
        "hms-orch graph 00000000-0002-8a41-9c3b-5d2e7f601b38         # a run, and where it stands",
        "hms-orch graph sagas/benefit-increase.yaml --format dot | dot -Tsvg > saga.svg",
    )
)
def graph(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|DEFINITION|SAGA_ID",
            help="A saga file (- for stdin), the id of a deployed definition, or a run.",
            show_default=False,
            autocompletion=offers.drawable,
        ),
    ],
    form: Annotated[Drawing, typer.Option("--format", help="text, or for other programs.")] = Drawing.TEXT,
) -> None:
    """Draw a saga: what it does from top to bottom, and how it is undone from bottom to top.

    With a run's id the drawing shows where the run stands.
    """
    from hms_orch_cli.config import load

    graphs = list(_graphs(load(), what))
    for place, each in enumerate(graphs):
        if form is Drawing.MERMAID:
            from hms_orch_cli.cli.drawings.mermaid import mermaid

            output.text(mermaid(each))
        elif form is Drawing.DOT:
            from hms_orch_cli.cli.drawings.dot import dot

            output.text(dot(each))
        else:
            _show(each, first=place == 0)


def _show(each: Graph, *, first: bool) -> None:
    from hms_orch_cli.cli.drawings.terminal import drawn
    from hms_orch_cli.cli.status import STYLES

    if not first:
        output.result()
    output.plain_lines(drawn(each, output.columns(), STYLES))


def _graphs(config: Config, what: str) -> Iterator[Graph]:
    if what == "-" or os.path.lexists(what) or what.endswith((".yaml", ".yml")):
        yield from _of_file(config, what)
        return
    from hms_orch_cli.cli.desk import sound
    from hms_orch_cli.cli.log_source import open_log
    from hms_orch_cli.saga.definition import saga_from
    from hms_orch_cli.views.graph import graph_of

    name = sound(what, "what to draw")
    with open_log(config) as log:
        run = log.run(name) if _RUN.fullmatch(name) else None
        told = log.definition(name) if run is None else log.definition(run["saga"], run["revision"])
    yield graph_of(saga_from(told["content"], told["revision"]), run)


def _of_file(config: Config, name: str) -> Iterator[Graph]:
    """The sagas of a file. Raises SagaFileError once all that is wrong with it has been said."""
    from hms_orch_cli.cli.validate import files
    from hms_orch_cli.errors import SagaFileError, UsageError
    from hms_orch_cli.sagafile.check import check
    from hms_orch_cli.sagafile.paths import is_test
    from hms_orch_cli.sagafile.reports.text import as_text
    from hms_orch_cli.views.graph import graph_of
    from hms_orch_cli.wiring import expressions

    if name != "-" and os.path.isdir(name):  # noqa: PTH112  unlike Path.is_dir it never raises
        raise UsageError(f"{name} is a folder", "name one of its files")
    if is_test(name):
        raise UsageError(f"{name} holds tests, no saga", "name the saga's own file")
    for file, data in files([name]):
        checked = check(data, file, expressions(), services=config.services)
        if not checked.ok:
            output.text(as_text(checked.findings, checked.left_out), sys.stderr)
            raise SagaFileError(f"nothing was drawn, for errors in {file}", "correct what is named above")
        yield from (graph_of(document.saga) for document in checked.documents)
