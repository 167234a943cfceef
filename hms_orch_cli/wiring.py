"""Where ports meet their backends: the one place that knows which store, journal, participants and signer there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hms_orch_cli.errors import ConfigError, HmsError, SagaFileError

if TYPE_CHECKING:
    from hms_orch_cli.application.office import Checked, Office
    from hms_orch_cli.config import Config
    from hms_orch_cli.config.tokens_now import TokensNow
    from hms_orch_cli.event_store.group_commit import GroupCommit
    from hms_orch_cli.event_store.holder import Holder
    from hms_orch_cli.event_store.sqlite import SqliteStore
    from hms_orch_cli.event_store.sqlite_reader import SqliteReader
    from hms_orch_cli.orchestrator.orchestrator import Orchestrator
    from hms_orch_cli.ports.expressions import Expressions
    from hms_orch_cli.ports.observer import Observer
    from hms_orch_cli.ports.store import LogReader
    from hms_orch_cli.traces import Traces
    from hms_orch_cli.webhook import Webhook

WRITERS: Final[Mapping[str, tuple[str, str]]] = {"sqlite": ("hms_orch_cli.event_store.sqlite", "SqliteStore")}
READERS: Final[Mapping[str, tuple[str, str]]] = {"sqlite": ("hms_orch_cli.event_store.sqlite_reader", "SqliteReader")}
BUSES: Final[Mapping[str, tuple[str, str]]] = {"log": ("hms_orch_cli.bus.log", "LogBus")}


def hold_store(config: Config) -> Holder:
    """Takes the right to write to the store. Raises StoreHeld, naming who has it, and ConfigError for a bus that this
    version does not know: events would never leave on it."""
    from hms_orch_cli.event_store.holder import Holder

    _named(BUSES, config.bus_url, "[bus] url")
    return Holder.take(config.store_path)


def open_store(config: Config) -> SqliteStore:
    """The store, for the process that holds it."""
    store: SqliteStore = _backend(WRITERS, config.store_url, "[store] url")(config.store_path)
    return store


def open_reader(config: Config) -> SqliteReader:
    """The store, to read beside whoever writes to it."""
    reader: SqliteReader = _backend(READERS, config.store_url, "[store] url")(config.store_path)
    return reader


def open_bus(config: Config, reader: SqliteReader) -> Any:
    """The bus on which events are followed."""
    return _backend(BUSES, config.bus_url, "[bus] url")(reader)


def expressions() -> Expressions:
    """CEL."""
    from hms_orch_cli.expressions import CelExpressions

    return CelExpressions()


class Works(NamedTuple):
    """A running orchestrator with what belongs to it."""

    store: SqliteStore
    journal: GroupCommit
    orchestrator: Orchestrator
    open_office: Callable[[], Office]
    """makes what API and page ask"""
    webhook: Webhook | None
    traces: Traces | None
    secret: bytes
    """kept in the keys' folder: for what the server hands out and takes back"""
    tokens: TokensNow
    """that open the server"""


