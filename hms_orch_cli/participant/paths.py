"""Which paths and queries may follow a service's URL, so that a step cannot leave the service it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlencode

_PLAIN: Final = re.compile(r"(?:/[A-Za-z0-9_-]+)+/?")
"""What nearly every path looks like: nothing in it needs a second look."""
_ALLOWED: Final = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
"""The characters of a path (RFC 3986, 3.3): no space, no control character, no backslash."""
_QUERY: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")


def is_safe_path(path: str) -> bool:
    """Whether a percent-encoded path stays below where it is put: no `//` in front, no `.` or `..` segment however
    encoded (a server that decodes before it splits would climb)."""
    if _PLAIN.fullmatch(path):
        return True
    if path.startswith("//") or not _ALLOWED.fullmatch(path):
        return False
    return not any(part in (".", "..") for part in re.split(r"[/\\]", _decoded(path)))


def is_safe_query(query: str) -> bool:
    """Whether a query as a file writes it behind a path is well-formed."""
    return _QUERY.fullmatch(query) is not None


def encoded_query(query: Mapping[str, Any]) -> str:
    """Names and values as `a=1&b=x%20y`: a list repeats its name, None is left out, true and false as in JSON."""
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        values = value if isinstance(value, list | tuple) else (value,)
        pairs.extend((name, _text(item)) for item in values if item is not None)
    return urlencode(pairs)


def _decoded(path: str) -> str:
    """The path with every layer of percent-encoding taken off; a few layers are all that anybody nests."""
    for _ in range(4):
        further = unquote(path, errors="replace")
        if further == path:
            break
        path = further
    return path


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    from orjson import dumps

    return dumps(value).decode()
