"""The keys of hms-orch.toml, what each can hold, and where its value comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hms_orch_cli.config.services import http_url
from hms_orch_cli.config.words import CONTROL, KINDS, kind, nearest
from hms_orch_cli.config.written import Written
from hms_orch_cli.errors import ConfigError


class Setting(NamedTuple):
    """One key of the file. `low` and `high` bound a number; `url` asks for an http or https address; `choices` are the
    only texts that mean something."""

    key: str
    kind: type
    default: Any
    low: int = 0
    high: int = 0
    url: bool = False
    choices: tuple[str, ...] = ()

    @property
    def twin(self) -> str:
        """server.publicUrl -> HMS_SERVER_PUBLIC_URL."""
        return "HMS_" + re.sub(r"([A-Z])", r"_\1", self.key).replace(".", "_").upper()


SETTINGS = {
    setting.key: setting
    for setting in (
        Setting("store.url", str, "sqlite:///.hms/events.db"),
        Setting("bus.url", str, "log:"),
        Setting("server.host", str, "127.0.0.1"),
        Setting("server.port", int, 7600, 0, 65_535),
        Setting("server.publicUrl", str, None, url=True),
        Setting("server.tokens", list, ()),
        Setting("auth.issuer", str, "hms-orch"),
        Setting("auth.keys", str, None),
        Setting("limits.calls", int, 256, 1, 65_536),
        Setting("limits.callsPerService", int, 64, 1, 65_536),
        Setting("limits.eventBytes", int, 1 << 20, 1, 1 << 30),
        Setting("limits.backlog", int, 100_000, 1, 1 << 30),
        Setting("hitl.webhook", str, None, url=True),
        Setting("secrets.folder", str, None),
        Setting("log.format", str, "text", choices=("text", "json")),
        Setting("traces.url", str, None, url=True),
    )
}
OR_DEFAULT = "write another value, or leave it out for the default"
TABLES = {key.partition(".")[0] for key in SETTINGS} | {"services", "tokens"}


def check_names(written: Written) -> None:
    """Raises ConfigError at the first table or key that has no meaning."""
    for table, keys in written.tables.items():
        if table not in TABLES:
            raise ConfigError(f"{written.place(table)}: there is no table [{table!a}]", nearest(table, TABLES))
        if not isinstance(keys, dict):
            raise ConfigError(
                f"{written.place('', table)}: {table} must be a table, not {kind(keys)}", f"write [{table}]"
            )
        known = [key.partition(".")[2] for key in SETTINGS if key.startswith(table + ".")]
        for key in keys if table not in ("services", "tokens") else ():
            if key not in known:
                message = f"{written.place(table, key)}: {key!a} is no key of [{table}]"
                raise ConfigError(message, nearest(key, known))


def value_of(setting: Setting, written: Written, environ: Mapping[str, str]) -> Any:
    """The value of a setting: its twin's, else the file's, else the default. Raises ConfigError with the place."""
    table, _, key = setting.key.partition(".")
    if text := environ.get(setting.twin):
        where, value = setting.twin, _from_text(setting, text)
    elif key in (keys := written.tables.get(table, {})):
        where, value = f"{written.place(table, key)}: {setting.key}", keys[key]
    else:
        return setting.default
    if type(value) is not setting.kind:
        raise ConfigError(f"{where} must be {KINDS[setting.kind]}, not {kind(value)}", OR_DEFAULT)
    return _checked(setting, value, where)


def _checked(setting: Setting, value: Any, where: str) -> Any:
    """A value of the right kind, if the setting can hold it."""
    if setting.kind is int and not setting.low <= value <= setting.high:
        raise ConfigError(f"{where} is {value}; it must be from {setting.low} to {setting.high}", OR_DEFAULT)
    texts = value if setting.kind is list else [value] if setting.kind is str else []
    for text in texts:
        if not isinstance(text, str):
            raise ConfigError(f"{where} must be a list of texts, with {kind(text)} in it", OR_DEFAULT)
        if not text or CONTROL.search(text):
            raise ConfigError(f"{where} is empty or holds a control character", OR_DEFAULT)
    if setting.choices and value not in setting.choices:
        raise ConfigError(f"{where} is {value[:80]!a}", nearest(value, setting.choices))
    if setting.url:
        http_url(value, where)
    return tuple(value) if setting.kind is list else value


def _from_text(setting: Setting, text: str) -> Any:
    if setting.kind is list:
        if text.lstrip().startswith("["):  # read as words, the brackets of an empty array would be a token
            return _json(text)
        return text.replace(",", " ").split()
    if setting.kind is int and re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()):
        return int(text)
    return text


def _json(text: str) -> Any:
    """The value, or the text if it is no JSON."""
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def sqlite_file(url: str, base: Path) -> Path:
    """The file that a store's URL means. Raises ConfigError if it is no sqlite:///… URL."""
    scheme, separator, rest = url.partition(":")
    if scheme != "sqlite" or not separator:
        raise ConfigError(f"this version has no store for {url[:80]!a}", "use sqlite:///PATH")
    path = rest.removeprefix("///")
    if path == rest or not path.strip("/") or path.startswith(":") or "?" in path:
        raise ConfigError(f"{url[:200]!a} names no file", "use sqlite:///RELATIVE/PATH or sqlite:////ABSOLUTE/PATH")
    return base / path
