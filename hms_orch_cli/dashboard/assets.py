"""The files of the page: a fixed table, so that no path from outside ever names a file."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(NamedTuple):
    """A file that is served as it is."""

    content: bytes
    media_type: str


def _read(name: str) -> Asset:
    path = Path(__file__).parent / "static" / name
    return Asset(path.read_bytes(), TYPES[path.suffix])


SHEETS: Final = ("page.css", "parts.css", "drawings.css")
PROGRAMS: Final = ("live.js", "time.js", "act.js", "keys.js", "drawing.js")
ASSETS: Final = {name: _read(name) for name in (*SHEETS, *PROGRAMS, "icon.svg")}


def _address(name: str) -> str:
    return f"/static/{name}?v={sha256(ASSETS[name].content).hexdigest()[:12]}"


STYLES: Final = tuple(map(_address, SHEETS))
SCRIPTS: Final = tuple(map(_address, PROGRAMS))
"""None of them imports another, so that each is known by what is in it."""

ICON: Final = _address("icon.svg")
"""An address changes with the content, so that a browser may keep it for ever."""
