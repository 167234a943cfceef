"""`service:/path`: where a call goes. A service is a name, and the path stays a path on it."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Rule

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_NUMERIC: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_INSERTED: Final = re.compile(r"\$\{(?:[^{}\"']|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\{[^{}]*\})*\}")
_UP: Final = re.compile(r"(?:\.|%2[eE]){1,2}")
_REFUSED_IN_PATH: Final = re.compile(r"[\x00-\x20\x7f\\#]")
MAX_NAME: Final = 253


class BadAddress(NamedTuple):
    """What is wrong, and what to write instead."""

    rule: Rule
    message: str
    fix: str


def check_address(text: str) -> BadAddress | None:
    """What is wrong with the short form `service:/path`."""
    service, colon, path = text.partition(":/")
    if not colon:
        if re.match(r"[^:/]+:[0-9]+(?:/|$)", text):
            return BadAddress(catalogue.ADDRESS, "a port cannot stand here", "Write it in the URL in [services].")
        if ":" in text:
            return BadAddress(catalogue.ADDRESS, "the path has to begin with '/'", "Write service:/path.")
        return BadAddress(
            catalogue.ADDRESS, "is not of the form service:/path", "Write for example payment-svc:/recalc."
        )
    return check_service(service) or check_path("/" + path)


def check_service(name: str) -> BadAddress | None:
    """What is wrong with a service's name."""
    if is_literal(name):
        fix = "Give the service a name, and its address in [services]."
        return BadAddress(catalogue.ADDRESS_LITERAL, f"'{name[:60]}' is an address, not a name", fix)
    if name in ("http", "https"):
        fix = "Write service:/path, and the URL in [services]."
        return BadAddress(catalogue.ADDRESS, "a URL cannot stand here", fix)
    if "${" in name:
        return BadAddress(
            catalogue.ADDRESS, "the service cannot be computed", "Name the service; only the path may hold ${cel}."
        )
    if ":" in name or "@" in name:
        fix = "Write the name alone, and the whole URL in [services]."
        return BadAddress(catalogue.ADDRESS, f"'{name[:60]}' is more than a service's name", fix)
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        what = "letters, digits, '.', '_' and '-', the first a letter or digit"
        return BadAddress(catalogue.ADDRESS, f"'{name[:60]}' is no service name: {what}", "Rename it in [services].")
    return None


def check_path(path: str) -> BadAddress | None:
    """What is wrong with a path on a service. What `${…}` inserts is percent-encoded later, so it counts as a word."""
    plain = _INSERTED.sub("x", path)
    if not plain.startswith("/"):
        return BadAddress(catalogue.ADDRESS, "the path has to begin with '/'", f"Write '/{path[:60]}'.")
    if plain.startswith("//"):
        return BadAddress(catalogue.ADDRESS, "the path begins with '//', which names another host", "Use one '/'.")
    if found := _REFUSED_IN_PATH.search(plain):
        character = found[0]
        what = repr(character) if character.isprintable() and character != " " else f"U+{ord(character):04X}"
        return BadAddress(catalogue.ADDRESS, f"the path holds {what}", f"Write %{ord(character):02X}.")
    if any(_UP.fullmatch(part) for part in plain.partition("?")[0].split("/")):
        return BadAddress(catalogue.ADDRESS, "the path holds '.' or '..' as a part", "Write the path out.")
    return None


def is_literal(name: str) -> bool:
    """Whether a name is an IP address in any spelling: `127.1`, `0x7f000001`, `2130706433`, `[::1]`, `fe80::1`.

    As in the URL standard, a host whose last label is a number is an IPv4 address, or none at all.
    """
    if name.startswith("[") or name.count(":") >= 2:
        return True
    last = name.removesuffix(".").rpartition(".")[2]
    return bool(_NUMERIC.fullmatch(last))
