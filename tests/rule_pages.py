"""The examples on the pages under docs/rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.check import Checked
from hms_orch_cli.sagafile.project import check_files
from tests.documents import ROOT, section
from tests.sagafile.books import book

FOLDER = ROOT / "docs" / "rules"
SERVICES = {**book("payment-svc", "notice-svc", "archive-svc"), **book(**{"mail-svc": "http://mail.example.com"})}


def page(rule: str) -> str:
    """The page of a rule."""
    return (FOLDER / f"{rule}.md").read_text(encoding="utf-8")


def checked(rule: str, heading: str) -> Sequence[Checked]:
    """What `validate` says of the examples under a heading, together."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", section(page(rule), heading), re.DOTALL | re.MULTILINE)
    assert blocks
    files = [(f"{number}.yaml", block.encode()) for number, block in enumerate(blocks)]
    return check_files(files, CelExpressions(), services=SERVICES)


def sagas(rule: str, heading: str) -> list[dict[str, Any]]:
    """The definitions under a heading."""
    return [document.content for each in checked(rule, heading) for document in each.documents]
