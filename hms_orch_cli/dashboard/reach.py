"""How far a token reaches: to which definition a request is about, before it is carried out."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard.callers import caller_of
from hms_orch_cli.dashboard.refusals import NotPermitted

TOLD_BY_THE_BODY: Final = ("/v1/definitions", "/v1/locks/release", "/v1/events")
"""Their handlers ask, once they have read what it is about."""


def need_reach(office: Office, path: str, request: Request) -> None:
    """Raises NotPermitted if the caller's token does not reach to what a request to the route `path` is about, NotFound
    if there is no such thing."""
    caller = caller_of(request)
    if not caller.sagas or path in TOLD_BY_THE_BODY:
        return
    if (saga := _saga_of(office, path, request.path_params.get("id", ""))) is None:
        raise NotPermitted(f"{caller.name} may not do this to all definitions", "ask an operator of all of them")
    caller.need_saga(saga)


def _saga_of(office: Office, path: str, about: str) -> str | None:
    if path.startswith("/v1/sagas/{id}/"):
        return office.run(about).row.saga
    if path.startswith("/v1/hitl/{id}"):
        saga: str = office.item(about)["saga"]
        return saga
    return about if path.startswith("/v1/definitions/{id}") else None
