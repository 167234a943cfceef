"""`hms-orch demo`: the tutorial with its three services, a store and an orchestrator, all in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hms_orch_cli.cli import output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.errors import HmsError, NotAllowed, UsageError

if TYPE_CHECKING:
    from hms_orch_cli.config import Config
    from hms_orch_cli.dashboard.serve import Server
    from hms_orch_cli.participant.example import ExampleParticipant, Said
    from hms_orch_cli.ports.store import RunRow

app = new_app()

SAGA = Path("sagas") / "benefit-increase.yaml"
EVENT = "policy.changed"
DATA = '{"policyId":"dol.unemployment.v3"}'
WORK_S = 0.6
"""Seconds that a service takes for a call: long enough to watch."""

RETRY_AFTER_S = 1

STEPS = {
    "recalc_payments": ("payment-svc", "/recalc", "/revert", "117 956 payments updated"),
    "send_notices": ("notice-svc", "/broadcast", "/cancel", "2 001 445 e-mails queued"),
    "archive_rule": ("archive-svc", "/snapshot", "/deleteSnapshot", "snapshot #834 saved"),
}
"""Step -> its service, the paths of its call and its undo, and what the service says when it is done."""


@app.command(
    epilog=examples(
        "hms-orch demo",
        "hms-orch demo --fail send_notices",
        "hms-orch demo --keep ./tutorial    # then: cd tutorial && hms-orch status",
    )
)
def demo(
    fail: Annotated[
        str | None,
        typer.Option(
            metavar="STEP", help=f"Let this step fail: {', '.join(STEPS)}.", autocompletion=lambda: list(STEPS)
        ),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder to work in, kept for a look afterwards.")
    ] = None,
) -> None:
    """Run the tutorial: three services, a saga, an event, and what the console shows of it.

    With --fail a step fails for good and what came before it is undone; that is what was asked for, so the exit code
    is 0 then too. Needs no configuration, no free port of a certain number, and leaves nothing behind but --keep.
    """
    import asyncio

    if fail is not None and fail not in STEPS:
        raise UsageError(f"the tutorial has no step {fail!r}", f"its steps are {', '.join(STEPS)}")
    with _folder(keep) as folder:
        row, events = asyncio.run(_tutorial(folder, fail))
    if row.state != ("COMPLETED" if fail is None else "FAILED"):
        raise HmsError(
            f"the demo ended otherwise than it should: {row.state} {row.reason}", "hms-orch doctor checks this machine"
        )
    _conclude(fail, keep, events)


def _conclude(fail: str | None, keep: Path | None, events: int) -> None:
    if fail is None:
        output.note(f"{events} events tell what happened. The same with a rollback: hms-orch demo --fail send_notices")
    else:
        output.note(f"{events} events tell what happened. A 503 with Retry-After says that nothing was done yet, so")
        output.note(f"{fail} itself is not undone; without Retry-After it would be, as then nobody knows.")
    if keep is not None:
        output.note(f"kept for a look: cd {keep} && hms-orch status && hms-bus tail --from 1 --no-follow")


async def _tutorial(folder: Path, fail: str | None) -> tuple[RunRow, int]:
    """Sets everything up, runs it, takes it down; the run's row and the number of events in the log."""
    from hms_orch_cli.config import load
    from hms_orch_cli.dashboard.serve import bind
    from hms_orch_cli.wiring import hold_store

    services = await _services(fail)
    try:
        _write(folder, {name: service.url for name, service in services.items()})
        config = load(folder, {})
        server = bind("127.0.0.1", 0)
        try:
            with hold_store(config) as holder:
                holder.announce(server.url)
                _introduce(folder, services, server, fail)
                return await _run(config, server)
        finally:
            server.close()
    finally:
        for service in services.values():
            await service.stop()


async def _services(fail: str | None) -> Mapping[str, ExampleParticipant]:
    from hms_orch_cli.participant.example import ExampleParticipant, Said

    services: dict[str, ExampleParticipant] = {}
    for step, (name, call, undo, message) in STEPS.items():
        done = Said(200, {"message": message})
        script = {call: _closed(name) if step == fail else done, undo: Said(200, {"message": "undone"})}
        services[name] = ExampleParticipant(script, WORK_S)
        await services[name].start()
    return services


def _closed(name: str) -> Said:
    from hms_orch_cli.participant.example import Said

    problem = {"type": "about:blank", "status": 503, "title": f"{name} is closed for maintenance"}
    return Said(503, problem, {"Retry-After": str(RETRY_AFTER_S)})


def _write(folder: Path, urls: Mapping[str, str]) -> None:
    """The files of the tutorial: an address book and the saga, as `init` writes it."""
    from importlib.resources import files

    book = "".join(f'{name} = "{url}"\n' for name, url in urls.items())
    saga = folder / SAGA
    try:
        (folder / "hms-orch.toml").write_text(f"[services]\n{book}", encoding="utf-8")
        saga.parent.mkdir()
        saga.write_bytes((files("hms_orch_cli.cli") / "templates" / SAGA.name).read_bytes())
    except OSError as error:
        raise HmsError(f"{error.filename or folder} cannot be written: {error.strerror}", "check its space") from error


def _introduce(folder: Path, services: Mapping[str, ExampleParticipant], server: Server, fail: str | None) -> None:
    output.note(f"The tutorial, with three services in this process, in {folder}")
    for name, service in services.items():
        shut = fail is not None and STEPS[fail][0] == name
        output.note(f"  {name.ljust(12)} {service.url}{f'  answers 503, Retry-After: {RETRY_AFTER_S}' if shut else ''}")
    for command in (
        f"hms-orch deploy {SAGA.as_posix()}",
        f"hms-orch up                                # {server.shown_url}",
        f"hms-bus publish {EVENT} --data '{DATA}'",
    ):
        output.note(output.styled("$ ", "dim"), output.styled(command, "bold"))


async def _run(config: Config, server: Server) -> tuple[RunRow, int]:
    """Deploys, publishes and follows the run to its end."""
    from hms_orch_cli.application.incoming import event_from, new_id
    from hms_orch_cli.cli.console import open_console
    from hms_orch_cli.dashboard.app import App
    from hms_orch_cli.wiring import assemble, open_store

    store = open_store(config)
    console = open_console()
    try:
        works = assemble(config, store, [console], server.shown_url)
        office, orchestrator = works.open_office(), works.orchestrator
        await server.start(App(orchestrator, lambda: office, host=config.host, public_url=server.shown_url))
        orchestrator.start()
        try:
            await office.deploy((config.root / SAGA).read_bytes())
            event = {"type": EVENT, "id": new_id(), "source": "hms-bus"}
            (published,) = await office.publish([event_from(event, DATA, office.clock.now_ms(), office.event_bytes)])
            await orchestrator.until_idle()
            (row,) = office.runs(event_seq=published.position)
            return row, store.last_seq()
        finally:
            await orchestrator.stop()
            await server.stop()
            await works.journal.close()
    finally:
        console.close()
        store.close()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The folder to work in: a temporary one, or one that stays. Raises NotAllowed if there is something in it."""
    if keep is None:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="hms-orch-demo-") as folder:
            yield Path(folder)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise NotAllowed(f"{keep} is not empty", "give --keep a new folder")
    except OSError as error:
        raise HmsError(f"{keep} cannot be used: {error.strerror}", "give --keep another folder") from error
    yield keep.absolute()
