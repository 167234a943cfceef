"""Named tokens: who may ask the server for what. [tokens] of the file, then HMS_TOKENS.

Only the SHA-256 of a token is kept. That is enough because `hms-orch token add` makes them of 256 random bits: there is
nothing to guess, which is what a slow hash would be for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from hms_orch_cli.config.words import json_object, kind, nearest
from hms_orch_cli.config.written import Written
from hms_orch_cli.errors import ConfigError

Role = Literal["viewer", "publisher", "operator"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

TOKEN_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?")
PATTERN: Final = re.compile(r"[a-zA-Z0-9._:/-]{0,255}\*?")
"""A name, or with * the beginning of one."""

_HASH: Final = re.compile("sha256:[0-9a-f]{64}")
_KEYS: Final = ("role", "hash", "sagas", "types")
_FORM: Final = 'write it as { role = "viewer", hash = "sha256:…" }; hms-orch token add does'


class Token(NamedTuple):
    """What a token opens. `sagas` are the definitions that it may act on, `types` the events that it may publish:
    names, or beginnings of names that end in *; empty for all."""

    name: str
    role: Role
    hash: str
    sagas: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class Tokens(NamedTuple):
    """What opens a server: `named` tokens, and those without a name, which open everything."""

    named: tuple[Token, ...] = ()
    nameless: tuple[str, ...] = ()


def hash_of(secret: str) -> str:
    """A token as it is kept."""
    from hashlib import sha256

    return "sha256:" + sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def token_name(name: str, where: str) -> str:
    """`name`, if a token can have it. `where` begins the message of the ConfigError."""
    if not TOKEN_NAME.fullmatch(name):
        raise ConfigError(f"{where}{name!a} is no name of a token", "use letters, digits, - . _ and @, at most 64")
    return name


def token_from(name: str, value: object, where: str) -> Token:
    """A token from its table. `where` begins the message of the ConfigError, which holds no hash."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be a table with role and hash, not {kind(value)}", _FORM)
    for key in value:
        if key not in _KEYS:
            raise ConfigError(f"{where}: {key!a} is no key of a token", nearest(key, _KEYS))
    if (role := value.get("role")) not in ROLES:
        hint = nearest(role, ROLES) if isinstance(role, str) else f"known are {', '.join(ROLES)}"
        raise ConfigError(f"{where} has no role that is known", hint)
    told = value.get("hash")
    if not isinstance(told, str) or not _HASH.fullmatch(told):
        raise ConfigError(f"{where} has no hash, or one of another form", _FORM)
    sagas, types = (_patterns(value.get(key, []), f"{where}: {key}") for key in ("sagas", "types"))
    if role == "viewer" and (sagas or types):
        raise ConfigError(f"{where}: a viewer does nothing that {'sagas' if sagas else 'types'} could narrow", _FORM)
    return Token(name, role, told, sagas, types)


def _patterns(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and PATTERN.fullmatch(each) for each in value):
        raise ConfigError(f"{where} must be a list of names; one may end in *", 'such as ["dol.*"]')
    return tuple(value)


def tokens_from(written: Written, environ: Mapping[str, str]) -> dict[str, Token]:
    """All named tokens. Raises ConfigError with the place."""
    tokens: dict[str, Token] = {}
    for name, value in written.tables.get("tokens", {}).items():
        where = written.place("tokens", name)
        tokens[name] = token_from(token_name(name, f"{where}: "), value, f"{where}: tokens.{name}")
    if text := environ.get("HMS_TOKENS"):
        example: dict[str, Any] = {"ann": {"role": "viewer", "hash": "sha256:…"}}
        for name, value in json_object(text, "HMS_TOKENS", example).items():
            tokens[name] = token_from(token_name(name, "HMS_TOKENS: "), value, f"HMS_TOKENS: {name}")
    by_hash: dict[str, str] = {}
    for token in tokens.values():
        if (other := by_hash.setdefault(token.hash, token.name)) != token.name:
            raise ConfigError(f"{other} and {token.name} are one token: nobody could tell them apart", "make another")
    return tokens
