"""Puts figures into a page: they stand between comments, `<!-- figure: NAME -->…<!-- /figure -->`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path


def put(page: Path, figures: Mapping[str, str]) -> None:
    """Writes each figure at its place; a place of another name stays as it is."""
    text = page.read_text(encoding="utf-8")
    for name, value in figures.items():
        place = re.compile(rf"(<!-- figure: {re.escape(name)} -->).*?(<!-- /figure -->)", re.DOTALL)
        text = place.sub(lambda found, value=value: f"{found.group(1)}{value}{found.group(2)}", text)  # type: ignore[misc]
    page.write_text(text, encoding="utf-8")
