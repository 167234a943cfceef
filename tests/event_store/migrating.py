"""A process that opens a store and kills itself before the n-th statement of its migration.

python migrating.py PATH N      prints `survived` if the migration has less than N statements
"""

from __future__ import annotations

import os
import signal
import sys

import apsw

from hms_orch_cli.event_store.sqlite import SqliteStore


def main() -> None:
    path, fatal = sys.argv[1], int(sys.argv[2])
    begun = seen = 0

    def trace(_cursor: apsw.Cursor, sql: str, _bindings: object) -> bool:
        nonlocal begun, seen
        begun = begun or sql.startswith("BEGIN IMMEDIATE")
        seen += bool(begun)
        if seen == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    apsw.connection_hooks.append(lambda connection: connection.set_exec_trace(trace))
    SqliteStore(path).close()
    print("survived")


main()
