"""`hms-orch backup`: a consistent copy of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hms_orch_cli.cli import output
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app

app = new_app()


@app.command(
    epilog=examples(
        "hms-orch backup /mnt/backup/events-$(date +%F).db",
        "hms-orch backup copy.db > copy.head        # SEQ:HASH, to keep elsewhere",
        "hms-orch replay --verify --against $(cat copy.head)",
    )
)
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy: a new file.", show_default=False)],
    form: Output = Format.TEXT,
) -> None:
    """Copy the store to a new file; `up` may be running.

    The copy is checked, its chain too, before it gets its name. Prints SEQ:HASH of its last event.
    """
    from hms_orch_cli.config import load
    from hms_orch_cli.event_store.backup import backup as copy

    head = copy(load().store_path, file)
    size = file.stat().st_size
    if form is Format.JSON:
        output.as_json({"file": str(file), "events": head.seq, "bytes": size, "head": str(head)})
        return
    output.result(str(head))
    output.note(f"{file} holds {output.counted(head.seq, 'event')} in {size} bytes")
