"""Results for the reports to tell of."""

from __future__ import annotations

from hms_orch_cli.errors import NotFound
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.project import check_files
from hms_orch_cli.sagafile.reports.validation import Validation
from tests.sagafile.books import book
from tests.sagafile.broken_files import FOLDER

GOOD = "id: good.v1\ntrigger: a\nsteps:\n  - name: pay\n    call: payment-svc:/pay\n    compensate: payment-svc:/back\n"
QUIET = GOOD.replace("good", "quiet").replace(":/pay", ":/pay  # hms-orch: ignore[HMS042] see the runbook")
HOSTILE = "x\udcff\x1b[2J\u202e::error::%0A,\n保#?.yaml"
UNREAD = (NotFound("no such file or folder: gone.yaml", "Paths are relative to the working folder."),)


def validation(*files: tuple[str, str], strict: bool = False) -> Validation:
    """What is found in these files, by an address book that has no payment-svc."""
    return Validation(
        check_files(
            [(name, text.encode()) for name, text in files], CelExpressions(), services=book("x"), strict=strict
        )
    )


def everything() -> Validation:
    """Every broken file there is, a silenced finding, a file with more findings than are told, a name that is none,
    and a file that could not be read."""
    files = [(f"broken/{path.name}", path.read_bytes()) for path in sorted(FOLDER.glob("*.yaml"))]
    files += [("quiet.yaml", QUIET.encode()), ("many.yaml", b"{" + b",".join(b"k%d: 1" % i for i in range(150)) + b"}")]
    files += [(HOSTILE, b"id: [\x1b]"), ("folder with blanks/g.yaml", GOOD.encode())]
    return Validation(check_files(files, CelExpressions(), services=book("x")), UNREAD)
