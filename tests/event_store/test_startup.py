"""Short commands pay only for what they use: nothing heavy is imported with the store."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ["asyncio", "threading", "json", "sqlite3", "socket", "urllib.request", "logging", "subprocess"]


def test_the_store_and_the_inline_journal_import_nothing_heavy() -> None:
    code = (
        "import sys, hms_orch_cli.event_store.sqlite, hms_orch_cli.event_store.inline, hms_orch_cli.event_store.holder;"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
