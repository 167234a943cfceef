"""POST /v1/callbacks/{token}: a participant reports the end of what it took with 202."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.reading import body_of, json_of
from hms_orch_cli.dashboard.refusals import BadRequest
from hms_orch_cli.saga.words import words_of

BODY_BYTES: Final = 1 << 20
"""The same as for the answer of a call."""

REASON: Final = 500
"""Characters of a reason that are kept."""


async def take(office: Office, request: Request) -> Response:
    """204 once it is durable; the same for a second report, which changes nothing. The token is the permission."""
    report = json_of(await body_of(request, BODY_BYTES))
    outcome = report.get("outcome") if isinstance(report, dict) else None
    if outcome not in ("success", "failed"):
        raise BadRequest("a callback says how it ended", 'send {"outcome": "success" or "failed", "result": …}')
    result = report.get("result")
    await office.callback(request.path_params["token"], outcome, result, _reason(report, result))
    return Response(status_code=204)


def _reason(report: dict[str, Any], result: Any) -> str:
    """Why it failed, in the participant's own words."""
    told = report.get("reason")
    words = told.strip() if isinstance(told, str) else ""
    if words := words or words_of(result):
        return words[:REASON]
    return "the participant reported failed" if report["outcome"] == "failed" else ""
