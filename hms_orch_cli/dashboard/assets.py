"""The files of the page: a fixed table, so that no path from outside ever names a file."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple


class Asset(NamedTuple):
    """A file that is served as it is."""

    content: bytes
    media_type: str


def _read(name: str) -> bytes:
    return (Path(__file__).parent / "static" / name).read_bytes()


ASSETS: Final = {
    "page.css": Asset(_read("page.css"), "text/css; charset=utf-8"),
    "live.js": Asset(_read("live.js"), "text/javascript; charset=utf-8"),
    "icon.svg": Asset(_read("icon.svg"), "image/svg+xml"),
}


def _address(name: str) -> str:
    return f"/static/{name}?v={sha256(ASSETS[name].content).hexdigest()[:12]}"


STYLE: Final = _address("page.css")
SCRIPT: Final = _address("live.js")
ICON: Final = _address("icon.svg")
"""The address changes with the content, so that a browser may keep it for ever."""
