"""A whole orchestrator in memory, with participants that answer as they are told, and the application over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import orjson
from starlette.routing import Route

from hms_orch_cli.application.clock import SystemClock
from hms_orch_cli.application.instruments import Instruments
from hms_orch_cli.application.office import Checked, Office
from hms_orch_cli.config.tokens import Token, Tokens
from hms_orch_cli.dashboard.app import App
from hms_orch_cli.dashboard.callers import Register
from hms_orch_cli.dashboard.entrance import METHODS
from hms_orch_cli.dashboard.routes import Routes
from hms_orch_cli.errors import SagaFileError
from hms_orch_cli.event_store.group_commit import GroupCommit
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.orchestrator.orchestrator import Orchestrator
from hms_orch_cli.orchestrator.requests import RequestWriter
from hms_orch_cli.participant.meter import Meter
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.ports.services import Service
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.sagafile.check import check
from hms_orch_cli.signing.callback import callback_token, read_callback
from hms_orch_cli.views.activity import Activity

EVENT_BYTES = 4_096
SERVICES = {"pay-svc": Service("http://127.0.0.1:9001")}
SECRET = b"a secret of the tests, 32 bytes."

ADMITTED: dict[str, Any] = {"type": "http", "still": lambda: True}
"""What an application is told of a request that was let in, for a test that is its server."""

SAGA = """
id: {id}
trigger: order.placed
filter: {filter}
steps:
  - name: pay
    call: pay-svc:/pay
    compensate: pay-svc:/refund
  - name: ship
    call: ship-svc:/ship
    compensate: ship-svc:/return
retry: {{attempts: 1}}
"""


def saga(name: str = "shop.order.v1", condition: str = "data.n >= 0") -> str:
    """A definition of two steps."""
    return SAGA.format(id=name, filter=condition)


def event(n: int = 1, **attributes: Any) -> dict[str, Any]:
    """A CloudEvent that triggers it; None leaves an attribute out."""
    told = {"specversion": "1.0", "id": f"e{n}", "source": "tests", "type": "order.placed", "data": {"n": n}}
    return {name: value for name, value in {**told, **attributes}.items() if value is not None}


class FakeParticipants:
    """Answers by path; whatever is not told is a success."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.calls: list[CallRequest] = []

    async def call(self, request: CallRequest) -> Answer:
        """The answer for this path."""
        self.calls.append(request)
        return self.answers.get(request.path, Answer(Wire.ANSWERED, 200, {"message": f"{request.step} done"}))

    async def close(self) -> None:
        """Nothing to close."""


class House(NamedTuple):
    """What a test needs in its hands."""

    store: MemoryStore
    orchestrator: Orchestrator
    office: Office
    participants: FakeParticipants
    app: App
    routes: Routes
    client: httpx.AsyncClient
    heard: Activity

    def asked(self) -> list[tuple[str, str]]:
        """(method, path) of everything that is answered, parameters as they stand: at the entrance, and by a route."""
        found = [(method, path) for path in self.app.entrance.answers for method in METHODS]
        for route in self.routes.routes:
            assert isinstance(route, Route)
            found += [(method, route.path) for method in sorted(route.methods or ())]
        return found

    async def deploy(self, text: str | None = None) -> None:
        """Deploys a definition over HTTP."""
        answer = await self.client.post(
            "/v1/definitions", content=text or saga(), headers={"content-type": "application/yaml"}
        )
        assert answer.status_code in (200, 201), answer.text

    async def publish(self, *events: dict[str, Any]) -> httpx.Response:
        """Publishes a batch over HTTP."""
        return await self.client.post(
            "/v1/events",
            content=orjson.dumps(events),
            headers={"content-type": "application/cloudevents-batch+json"},
        )

    async def settle(self) -> None:
        """Until nothing moves any more."""
        await asyncio.wait_for(self.orchestrator.until_idle(), 20)

    async def written(self) -> None:
        """Until the run list, which is written behind, knows everything."""
        async with asyncio.timeout(20):
            while self.office.folded_to() < self.office.last_seq():
                await asyncio.sleep(0.01)

    def callback(self, saga_id: str, step: str, op: str = "call") -> str:
        """The path of a callback."""
        return f"/v1/callbacks/{callback_token(SECRET, saga_id, step, op)}"


@asynccontextmanager
async def open_house(
    host: str = "127.0.0.1",
    tokens: Sequence[str] = (),
    public_url: str | None = None,
    *,
    named: Sequence[Token] = (),
    tokens_now: Callable[[], Tokens] | None = None,
    local: str = "",
    backlog: int = 100_000,
    waiting: int = 32_768,
    store: Any = None,
    participants: Any = None,
    services: Mapping[str, Service] = SERVICES,
    event_bytes: int = EVENT_BYTES,
    headers: Mapping[str, str] | None = None,
    started: bool = True,
) -> AsyncIterator[House]:
    """A running one; its journal takes so many appends at a time. Over a new store in memory, unless one is given.
    `tokens_now` takes the place of tokens that stay as they are."""
    store = MemoryStore() if store is None else store
    journal = GroupCommit(store, waiting_limit=waiting)
    participants = FakeParticipants() if participants is None else participants
    cel = CelExpressions()
    clock = SystemClock()
    writer = RequestWriter(
        lambda *named: f"http://localhost/v1/callbacks/{callback_token(SECRET, *named)}", lambda name: ""
    )
    meter = Meter(participants)
    heard = Activity()
    orchestrator = Orchestrator(
        journal, store, store, meter, lambda: cel, clock, writer, [heard], calls=8, calls_per_service=8
    )

    def checked(text: bytes) -> Checked:
        found = check(text, "definition", cel)
        if not found.ok or len(found.documents) != 1:
            raise SagaFileError("the definition is wrong", "look at the findings", found.findings)
        document = found.documents[0]
        return Checked(document.saga.id, document.revision, document.content)

    office = Office(
        orchestrator,
        journal,
        store,
        clock,
        jwks=lambda: {"keys": [{"kty": "EC", "kid": "k1"}]},
        read_callback=lambda token: read_callback(SECRET, token),
        check=checked,
        event_bytes=event_bytes,
        backlog=backlog,
        instruments=Instruments(journal.seconds, meter.seconds, lambda: journal.waiting),
        heard=heard,
        services=services,
    )
    known = Tokens(tuple(named), tuple(tokens))
    register = Register(tokens_now or (lambda: known), local)
    app = App(orchestrator, lambda: office, host=host, register=register, session_secret=SECRET, public_url=public_url)
    if started:
        orchestrator.start()
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7600", headers=headers) as client:
            yield House(store, orchestrator, office, participants, app, await app.entrance.routes(), client, heard)
    finally:
        await orchestrator.stop()
        await journal.close()
