"""GET /v1/sagas: the runs, and one of them with its timeline."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.application.overview import timeline_json
from hms_orch_cli.application.run_list import run_json
from hms_orch_cli.dashboard.reading import Json, choices, number
from hms_orch_cli.dashboard.refusals import BadRequest
from hms_orch_cli.views.states import STATES

LIMIT: Final = 1_000
TEXT: Final = 200
"""Characters of a text that is looked for."""

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
        "before": _before(request),
        "limit": number(request, "limit", 100, 1, LIMIT),
    }
    # A search may look at every run: nobody waits for it but who asked.
    rows = await asyncio.to_thread(partial(office.runs, **wanted)) if wanted["text"] else office.runs(**wanted)
    return Json({"sagas": [run_json(row) for row in rows], **dispatched})


async def one_run(office: Office, request: Request) -> Response:
    """One run, and what happened to it."""
    return Json(timeline_json(office.run(request.path_params["id"])))


def _before(request: Request) -> str | None:
    """Where a page of the list begins. Any other text would compare with ids as well, and page in circles."""
    told = request.query_params.get("before") or None
    if told is not None and not _ID.fullmatch(told):
        raise BadRequest(f"the query's before is {told[:40]!r}", "give the id of the last run of the page before")
    return told
