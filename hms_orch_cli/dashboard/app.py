"""The ASGI application of one running orchestrator: what every request passes, in plain ASGI, before the routes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from hms_orch_cli.dashboard.access import Access
from hms_orch_cli.dashboard.callers import Register
from hms_orch_cli.dashboard.entrance import Entrance
from hms_orch_cli.dashboard.headers import SafeHeaders
from hms_orch_cli.dashboard.problems import Bugs
from hms_orch_cli.dashboard.sessions import Sessions
from hms_orch_cli.orchestrator.orchestrator import Orchestrator

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from hms_orch_cli.application.office import Office
    from hms_orch_cli.dashboard.routes import Routes


class App:
    """The application. `host` is where it will listen, `public_url` how it is reached through a proxy. `register`
    knows the tokens, without one nothing needs any; with `session_secret` logins of browsers outlive the process.
    `open_office` is called on a thread, when somebody first asks for more than whether the orchestrator is ready."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        open_office: Callable[[], Office],
        *,
        host: str = "127.0.0.1",
        register: Register | None = None,
        session_secret: bytes | None = None,
        public_url: str | None = None,
    ) -> None:
        register = register or Register()
        secure = (public_url or "").startswith("https:")
        sessions = Sessions(session_secret or secrets.token_bytes(32), orchestrator.clock.now_ms, secure=secure)

        def build() -> Routes:
            from hms_orch_cli.dashboard.routes import Routes

            return Routes(open_office(), register, sessions)

        self.entrance = Entrance(orchestrator.objection, build)
        access = Access(self.entrance, host, register, sessions, public_url)
        self._way_in = SafeHeaders(Bugs(access))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self._way_in(scope, receive, send)

    def stop(self) -> None:
        """Ends the streams, which have no end of their own."""
        self.entrance.stop()
