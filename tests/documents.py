"""The documents of the repository, in the pieces that the tests look at."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = sorted((ROOT / "docs").rglob("*.md"))
SAGAS = sorted(path for path in (ROOT / "sagas").glob("*.yaml") if not path.name.endswith(".test.yaml"))
"""The example sagas. Beside each stand its tests."""


def document(name: str) -> str:
    """The text of a file in docs/."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def marked(text: str, mark: str) -> str:
    """The code block behind the comment `<!-- mark -->`."""
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, f"there is no block marked {mark}"
    return found[1]


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    level = heading.partition(" ")[0]
    assert f"\n{heading}\n" in text, heading
    return re.split(rf"\n#{{1,{len(level)}}} ", text.split(f"\n{heading}\n", 1)[1], maxsplit=1)[0]


def rows(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without their heads; `\\|` is no border."""
    found: list[list[str]] = []
    for before, line in zip(["", *text.split("\n")], text.split("\n"), strict=False):
        if line.startswith("|") and not line.startswith("|---"):
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.append(cells) if before.startswith("|") else found.append([])
    return [row for row in found if row]


def words(cell: str) -> list[str]:
    """What stands in backquotes in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def slug(heading: str) -> str:
    """The anchor of a heading, as forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
