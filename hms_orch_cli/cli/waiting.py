"""Following runs until they have ended, by reading the log: it needs no `up` to answer, only one to do the work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hms_orch_cli.cli import output
from hms_orch_cli.cli.options import Format
from hms_orch_cli.errors import TimedOut
from hms_orch_cli.views.states import ENDED_STATES

if TYPE_CHECKING:
    from hms_orch_cli.config import Config

LOOK_S = 0.1
STUCK_CODE = 5
OTHER_END_CODE = 1
AT_REST = (*ENDED_STATES, "STUCK")


def wait_for(config: Config, positions: list[int], timeout_s: float | None, form: Format) -> int:
    """Waits for the runs of the events at these positions; the exit code of the worst end. Raises TimedOut."""
    from hms_orch_cli.cli.log_source import open_log

    _say_if_nobody_works(config)
    until = None if timeout_s is None else time.monotonic() + timeout_s
    ended: dict[int, list[dict[str, Any]]] = {}
    with open_log(config) as log:
        while True:
            for position in [each for each in positions if each not in ended]:
                found = log.runs_of(position)
                if found is None:
                    break  # later ones have not met the definitions either
                if all(run["state"] in AT_REST for run in found):
                    ended[position] = found
            if len(ended) == len(positions):
                break
            if until is not None and time.monotonic() >= until:
                raise TimedOut(
                    f"{len(positions) - len(ended)} of {len(positions)} events still have runs going on",
                    "hms-orch status shows them; they go on while hms-orch up runs",
                )
            time.sleep(LOOK_S)
    runs = [run for position in positions for run in ended[position]]
    if form is Format.JSON:
        output.as_json(runs)
    for run in runs if form is Format.TEXT else ():
        output.result(f"{run['sagaId']}  {run['saga']}  {run['state']}{'  ' if run['reason'] else ''}{run['reason']}")
    states = {run["state"] for run in runs}
    if "STUCK" in states:
        return STUCK_CODE
    return OTHER_END_CODE if states - {"COMPLETED"} else 0


def _say_if_nobody_works(config: Config) -> None:
    from hms_orch_cli.event_store.holder import look

    if not config.url and look(config.store_path) is None:
        output.note("waiting: nobody runs sagas on this store now, start hms-orch up")
