"""Taking part costs a service nothing but what it uses."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
{line}
print(*sorted(sys.modules))
"""
HEAVY = {"httpx", "jwt", "cryptography", "starlette", "uvicorn", "typer", "rich", "yaml", "orjson", "apsw", "sqlite3"}


def loaded(line: str) -> set[str]:
    """What a line of Python has imported in the end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(line=line)], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


def test_the_import_loads_nothing_of_the_orchestrator_and_no_package() -> None:
    found = loaded("from hms_orch_cli.sdk import emit, on, verify, verified, barrier; import hms_orch_cli.sdk.sync")
    ours = {name for name in found if name.startswith("hms_orch_cli.")}
    assert {name for name in ours if not name.startswith("hms_orch_cli.sdk")} == set()
    assert found & HEAVY == set()
