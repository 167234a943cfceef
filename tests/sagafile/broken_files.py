"""The broken files beside their findings. `python -m tests.sagafile.broken_files` writes the findings anew: read the
difference before it is kept."""

from __future__ import annotations

from pathlib import Path

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.project import check_files
from hms_orch_cli.sagafile.reports.text import as_text
from tests.sagafile.books import book

FOLDER = Path(__file__).with_name("broken")


SERVICES = book("payment-svc", mail="http://mail.example.com", post="https://post.example.com")


def cases() -> list[Path]:
    """The broken files, and the folders whose files are broken together."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix != ".txt")


def findings_of(case: Path) -> str:
    """The whole report of one broken file, or of a folder of them."""
    files = sorted(case.glob("*.yaml")) if case.is_dir() else [case]
    named = [(f"broken/{file.relative_to(FOLDER).as_posix()}", file.read_bytes()) for file in files]
    results = check_files(named, CelExpressions(), services=SERVICES)
    return "".join(as_text(checked.findings, checked.left_out) for checked in results)


if __name__ == "__main__":
    for case in cases():
        case.with_suffix(".txt").write_text(findings_of(case), encoding="utf-8")
