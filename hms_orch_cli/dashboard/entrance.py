"""The way in, for whoever was let in: whether the process lives and is ready is answered here, to anybody. For all else
there are the routes with what they ask; they are built when somebody first comes for them: `up` is ready without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from hms_orch_cli.dashboard.plain import PlainResponse
from hms_orch_cli.dashboard.problems import no_such_request, problem_of
from hms_orch_cli.dashboard.refusals import NotReady
from hms_orch_cli.errors import HmsError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from hms_orch_cli.dashboard.callers import Caller
    from hms_orch_cli.dashboard.routes import Routes

METHODS: Final = ("GET", "HEAD")

Answer = Callable[["Caller | None"], PlainResponse]
"""What somebody gets, None for who is not known."""


class Entrance:
    """`objection` says why the orchestrator is not ready, or nothing; `build` makes the routes, on a thread."""

    def __init__(self, objection: Callable[[], str], build: Callable[[], Routes]) -> None:
        self._objection = objection
        self._build = build
        self._building: asyncio.Future[Routes] | None = None
        self._routes: Routes | None = None
        self._stopped = False
        self.answers: Mapping[str, Answer] = {"/healthz": _healthz, "/readyz": self._readyz}
        """what is answered here, by path"""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        answer = self.answers.get(scope["path"])
        if answer is None:
            await (self._routes or await self.routes())(scope, receive, send)
        else:
            await _answered(scope, answer)(scope, receive, send)

    async def routes(self) -> Routes:
        """The routes. Whoever comes first has them built, and the loop goes on meanwhile; others wait for the same."""
        if self._building is None:
            self._building = asyncio.ensure_future(asyncio.to_thread(self._build))
            self._building.add_done_callback(self._built)
        return await asyncio.shield(self._building)

    def stop(self) -> None:
        """Ends every stream, those to come as well."""
        self._stopped = True
        if self._routes is not None:
            self._routes.streams.stop()

    def _built(self, building: asyncio.Future[Routes]) -> None:
        if building.cancelled() or building.exception() is not None:
            self._building = None  # no file could be opened, say: whoever comes next tries again
            return
        self._routes = building.result()
        if self._stopped:
            self._routes.streams.stop()

    def _readyz(self, caller: Caller | None) -> PlainResponse:
        if reason := self._objection():
            # The reason may name a place of this machine.
            raise NotReady(reason if caller is not None else "who asks with a token hears why")
        return PlainResponse(200, b'{"ready":true}', {"content-type": "application/json"})


def _healthz(_caller: Caller | None) -> PlainResponse:
    return PlainResponse(200, b"ok\n", {"content-type": "text/plain; charset=utf-8"})


def _answered(scope: Scope, answer: Answer) -> PlainResponse:
    if scope["method"] not in METHODS:
        return no_such_request(scope, 405, {"allow": ", ".join(METHODS)})
    try:
        return answer(scope.get("caller"))
    except HmsError as error:
        return problem_of(error)
