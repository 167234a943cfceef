"""`hms-orch deploy` and `undeploy`: which definitions hold from now on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.program import examples, new_app

if TYPE_CHECKING:
    from hms_orch_cli.application.deploy import Deployment, Standing
    from hms_orch_cli.cli.remote import Remote
    from hms_orch_cli.config import Config
    from hms_orch_cli.ports.store import Append, EventStore
    from hms_orch_cli.sagafile.check import Document

app = new_app()
undeploy_app = new_app()

WOULD_CHANGE = 4


class Form(StrEnum):
    """How deployments are printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@app.command(
    epilog=examples(
        "hms-orch deploy sagas/benefit-increase.yaml",
        "hms-orch deploy sagas/ --dry-run                    # exit code 4 if it would change something",
        "hms-orch deploy sagas/ --dry-run -o markdown        # for a comment in a review",
    )
)
def deploy(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders, or - for stdin.", show_default=False)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change; exit code 4 if so.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    form: Annotated[
        Form,
        typer.Option("--output", "-o", help="text; json: stable, for programs; markdown: for a comment in a review."),
    ] = Form.TEXT,
) -> None:
    """Validate saga files and record what holds from now on.

    All files are deployed, or none.
    """
    from hms_orch_cli.cli.deployments import as_markdown, show
    from hms_orch_cli.config import load

    config = load()
    documents = list(_documents(config, paths, strict))
    deployments = _planned(config, documents) if dry_run else _deployed(config, documents)
    if form is Form.JSON:
        output.as_json([deployment.to_json() for deployment in deployments])
    elif form is Form.MARKDOWN:
        output.text(as_markdown(deployments, dry_run=dry_run))
    else:
        show(deployments)
    if dry_run and any(deployment.change != "unchanged" for deployment in deployments):
        raise typer.Exit(WOULD_CHANGE)


@undeploy_app.command(epilog=examples("hms-orch undeploy dol.benefit.increase.v1"))
def undeploy(
    saga: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="The definition's id.", show_default=False, autocompletion=offers.definitions
        ),
    ],
) -> None:
    """Let a definition start no run from now on; runs in flight go on with their revision."""
    from hms_orch_cli.application.deploy import undeploy_append
    from hms_orch_cli.cli.remote import Remote, find_writer
    from hms_orch_cli.config import load
    from hms_orch_cli.wiring import open_store

    config = load()
    writer = find_writer(config)
    if isinstance(writer, Remote):
        from urllib.parse import quote

        writer.delete(f"/v1/definitions/{quote(saga, safe='')}")
    else:
        with writer:
            store = open_store(config)
            try:
                _append(store, [undeploy_append(store, saga, _now_ms())])
            finally:
                store.close()
    output.result(output.styled("-", "yellow"), f" {saga}  undeployed")


def _documents(config: Config, paths: list[str], strict: bool) -> Iterator[Document]:
    """The definitions in the files. Raises SagaFileError once all that is wrong has been said."""
    from hms_orch_cli.cli.validate import files
    from hms_orch_cli.errors import SagaFileError
    from hms_orch_cli.sagafile.project import check_files
    from hms_orch_cli.sagafile.reports.text import as_text
    from hms_orch_cli.wiring import expressions

    found = list(files(paths, tests=False))
    results = check_files(found, expressions(), services=config.services, strict=strict)
    checked = [(name, each) for (name, _), each in zip(found, results, strict=True)]
    for _, each in checked:
        if said := as_text(each.findings, each.left_out):
            output.text(said, sys.stderr)
    wrong = [name for name, each in checked if not each.ok]
    if wrong:
        raise SagaFileError(f"nothing was deployed, for errors in {', '.join(wrong)}", "correct what is named above")
    seen: dict[str, str] = {}
    for name, each in checked:
        for document in each.documents:
            if document.saga.id in seen:
                raise SagaFileError(
                    f"nothing was deployed: {document.saga.id} stands in {seen[document.saga.id]} and in {name}",
                    "one definition, one file: give one of them another id",
                )
            seen[document.saga.id] = name
            yield document
    if not seen:
        raise SagaFileError("nothing was deployed: there is no saga in these files")


def _planned(config: Config, documents: list[Document]) -> list[Deployment]:
    from hms_orch_cli.application.deploy import NOTHING, plan, standing
    from hms_orch_cli.application.run_list import in_flight
    from hms_orch_cli.cli.remote import Remote
    from hms_orch_cli.errors import StoreMissing
    from hms_orch_cli.wiring import open_reader

    if config.url:
        there, going = _at_server(Remote(config.url, config.token))
    else:
        try:
            with open_reader(config) as reader:
                there = {each.saga.id: standing(reader, each.saga.id) for each in documents}
                going = in_flight(reader)
        except StoreMissing:
            there, going = {}, {}
    return [
        plan(there.get(each.saga.id, NOTHING), each.saga.id, each.revision, each.content, going.get(each.saga.id, {}))
        for each in documents
    ]


def _at_server(server: Remote) -> tuple[Mapping[str, Standing], Mapping[str, Any]]:
    """What holds there, and the runs that are in flight, by definition."""
    from hms_orch_cli.application.deploy import Standing

    told = server.get("/v1/definitions")["definitions"]
    there = {each["id"]: Standing(0, each["revision"], each["content"]) for each in told}
    return there, {each["id"]: each["inFlight"] for each in told}


def _deployed(config: Config, documents: list[Document]) -> list[Deployment]:
    from hms_orch_cli.application.deploy import Deployment, deploy_append, plan, standing
    from hms_orch_cli.application.run_list import in_flight
    from hms_orch_cli.cli.remote import Remote, find_writer
    from hms_orch_cli.wiring import open_store

    writer = find_writer(config)
    if isinstance(writer, Remote):
        return [Deployment.from_json(writer.post("/v1/definitions", each.content)) for each in documents]
    deployments: list[Deployment] = []
    batch: list[Append] = []
    with writer:
        store = open_store(config)
        try:
            going = in_flight(store)
            for each in documents:
                now, running = standing(store, each.saga.id), going.get(each.saga.id, {})
                deployments.append(plan(now, each.saga.id, each.revision, each.content, running))
                if now.revision != each.revision:
                    batch.append(deploy_append(each.saga.id, each.revision, each.content, now.version, _now_ms()))
            _append(store, batch)
        finally:
            store.close()
    return deployments


def _append(store: EventStore, batch: list[Append]) -> None:
    for result in store.append(batch):
        if isinstance(result, Exception):
            raise result


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
