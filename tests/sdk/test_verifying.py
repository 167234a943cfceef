"""Only what the orchestrator signed, for this service and this minute, gets in."""

from __future__ import annotations

import asyncio
import time
from http.client import HTTPMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import httpx
import jwt
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from hms_orch_cli.ports.participants import Claims as Asked
from hms_orch_cli.sdk import (
    Claims,
    KeysUnavailable,
    NotVerified,
    SdkError,
    UndoneBefore,
    Unreachable,
    problem,
    verified,
    verify,
)
from hms_orch_cli.sdk.keyset import PATH, keyset
from hms_orch_cli.signing.keys import KeyRing
from hms_orch_cli.signing.token import Es256Signer
from tests.participant.fake_service import FakeService, Reply

ASKED = Asked("payment-svc", "r1", "pay", "call", 2)


class Orchestrator(NamedTuple):
    """Its keys, and where they are published."""

    ring: KeyRing
    service: FakeService
    folder: Path

    def token(self, asked: Asked = ASKED, issuer: str = "hms-orch", age_s: float = 0) -> str:
        """A token of its own."""
        return Es256Signer(self.ring, issuer, lambda: time.time() - age_s).token(asked)

    def publish(self) -> None:
        """The keys as they are now."""
        self.service.on(PATH, Reply(json=self.ring.jwks()))

    @property
    def fetched(self) -> int:
        """How often somebody has asked for them."""
        return len(self.service.requests_for(PATH))


