"""What a start of `up` loads, and what it leaves for later: an idle orchestrator should cost little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LATER = (
    "starlette",  # with the first request beyond /healthz and /readyz
    "hms_orch_cli.dashboard.routes",
    "hms_orch_cli.application.office",
    "cryptography",  # with the first call
    "cel_expr_python",  # with the first definition
    "hms_orch_cli.expressions.cel",
    "hms_orch_cli.sagafile",
    "http.client",
    "httpx",
    "pyreqwest",
    "prometheus_client",
    "yaml",
    "rich",
)

UP = f"""
import gc, sys
from hms_orch_cli.cli.main import run
from hms_orch_cli.orchestrator.orchestrator import Orchestrator

start, collecting = Orchestrator.start, []

def started(self):
    collecting.append(gc.isenabled())
    start(self)

Orchestrator.start = started
sys.argv = ["hms-orch", "up", "--port", "0", "--until-idle"]
try:
    run()
except SystemExit as end:
    print(end.code, collecting, [name for name in {LATER} if name in sys.modules])
"""


def test_an_idle_orchestrator_has_loaded_only_what_it_needs_and_collects_its_garbage(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UP], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "0 [True] []"
