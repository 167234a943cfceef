"""The broken files beside their findings. `python -m tests.sagafile.broken_files` writes the findings anew: read the
difference before it is kept."""

from __future__ import annotations

from pathlib import Path

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.check import check
from hms_orch_cli.sagafile.reports.text import as_text

FOLDER = Path(__file__).with_name("broken")


def findings_of(file: Path) -> str:
    """The whole report of one broken file."""
    checked = check(file.read_bytes(), f"broken/{file.name}", CelExpressions(), services=("payment-svc",))
    return as_text(checked.findings, checked.left_out)


if __name__ == "__main__":
    for file in sorted(FOLDER.glob("*.yaml")):
        file.with_suffix(".txt").write_text(findings_of(file), encoding="utf-8")
