"""The routes, and what stands before them. `create_app` gives the ASGI application of one running orchestrator."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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
from hms_orch_cli.dashboard.access import Access, is_of_a_person
from hms_orch_cli.dashboard.callers import ROLES, Caller, Register, caller_of, right_of
from hms_orch_cli.dashboard.headers import SafeHeaders
from hms_orch_cli.dashboard.login import Login, who
from hms_orch_cli.dashboard.pages import LOST, PAGES
from hms_orch_cli.dashboard.pages.live import live as live_stream
from hms_orch_cli.dashboard.problems import Bugs, on_error, on_http_error
from hms_orch_cli.dashboard.reach import need_reach
from hms_orch_cli.dashboard.reading import Intake
from hms_orch_cli.dashboard.sessions import Sessions
from hms_orch_cli.dashboard.streams import Streams
from hms_orch_cli.errors import HmsError

Handler = Callable[[Office, Request], Awaitable[Response]]


def create_app(
    office: Office,
    *,
    host: str = "127.0.0.1",
    register: Register | None = None,
    session_secret: bytes | None = None,
    public_url: str | None = None,
) -> Starlette:
    """The application. `host` is where it will listen, `public_url` how it is reached through a proxy. `register` knows
    the tokens, without one nothing needs any; with `session_secret` logins of browsers outlive the process.
    `app.state.streams.stop()` ends the streams."""
    streams = Streams(office.last_seq)
    register = register or Register()
    secure = (public_url or "").startswith("https:")
    sessions = Sessions(session_secret or secrets.token_bytes(32), office.clock.now_ms, secure=secure)
    login = Login(register, sessions)

    def route(path: str, **handlers: Handler) -> Route:
        """One route for all methods of a path, so that a wrong one hears of all the right ones."""

        async def endpoint(request: Request) -> Response:
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

    async def refuse(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 404 and wants_page(request):
            return await LOST(office, request)
        return on_http_error(request, error)

    async def live(office: Office, request: Request) -> Response:
        return await live_stream(office, streams, request)

    app = Starlette(
        routes=[
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
            route("/healthz", GET=operations.healthz),
            route("/readyz", GET=operations.readyz),
            route("/metrics", GET=operations.metrics),
            route("/.well-known/jwks.json", GET=operations.jwks),
            route("/openapi.json", GET=describe),
            route("/live", GET=live),
            *(route(path, GET=handler) for path, handler in PAGES.items()),
        ],
        middleware=[
            Middleware(SafeHeaders),
            Middleware(Bugs),
            Middleware(Access, host=host, register=register, sessions=sessions, public_url=public_url),
        ],
        exception_handlers={HmsError: on_error, HTTPException: refuse},
    )
    app.router.redirect_slashes = False
    app.state.streams = streams
    app.state.intake = Intake()
    return app


def method_of(request: Request) -> str:
    """HEAD is a GET whose body nobody reads."""
    return "GET" if request.method == "HEAD" else request.method


def wants_page(request: Request) -> bool:
    """Whether somebody who may look asks for a page of this server in a browser."""
    caller: Caller | None = request.scope["caller"]
    may_look = caller is not None and "read" in ROLES[caller.role]
    return may_look and is_of_a_person(request.scope) and not request.url.path.startswith("/v1/")
