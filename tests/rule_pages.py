"""The examples on the pages under docs/rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hms_orch_cli.errors import NotFound
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.check import Checked
from hms_orch_cli.sagafile.project import check_files
from tests.documents import ROOT, section
from tests.sagafile.books import book

FOLDER = ROOT / "docs" / "rules"
SERVICES = {**book("payment-svc", "notice-svc", "archive-svc"), **book(**{"mail-svc": "http://mail.example.com"})}

_EXAMPLE = re.compile(r"(?:^`(\S+)`:\n\n)?^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
"""A file, with its name before it where that matters."""


def page(rule: str) -> str:
    """The page of a rule."""
    return (FOLDER / f"{rule}.md").read_text(encoding="utf-8")


def checked(rule: str, heading: str) -> Sequence[Checked]:
    """What `validate` says of the examples under a heading, together."""
    blocks = _EXAMPLE.findall(section(page(rule), heading))
    assert blocks
    files = [(name or f"{number}.yaml", block.encode()) for number, (name, block) in enumerate(blocks)]
    return check_files(files, CelExpressions(), services=SERVICES, read=_nothing_else)


def _nothing_else(name: str) -> bytes:
    raise NotFound(f"no such file: {name}")


def sagas(rule: str, heading: str) -> list[dict[str, Any]]:
    """The definitions under a heading."""
    return [document.content for each in checked(rule, heading) for document in each.documents]
