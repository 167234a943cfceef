"""GET /v1/sagas: the runs, and one of them with its timeline."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.application.overview import timeline_json
from hms_orch_cli.application.run_list import run_json
from hms_orch_cli.dashboard.reading import Json, choices, number
from hms_orch_cli.views.states import STATES

LIMIT: Final = 1_000
TEXT: Final = 200
"""Characters of a text that is looked for."""


async def list_runs(office: Office, request: Request) -> Response:
    """The runs, newest first; of a saga, of states, with a text, of the event at a position, older than `before`.
    `dispatched` says of that event whether it has met the definitions, so that its runs are all there."""
    event = number(request, "event", 0, 1, (1 << 63) - 1) or None
    # Asked first: what has met the definitions by now has its runs in the answer.
    dispatched = {} if event is None else {"dispatched": office.is_dispatched(event)}
    wanted: dict[str, Any] = {
        "saga": request.query_params.get("saga") or None,
        "states": choices(request, "state", STATES),
        "event_seq": event,
        "text": request.query_params.get("text", "")[:TEXT],
        "before": request.query_params.get("before") or None,
        "limit": number(request, "limit", 100, 1, LIMIT),
    }
    # A search may look at every run: nobody waits for it but who asked.
    rows = await asyncio.to_thread(partial(office.runs, **wanted)) if wanted["text"] else office.runs(**wanted)
    return Json({"sagas": [run_json(row) for row in rows], **dispatched})


async def one_run(office: Office, request: Request) -> Response:
    """One run, and what happened to it."""
    return Json(timeline_json(office.run(request.path_params["id"])))