@pytest.fixture
async def orchestrator(tmp_path: Path, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> Orchestrator:
    keyset.cache_clear()
    monkeypatch.setenv("HMS_URL", service.url)
    made = Orchestrator(KeyRing(tmp_path / "keys"), service, tmp_path)
    made.publish()
    return made


async def verdict(request: Any, *words: Any, **options: Any) -> Claims:
    """`verify` off the loop, which the keys are served by."""
    return await asyncio.to_thread(verify, request, *words, **options)


async def test_a_token_says_who_calls_for_what(orchestrator: Orchestrator) -> None:
    claims = await verdict(f"Bearer {orchestrator.token()}", "payment-svc")
    assert claims[:6] == ("r1", "pay", "call", 2, "hms-orch", "payment-svc")
    assert claims.saga_id == "r1"
    assert 0 < claims.expires - time.time() <= 60
    assert len(claims.jti) == 32


async def test_a_request_of_any_framework(orchestrator: Orchestrator) -> None:
    told = f"Bearer {orchestrator.token()}"
    message = HTTPMessage()
    message["authorization"] = told
    scope = {"type": "http", "headers": [(b"authorization", told.encode())]}
    forms = [
        {"Authorization": told},
        {"authorization": told},
        SimpleNamespace(headers={"Authorization": told}),
        SimpleNamespace(headers=message),
        Request(scope),
        told,
        told.replace("Bearer", "bearer"),
    ]
    for form in forms:
        assert (await verdict(form, "payment-svc")).step == "pay"
    assert orchestrator.fetched == 1, "the keys are kept"


@pytest.mark.parametrize("told", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a.b.c", "Bearer \udc00"])
async def test_no_token_is_refused_without_asking_anybody(orchestrator: Orchestrator, told: str | None) -> None:
    for form in ({"Authorization": told} if told is not None else {}, SimpleNamespace(headers={}), object()):
        with pytest.raises(NotVerified) as caught:
            await verdict(form, "payment-svc")
        assert caught.value.http_status == 401
    assert orchestrator.fetched == 0


def forged(orchestrator: Orchestrator, **changes: Any) -> str:
    """A token with the right key's name, but not its signature."""
    token = orchestrator.token()
    claims = {**jwt.decode(token, options={"verify_signature": False}), **changes}
    kid = jwt.get_unverified_header(token)["kid"]
    other = KeyRing(orchestrator.folder / "others").keys()[0].private
    return jwt.encode(claims, other, "ES256", {"kid": kid})


@pytest.mark.parametrize(
    "make",
    [
        lambda it: it.token(Asked("other-svc", "r1", "pay", "call", 1)),
        lambda it: it.token(issuer="somebody"),
        lambda it: it.token(age_s=75),
        lambda it: it.token(age_s=-60),
        forged,
        lambda it: it.token()[:-8] + "AAAAAAAA",
        lambda it: jwt.encode({"sub": "r1"}, "x" * 32, "HS256", {"kid": it.ring.keys()[0].kid}),
        lambda it: jwt.encode({"sub": "r1"}, None, "none", {"kid": it.ring.keys()[0].kid}),
        lambda it: jwt.encode({"sub": "r1"}, it.ring.keys()[0].private, "ES256"),
        lambda it: jwt.encode({"sub": "r1"}, it.ring.keys()[0].private, "ES256", {"kid": it.ring.keys()[0].kid}),
    ],
    ids=["audience", "issuer", "old", "future", "forged", "cut", "HS256", "none", "no kid", "no claims"],
)  # fmt: skip
async def test_what_is_not_good_is_refused(orchestrator: Orchestrator, make: Any) -> None:
    with pytest.raises(NotVerified):
        await verdict({"Authorization": f"Bearer {make(orchestrator)}"}, "payment-svc")


async def test_a_token_for_many_audiences_is_for_nobody(orchestrator: Orchestrator) -> None:
    key = orchestrator.ring.keys()[0]
    claims = {
        **jwt.decode(orchestrator.token(), options={"verify_signature": False}),
        "aud": ["payment-svc", "other-svc"],
    }
    token = jwt.encode(claims, key.private, "ES256", {"kid": key.kid})
    with pytest.raises(NotVerified):
        await verdict(f"Bearer {token}", "payment-svc")


async def test_the_service_is_named_or_there_is_no_verdict(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SdkError, match="HMS_SERVICE"):
        await verdict(f"Bearer {orchestrator.token()}")
    monkeypatch.setenv("HMS_SERVICE", "payment-svc")
    assert (await verdict(f"Bearer {orchestrator.token()}")).step == "pay"


async def test_a_new_key_is_fetched_when_a_token_names_it(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hms_orch_cli.sdk.keyset.APART_S", 0)
    await verdict(f"Bearer {orchestrator.token()}", "payment-svc")
    orchestrator.ring.rotate()
    orchestrator.publish()
    assert (await verdict(f"Bearer {orchestrator.token()}", "payment-svc")).step == "pay"
    assert orchestrator.fetched == 2


async def test_made_up_keys_do_not_make_it_ask_again_and_again(orchestrator: Orchestrator) -> None:
    """One that comes right after a look is told to come again, as a new key may be behind it."""
    good = orchestrator.token()
    await verdict(f"Bearer {good}", "payment-svc")
    made_up = jwt.encode({}, orchestrator.ring.keys()[0].private, "ES256", {"kid": "made up"})
    for _ in range(20):
        with pytest.raises(KeysUnavailable) as caught:
            await verdict(f"Bearer {made_up}", "payment-svc")
        assert caught.value.http_status == 503
    assert (await verdict(f"Bearer {good}", "payment-svc")).step == "pay"
    assert orchestrator.fetched == 1


async def test_a_withdrawn_key_is_forgotten(orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hms_orch_cli.sdk.keyset.APART_S", 0)
    token = orchestrator.token()
    await verdict(f"Bearer {token}", "payment-svc")
    orchestrator.service.on(PATH, Reply(json=KeyRing(orchestrator.folder / "others").jwks()))
    assert await verdict(f"Bearer {token}", "payment-svc")
    monkeypatch.setattr("hms_orch_cli.sdk.keyset.FRESH_S", 0)
    with pytest.raises(NotVerified):
        await verdict(f"Bearer {token}", "payment-svc")


@pytest.mark.parametrize("reply", [Reply(500), Reply(body="<h1>"), Reply(json=[]), Reply(act="drop")])
async def test_without_keys_there_is_no_verdict(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    """Known ones hold for a while."""
    monkeypatch.setattr("hms_orch_cli.sdk.keyset.APART_S", 0)
    orchestrator.service.on(PATH, reply)
    token = f"Bearer {orchestrator.token()}"
    with pytest.raises(KeysUnavailable, match=orchestrator.service.url):
        await verdict(token, "payment-svc")
    orchestrator.publish()
    await verdict(token, "payment-svc")
    orchestrator.service.on(PATH, reply)
    monkeypatch.setattr("hms_orch_cli.sdk.keyset.FRESH_S", 0)
    assert (await verdict(token, "payment-svc")).step == "pay"
    monkeypatch.setattr("hms_orch_cli.sdk.keyset.KEPT_S", 0)
    with pytest.raises(KeysUnavailable):
        await verdict(token, "payment-svc")


def starlette_app() -> Any:
    claims_of = verified("payment-svc")

    async def recalc(request: Request) -> JSONResponse:
        return JSONResponse({"step": (await claims_of(request)).step})

    return Starlette(routes=[Route("/recalc", recalc, methods=["POST"])])


def fastapi_app() -> Any:
    fastapi = pytest.importorskip("fastapi", reason="fastapi is not installed")
    app = fastapi.FastAPI()

    @app.post("/recalc")
    async def recalc(claims: Any = fastapi.Depends(verified("payment-svc"))) -> dict[str, str]:  # noqa: B008
        return {"step": claims.step}

    return app


@pytest.mark.parametrize("make", [starlette_app, fastapi_app])
async def test_the_dependency_of_a_framework(orchestrator: Orchestrator, make: Any) -> None:
    transport = httpx.ASGITransport(make())
    async with httpx.AsyncClient(transport=transport, base_url="http://payment-svc") as client:
        good = await client.post("/recalc", headers={"Authorization": f"Bearer {orchestrator.token()}"})
        assert (good.status_code, good.json()) == (200, {"step": "pay"})
        refused = await client.post("/recalc")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        keyset.cache_clear()
        orchestrator.service.on(PATH, Reply(500))
        away = await client.post("/recalc", headers={"Authorization": f"Bearer {orchestrator.token()}"})
        assert (away.status_code, away.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (UndoneBefore("too late"), 409, {}),
        (NotVerified("who?"), 401, {"www-authenticate": "Bearer"}),
        (KeysUnavailable("away"), 503, {"retry-after": "1"}),
        (Unreachable("away"), 503, {}),
        (SdkError("else"), 500, {}),
    ],
)
async def test_errors_are_answered_with_what_the_orchestrator_understands(
    error: SdkError, status: int, headers: dict[str, str]
) -> None:
    """A 503 has Retry-After only where nothing was done."""

    async def fail(_: Request) -> JSONResponse:
        raise error

    app = Starlette(routes=[Route("/", fail)], exception_handlers={SdkError: problem})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://payment-svc") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"] == str(error)
    told = {name: answer.headers[name] for name in ("retry-after", "www-authenticate") if name in answer.headers}
    assert told == headers
