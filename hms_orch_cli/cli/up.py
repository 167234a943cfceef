"""`hms-orch up`: dispatcher, dashboard and API in the foreground, until it is stopped or idle."""

from __future__ import annotations

import gc
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hms_orch_cli.cli.program import examples, new_app

if TYPE_CHECKING:
    from hms_orch_cli.cli.console import Console
    from hms_orch_cli.config import Config
    from hms_orch_cli.dashboard.serve import Server
    from hms_orch_cli.event_store.holder import Holder


class LogFormat(StrEnum):
    """How the console and everything on stderr is written."""

    TEXT = "text"
    JSON = "json"


NEW_OBJECTS = 10_000
"""New objects, less those that are gone, at which garbage is looked for. The calls under way come and go by thousands
of objects, which are gone without it; each look walks over those that are there at the moment."""

app = new_app()

EXAMPLES = examples(
    "hms-orch up",
    "hms-orch up --port 7700",
    "hms-orch up --until-idle        # run what there is to run, then end",
    "hms-orch up --log-format json   # a JSON object a line, for programs",
)


@app.command(epilog=EXAMPLES)
def up(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port of the dashboard and the API; 0 takes a free one.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; beyond this machine it needs a token.")
    ] = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing moves without a person, an event or a callback.")
    ] = False,
    log_format: Annotated[
        LogFormat | None, typer.Option("--log-format", help="How progress is written; as [log] format says, else text.")
    ] = None,
) -> None:
    """Run sagas: start the dispatcher, the dashboard and the API."""
    from dataclasses import replace

    from hms_orch_cli.cli.log_records import print_log_records
    from hms_orch_cli.cli.output import speak_json
    from hms_orch_cli.config import load
    from hms_orch_cli.dashboard.access import refuse_to_listen
    from hms_orch_cli.dashboard.serve import bind
    from hms_orch_cli.wiring import hold_store

    if log_format is LogFormat.JSON:
        speak_json()  # before anything can go wrong
    config = load()
    config = replace(
        config,
        host=config.host if host is None else host,
        port=config.port if port is None else port,
        log_format=log_format or config.log_format,
    )
    if config.log_format == LogFormat.JSON:
        speak_json()
    print_log_records()
    refuse_to_listen(config.host, (*config.tokens, *config.named_tokens))
    with hold_store(config) as holder:
        server = bind(config.host, config.port)
        try:
            code = _run(config, holder, server, until_idle)
        finally:
            server.close()
    raise typer.Exit(code)


def _run(config: Config, holder: Holder, server: Server, until_idle: bool) -> int:
    gc.disable()  # until it is ready: a start loads, and throws nothing away
    try:
        import asyncio

        try:
            import uvloop
        except ImportError:  # not on every platform; the loop of the standard library does the same more slowly
            return asyncio.run(_work(config, holder, server, until_idle))
        return uvloop.run(_work(config, holder, server, until_idle))
    finally:
        gc.enable()


async def _work(config: Config, holder: Holder, server: Server, until_idle: bool) -> int:
    """Starts everything, waits, and stops everything; the exit code."""
    import asyncio
    import secrets
    import signal

    from hms_orch_cli.cli.console import open_console
    from hms_orch_cli.cli.output import note
    from hms_orch_cli.dashboard.app import App
    from hms_orch_cli.dashboard.callers import Register
    from hms_orch_cli.wiring import assemble, open_store

    loop = asyncio.get_running_loop()
    stop: asyncio.Future[Any] = loop.create_future()

    def on_signal(number: signal.Signals) -> None:
        if not stop.done():
            stop.set_result(130 if number is signal.SIGINT else 0)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)

    store = open_store(config)
    console: Console | None = None
    try:
        console = open_console(as_json=config.log_format == LogFormat.JSON)
        public_url = config.public_url or server.shown_url
        works = assemble(config, store, [console], public_url)
        orchestrator = works.orchestrator
        local = secrets.token_urlsafe()
        app = App(
            orchestrator,
            works.open_office,
            host=config.host,
            register=Register(works.tokens, local),
            session_secret=works.secret,
            public_url=public_url,
        )
        await server.start(app)
        holder.announce(server.url, local)
        note(f"hms-orch is up: {server.shown_url}")
        note(f"store: {config.store_path}. Ctrl-C stops it, and everything is resumable.")
        gc.freeze()  # all that was loaded stays: no collection has to look at it
        gc.set_threshold(NEW_OBJECTS)
        gc.enable()
        orchestrator.start()
        if works.webhook is not None:
            works.webhook.start()
        work = orchestrator.until_idle() if until_idle else orchestrator.until_failed()
        waiting: asyncio.Future[Any] = asyncio.ensure_future(work)
        await asyncio.wait({waiting, stop}, return_when=asyncio.FIRST_COMPLETED)
        ended = waiting.done()
        if works.webhook is not None:
            await works.webhook.stop()
        await orchestrator.stop()
        await server.stop()
        orchestrator.flush()
        await works.journal.close()
        if works.traces is not None:
            await works.traces.stop()
        waiting.cancel()
        if ended:
            waiting.result()  # raises what stopped the orchestrator
            return 0
        code: int = stop.result()
        return code
    finally:
        if console is not None:
            console.close()
        store.close()
