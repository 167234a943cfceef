"""The routes: which function answers which path and method, and what a caller needs for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from hms_orch_cli.application.office import Office
from hms_orch_cli.dashboard import (
    activity,
    callbacks,
    definitions,
    incoming_events,
    operations,
    outgoing_events,
    questions,
    runs,
    steering,
)
from hms_orch_cli.dashboard.access import is_of_a_person
from hms_orch_cli.dashboard.callers import ROLES, Caller, Register, caller_of, right_of
from hms_orch_cli.dashboard.login import Login, who
from hms_orch_cli.dashboard.pages import LOST, PAGES
from hms_orch_cli.dashboard.pages.live import live as live_stream
from hms_orch_cli.dashboard.plain import PlainResponse
from hms_orch_cli.dashboard.problems import no_such_request, problem_of
from hms_orch_cli.dashboard.reach import need_reach
from hms_orch_cli.dashboard.reading import Intake
from hms_orch_cli.dashboard.sessions import Sessions
from hms_orch_cli.dashboard.streams import Streams
from hms_orch_cli.errors import HmsError

Handler = Callable[[Office, Request], Awaitable[Response | PlainResponse]]


class Routes(Starlette):
    """The routes over one office. `streams.stop()` ends the streams."""

    def __init__(self, office: Office, register: Register, sessions: Sessions) -> None:
        self._office = office
        self.streams = Streams(office.last_seq)
        super().__init__(
            routes=_routes(office, self.streams, register, Login(register, sessions)),
            exception_handlers={HmsError: _on_error, HTTPException: self._on_http_error},
        )
        self.router.redirect_slashes = False
        self.state.intake = Intake()

    def build_middleware_stack(self) -> ASGIApp:
        """Only what turns errors into answers: the rest stands before the entrance, and there a bug is met as well."""
        return ExceptionMiddleware(self.router, handlers=self.exception_handlers)

    async def _on_http_error(self, request: Request, error: Exception) -> Response:
        """What the router refuses: unknown paths and wrong methods."""
        assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for that class
        if error.status_code == 404 and wants_page(request):
            return await LOST(self._office, request)
        return _response(no_such_request(request.scope, error.status_code, error.headers))


def _routes(office: Office, streams: Streams, register: Register, login: Login) -> list[Route]:
    def route(path: str, **handlers: Handler) -> Route:
        """One route for all methods of a path, so that a wrong one hears of all the right ones."""

        async def endpoint(request: Request) -> Response | PlainResponse:
            method = method_of(request)
            if (right := right_of(method, path)) is not None:
                caller_of(request).need(right)
                if method != "GET":
                    need_reach(office, path, request)
            return await handlers[method](office, request)

        return Route(path, endpoint, methods=list(handlers))

    async def read_events(office: Office, request: Request) -> Response:
        return await outgoing_events.read(office, streams, request)

    async def describe(_office: Office, _request: Request) -> Response:
        return operations.openapi(needs_token=register.needs_token)

    async def live(office: Office, request: Request) -> Response:
        return await live_stream(office, streams, request)

    return [
        route("/v1/events", GET=read_events, POST=incoming_events.take),
        route("/v1/sagas", GET=runs.list_runs),
        route("/v1/sagas/{id}", GET=runs.one_run),
        route("/v1/sagas/{id}/cancel", POST=steering.cancel),
        route("/v1/sagas/{id}/abandon", POST=steering.abandon),
        route("/v1/sagas/{id}/pause", POST=steering.pause),
        route("/v1/sagas/{id}/resume", POST=steering.resume),
        route("/v1/sagas/{id}/redrive", POST=steering.redrive),
        route("/v1/sagas/{id}/steps/{name}/compensated", POST=steering.compensated),
        route("/v1/sagas/{id}/explain", GET=steering.explain),
        route("/v1/sagas/{id}/plan", GET=steering.plan),
        route("/v1/sagas/{id}/requests", GET=steering.requests),
        route("/v1/hitl", GET=questions.list_items),
        route("/v1/hitl/{id}", GET=questions.one_item, POST=questions.decide),
        route("/v1/locks", GET=questions.list_locks),
        route("/v1/locks/release", POST=questions.release),
        route("/v1/definitions", GET=definitions.list_definitions, POST=definitions.deploy),
        route("/v1/definitions/{id}", GET=definitions.one_definition, DELETE=definitions.undeploy),
        route("/v1/definitions/{id}/revisions", GET=definitions.revisions),
        route("/v1/definitions/{id}/pause", POST=definitions.pause),
        route("/v1/definitions/{id}/resume", POST=definitions.resume),
        route("/v1/activity", GET=activity.show),
        route("/v1/services", GET=activity.services),
        route("/v1/callbacks/{token}", POST=callbacks.take),
        route("/v1/me", GET=who),
        route("/login", GET=login.show, POST=login.take),
        route("/logout", POST=login.leave),
        route("/metrics", GET=operations.metrics),
        route("/.well-known/jwks.json", GET=operations.jwks),
        route("/openapi.json", GET=describe),
        route("/live", GET=live),
        *(route(path, GET=handler) for path, handler in PAGES.items()),
    ]


def method_of(request: Request) -> str:
    """HEAD is a GET whose body nobody reads."""
    return "GET" if request.method == "HEAD" else request.method


def wants_page(request: Request) -> bool:
    """Whether somebody who may look asks for a page of this server in a browser."""
    caller: Caller | None = request.scope["caller"]
    may_look = caller is not None and "read" in ROLES[caller.role]
    return may_look and is_of_a_person(request.scope) and not request.url.path.startswith("/v1/")


async def _on_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HmsError)  # noqa: S101  # it is registered for that class
    return _response(problem_of(error))


def _response(plain: PlainResponse) -> Response:
    return Response(plain.body, plain.status_code, plain.headers)
