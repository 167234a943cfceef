"""hms-orch.toml and its HMS_* twins. `load` gives what holds here and now.

    table.key in the file       twin                          default
    store.url                   HMS_STORE_URL                 sqlite:///.hms/events.db
    bus.url                     HMS_BUS_URL                   log:
    server.host                 HMS_SERVER_HOST               127.0.0.1 (and ::1)
    server.port                 HMS_SERVER_PORT               7600
    server.publicUrl            HMS_SERVER_PUBLIC_URL         where `up` listens: http://localhost:PORT
    server.tokens               HMS_SERVER_TOKENS             none
    auth.issuer                 HMS_AUTH_ISSUER               hms-orch
    auth.keys                   HMS_AUTH_KEYS                 keys, beside the store
    limits.calls                HMS_LIMITS_CALLS              256 calls in flight at a time
    limits.callsPerService      HMS_LIMITS_CALLS_PER_SERVICE  64 of them to one service
    limits.eventBytes           HMS_LIMITS_EVENT_BYTES        1048576
    limits.backlog              HMS_LIMITS_BACKLOG            100000 events that wait for their runs
    hitl.webhook                HMS_HITL_WEBHOOK              none
    secrets.folder              HMS_SECRETS_FOLDER            none
    log.format                  HMS_LOG_FORMAT                text
    traces.url                  HMS_TRACES_URL                none
    services.NAME               HMS_SERVICES (a JSON object, laid over the file's table by name), then
                                HMS_SERVICES_<NAME> (NAME in capitals, all but letters and digits as _)
    tokens.NAME                 HMS_TOKENS (a JSON object, laid over the file's table by name)

A twin wins over the file; an empty one counts as unset; a list in a twin is split at commas and blanks. A relative path
is relative to the folder of the file when it stands in the file or nowhere, to the working folder when it comes from
the environment. Clients read HMS_URL, HMS_TOKEN and HMS_ACTOR besides; secrets come from HMS_SECRET_<NAME>, <NAME>, or
a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hms_orch_cli.config.environment import environment, user, working_folder
from hms_orch_cli.config.secrets import secret
from hms_orch_cli.config.services import http_url, services_from
from hms_orch_cli.config.settings import SETTINGS, check_names, sqlite_file, value_of
from hms_orch_cli.config.tokens import Token, tokens_from
from hms_orch_cli.config.written import FILE_NAME, Written, find, read
from hms_orch_cli.ports.services import Service

__all__ = ["FILE_NAME", "Config", "load"]


@dataclass(frozen=True, slots=True)
class Config:
    """What holds for this command. `root` is the folder of `file`, without a file the working folder; `port` 0 asks the
    system for a free one; `tokens` open everything; `url` and `token` are a client's way to a server elsewhere."""

    root: Path
    file: Path | None
    store_url: str
    store_base: Path
    bus_url: str
    services: Mapping[str, Service]
    host: str
    port: int
    public_url: str | None
    tokens: tuple[str, ...] = field(repr=False)
    named_tokens: Mapping[str, Token]
    issuer: str
    keys_folder: Path
    calls: int
    calls_per_service: int
    event_bytes: int
    backlog: int
    hitl_webhook: str | None
    secrets_folder: Path | None
    log_format: str
    traces_url: str | None
    url: str | None
    token: str | None = field(repr=False)
    environ: Mapping[str, str] = field(repr=False, compare=False)

    @property
    def store_path(self) -> Path:
        """The file of a SQLite store. Raises ConfigError for any other kind of store."""
        return sqlite_file(self.store_url, self.store_base)

    @property
    def actor(self) -> str:
        """Who decides here, for the log: HMS_ACTOR, else the system's user."""
        return self.environ.get("HMS_ACTOR") or user()

    def secret(self, name: str) -> str:
        """The value of `secret.NAME`: HMS_SECRET_<NAME>, else <NAME>, else a file of that name in the secrets folder
        without its last line end. Raises ConfigError if there is none; no message holds a value."""
        return secret(name, self.environ, self.secrets_folder)


def _bare(url: str | None) -> str | None:
    return url and url.rstrip("/")


def load(start: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration as seen from the folder `start` (default: the working folder). Raises ConfigError."""
    environ = environment() if environ is None else environ
    here = working_folder() if start is None else start.absolute()
    file = find(here)
    root = file.parent if file else here
    written = read(file) if file else Written(None, {}, "")
    check_names(written)

    def value(key: str) -> Any:
        return value_of(SETTINGS[key], written, environ)

    def base(key: str) -> Path:
        return here if environ.get(SETTINGS[key].twin) else root

    store_url, store_base = value("store.url"), base("store.url")
    keys, secrets = value("auth.keys"), value("secrets.folder")
    beside = sqlite_file(store_url, store_base).parent if store_url.startswith("sqlite:") else root / ".hms"
    client_url = environ.get("HMS_URL") or None
    return Config(
        root=root,
        file=file,
        store_url=store_url,
        store_base=store_base,
        bus_url=value("bus.url"),
        services=services_from(written, environ),
        host=value("server.host"),
        port=value("server.port"),
        public_url=_bare(value("server.publicUrl")),
        tokens=value("server.tokens"),
        named_tokens=tokens_from(written, environ),
        issuer=value("auth.issuer"),
        keys_folder=base("auth.keys") / keys if keys else beside / "keys",
        calls=value("limits.calls"),
        calls_per_service=value("limits.callsPerService"),
        event_bytes=value("limits.eventBytes"),
        backlog=value("limits.backlog"),
        hitl_webhook=value("hitl.webhook"),
        secrets_folder=base("secrets.folder") / secrets if secrets else None,
        log_format=value("log.format"),
        traces_url=_bare(value("traces.url")),
        url=http_url(client_url, "HMS_URL").geturl().rstrip("/") if client_url else None,
        token=environ.get("HMS_TOKEN") or None,
        environ=environ,
    )
