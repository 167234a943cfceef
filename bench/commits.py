"""`hms-orch` with its commits written down: `python -m bench.commits FILE WORD…` is `hms-orch WORD…`, and afterwards
FILE has one line for each commit of the store, in order: the last position of the log behind it.

A commit of derived rows alone leaves that as it was. What is measured is the product as it is; one integer a commit is
kept beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hms_orch_cli.cli.main import run
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.ports.store import Append, Derived


def _main(file: Path, words: Sequence[str]) -> None:
    heads: list[int] = []
    append = SqliteStore.append

    def counted(self: SqliteStore, batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        results = append(self, batch, derived)
        heads.append(self.last_seq())
        return results

    SqliteStore.append = counted  # type: ignore[method-assign]
    sys.argv = ["hms-orch", *words]
    try:
        run()
    finally:
        file.write_text("".join(f"{head}\n" for head in heads))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2:])