def assemble(config: Config, store: SqliteStore, observers: Sequence[Observer], public_url: str) -> Works:
    """Puts an orchestrator together over an open store, on the running event loop."""
    from hms_orch_cli.application.clock import SystemClock
    from hms_orch_cli.config.tokens_now import TokensNow
    from hms_orch_cli.event_store.group_commit import GroupCommit
    from hms_orch_cli.orchestrator.orchestrator import Orchestrator
    from hms_orch_cli.orchestrator.requests import RequestWriter
    from hms_orch_cli.participant.address_book import AddressBook
    from hms_orch_cli.participant.http import HttpParticipants
    from hms_orch_cli.participant.meter import Meter
    from hms_orch_cli.participant.plain_http import PlainHttp
    from hms_orch_cli.signing.callback import callback_token, read_callback
    from hms_orch_cli.signing.keys import KeyRing
    from hms_orch_cli.signing.token import Es256Signer
    from hms_orch_cli.views.activity import Activity

    webhook = None
    if config.hitl_webhook is not None:
        webhook = _webhook(config.hitl_webhook, store, lambda seq: orchestrator.projection.told_to(seq))
        observers = [*observers, webhook]
    traces = None
    if config.traces_url is not None:
        traces = _traces(config.traces_url, store)
        observers = [*observers, traces]
    tokens = TokensNow(config)
    heard = Activity()
    observers = [*observers, heard]
    keys = KeyRing(config.keys_folder)
    signer = Es256Signer(keys, config.issuer)
    secret = keys.callback_secret()
    cel = cache(expressions)  # loaded with the first definition
    clock = SystemClock()
    journal = GroupCommit(store)
    participants = Meter(HttpParticipants(AddressBook(config.services), signer, PlainHttp()))
    orchestrator = Orchestrator(
        journal,
        store,
        store,
        participants,
        cel,
        clock,
        RequestWriter(lambda *named: f"{public_url}/v1/callbacks/{callback_token(secret, *named)}", config.secret),
        observers,
        calls=config.calls,
        calls_per_service=config.calls_per_service,
    )
    journal.inline = lambda: orchestrator.runner.in_flight <= 1
    journal.on_failure = orchestrator.fail
    if webhook is not None:
        orchestrator.on_question = webhook.wake
    began_at = clock.now_ms()

    def open_office() -> Office:
        from hms_orch_cli.application.instruments import Instruments
        from hms_orch_cli.application.office import Office
        from hms_orch_cli.event_store.files import stored_bytes

        return Office(
            orchestrator,
            journal,
            store,
            clock,
            jwks=signer.jwks,
            read_callback=lambda token: read_callback(secret, token),
            check=lambda text: check_definition(text, config, cel()),
            event_bytes=config.event_bytes,
            backlog=config.backlog,
            instruments=Instruments(
                commits=journal.seconds,
                calls=participants.seconds,
                appends_waiting=lambda: journal.waiting,
                store_bytes=lambda: stored_bytes(config.store_path),
                webhook_failures=lambda: 0 if webhook is None else webhook.failures,
                tokens_stale=lambda: tokens.is_stale,
            ),
            heard=heard,
            services=config.services,
            began_at=began_at,
        )

    return Works(store, journal, orchestrator, open_office, webhook, traces, secret, tokens)


def _traces(url: str, reader: LogReader) -> Traces:
    """What sends traces. Raises HmsError if the extra is not installed."""
    try:
        from hms_orch_cli.traces import Traces
    except ImportError as error:
        raise HmsError(
            f"[traces] url needs a package that is not installed: {error.name}", "pip install 'hms-orch[otel]'"
        ) from error
    return Traces(url, reader)


def _webhook(url: str, store: SqliteStore, moved: Callable[[int], None]) -> Webhook:
    """The webhook, from where it stopped; a new one begins with what is queued from now on."""
    from hms_orch_cli.orchestrator.projection import TOLD
    from hms_orch_cli.webhook import Webhook

    told = store.mark(TOLD)
    return Webhook(url, store, store.last_seq() if told is None else int(told), moved)


def check_definition(text: bytes, config: Config, cel: Expressions) -> Checked:
    """One definition from outside. Raises SagaFileError with its findings."""
    from hms_orch_cli.application.office import Checked
    from hms_orch_cli.sagafile.check import check

    checked = check(text, "definition", cel, services=config.services)
    errors = tuple(finding for finding in checked.findings if finding.severity == "error")
    if errors or len(checked.documents) != 1:
        said = errors[0].message if errors else f"{len(checked.documents)} definitions in one body"
        raise SagaFileError(f"the definition cannot be deployed: {said}", "hms-orch validate shows the place", errors)
    document = checked.documents[0]
    return Checked(document.saga.id, document.revision, document.content)


def _named(known: Mapping[str, tuple[str, str]], url: str, where: str) -> tuple[str, str]:
    scheme = url.partition(":")[0]
    if scheme not in known:
        raise ConfigError(f"{where} {url!r} is of a kind that this version does not know", f"known: {', '.join(known)}")
    return known[scheme]


def _backend(known: Mapping[str, tuple[str, str]], url: str, where: str) -> Any:
    module, name = _named(known, url, where)
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise HmsError(f"{where} {url!r} needs a package that is not installed: {error.name}") from error
