"""Following runs until they have ended, by reading the log: it needs no `up` to answer, only one to do the work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hms_orch_cli.cli import output
from hms_orch_cli.cli.options import Format
from hms_orch_cli.errors import TimedOut
from hms_orch_cli.views.runs import ENDED_STATES

if TYPE_CHECKING:
    from hms_orch_cli.config import Config
    from hms_orch_cli.ports import RunRow

LOOK_S = 0.1
STUCK_CODE = 5
OTHER_END_CODE = 1
AT_REST = (*ENDED_STATES, "STUCK")


def wait_for(config: Config, positions: list[int], timeout_s: float | None, form: Format) -> int:
    """Waits for the runs of the events at these positions; the exit code of the worst end. Raises TimedOut."""
    from hms_orch_cli.application.overview import is_dispatched, run_json, runs_of
    from hms_orch_cli.wiring import open_reader

    until = None if timeout_s is None else time.monotonic() + timeout_s
    ended: dict[int, list[RunRow]] = {}
    with open_reader(config) as reader:
        while True:
            for position in [each for each in positions if each not in ended]:
                if not is_dispatched(reader, position):
                    break
                rows = runs_of(reader, position)
                if all(row.state in AT_REST for row in rows):
                    ended[position] = rows
            if len(ended) == len(positions):
                break
            if until is not None and time.monotonic() >= until:
                raise TimedOut(
                    f"{len(positions) - len(ended)} of {len(positions)} events still have runs going on",
                    "hms-orch status shows them; they go on while hms-orch up runs",
                )
            time.sleep(LOOK_S)
    rows = [row for position in positions for row in ended[position]]
    if form is Format.JSON:
        output.as_json([run_json(row) for row in rows])
    for row in rows if form is Format.TEXT else ():
        output.result(f"{row.saga_id}  {row.saga}  {row.state}{f'  {row.reason}' if row.reason else ''}")
    states = {row.state for row in rows}
    if "STUCK" in states:
        return STUCK_CODE
    return OTHER_END_CODE if states - {"COMPLETED"} else 0
