"""`hms-orch up --until-idle` over a store that kills its own process. Used by tests alone:

python -m tests.acceptance.killing_up --kill-at N --when before|after [word of up …]
"""

from __future__ import annotations

import argparse
import sys

from hms_orch_cli import wiring
from hms_orch_cli.cli.main import run
from hms_orch_cli.config import Config
from hms_orch_cli.event_store.sqlite import SqliteStore
from tests.acceptance.killing_store import KillingStore


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kill-at", type=int, required=True)
    parser.add_argument("--when", choices=["before", "after"], required=True)
    options, words = parser.parse_known_args()

    def open_store(config: Config) -> SqliteStore:
        return KillingStore(config.store_path, kill_at=options.kill_at, when=options.when)

    wiring.open_store = open_store  # `up` asks wiring for its store when it starts
    sys.argv = ["hms-orch", "up", *words]
    run()


if __name__ == "__main__":
    main()
