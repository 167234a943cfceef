"""GET /v1/sagas: the runs, and one of them with its timeline."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.application.overview import timeline_json
from hms_orch_cli.application.run_list import run_json
from hms_orch_cli.dashboard.reading import Json, choices, number
from hms_orch_cli.views.states import STATES

LIMIT: Final = 1_000


async def list_runs(office: Office, request: Request) -> Response:
    """The runs, newest first; of a saga, of states, of the event at a position, older than the run `before`.
    `dispatched` says of that event whether it has met the definitions, so that its runs are all there."""
    event = number(request, "event", 0, 1, (1 << 63) - 1) or None
    # Asked first: what has met the definitions by now has its runs in the answer.
    dispatched = {} if event is None else {"dispatched": office.is_dispatched(event)}
    rows = office.runs(
        saga=request.query_params.get("saga") or None,
        states=choices(request, "state", STATES),
        event_seq=event,
        before=request.query_params.get("before") or None,
        limit=number(request, "limit", 100, 1, LIMIT),
    )
    return Json({"sagas": [run_json(row) for row in rows], **dispatched})


async def one_run(office: Office, request: Request) -> Response:
    """One run, and what happened to it."""
    return Json(timeline_json(office.run(request.path_params["id"])))
