"""A process that takes a store's lock file, says how that went, and holds it until its input ends.

python holding.py PATH [URL]      prints `held` or `refused PID`
"""

from __future__ import annotations

import sys

from hms_orch_cli.errors import StoreHeld
from hms_orch_cli.event_store.holder import Holder


def main() -> None:
    try:
        holder = Holder.take(sys.argv[1])
    except StoreHeld as held:
        print("refused", held.pid, flush=True)
        return
    if len(sys.argv) > 2:
        holder.announce(sys.argv[2])
    print("held", flush=True)
    sys.stdin.read()
    holder.release()


main()
