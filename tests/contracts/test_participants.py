"""What every way of calling a participant has to keep apart (SPEC section 2), against a service that behaves so.

The outcome is asserted, never a duration: a deadline is short where it has to be reached, and long elsewhere.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hms_orch_cli.participant.address_book import AddressBook
from hms_orch_cli.participant.http import HttpParticipants, Transport
from hms_orch_cli.participant.plain_http import PlainHttp
from hms_orch_cli.participant.reqwest import Reqwest
from hms_orch_cli.ports.participants import CallRequest, Claims
from hms_orch_cli.ports.services import Service
from hms_orch_cli.saga.outcome import Answer, Wire
from tests.participant.fake_service import FakeService, Reply

SAGA = "0190c9c2-1111-7222-8333-444455556666"
TRANSPORTS = {"pyreqwest": Reqwest, "plain": PlainHttp}
A_LOT = 16 << 20
"""More than the 1 MiB that may be read and the buffers of two sockets, and far below what the service offers."""


class NoSigner:
    """Tokens that say how many were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def token(self, claims: Claims) -> str:
        self.asked += 1
        return f"token-{self.asked}-for-{claims.audience}"

    def jwks(self) -> dict[str, Any]:
        return {"keys": []}


def a_call(path: str = "/recalc", timeout_ms: int = 20_000, **changes: Any) -> CallRequest:
    request = CallRequest(
        saga_id=SAGA,
        step="recalc",
        op="call",
        attempt=1,
        key=f"{SAGA}:recalc:call",
        service="payment-svc",
        method="POST",
        path=path,
        timeout_ms=timeout_ms,
        body=b'{"sagaId":"x"}',
    )
    return request._replace(**changes)


@asynccontextmanager
async def calling(transport: Transport, url: str, signer: Any = None) -> AsyncIterator[HttpParticipants]:
    book = AddressBook({"payment-svc": Service(url)})
    participants = HttpParticipants(book, signer or NoSigner(), transport)
    try:
        yield participants
    finally:
        await participants.close()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Callable[[], Transport]:
    return TRANSPORTS[request.param]


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    async with FakeService() as service:
        yield service


@pytest.fixture
async def participants(transport: Callable[[], Transport], service: FakeService) -> AsyncIterator[HttpParticipants]:
    async with calling(transport(), service.url) as participants:
        yield participants


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_2xx_with_json_is_its_body(participants: HttpParticipants, service: FakeService) -> None:
    service.on("/recalc", Reply(json={"count": 3, "message": "three"}))
    assert await participants.call(a_call()) == Answer(Wire.ANSWERED, 200, {"count": 3, "message": "three"})


async def test_what_is_sent(participants: HttpParticipants, service: FakeService) -> None:
    """Every header of SPEC section 3, the key in quotes; the query encoded; the body as it is."""
    await participants.call(
        a_call("/recalc%20now", query={"a": "x y&z", "n": [1, 2], "t": True}, headers={"HMS-Fence": "7"})
    )
    [request] = service.requests
    assert (request.method, request.path) == ("POST", "/recalc%20now?a=x+y%26z&n=1&n=2&t=true")
    assert request.body == b'{"sagaId":"x"}'
    headers = request.headers
    assert headers["authorization"] == "Bearer token-1-for-payment-svc"
    assert headers["idempotency-key"] == f'"{SAGA}:recalc:call"'
    assert headers["traceparent"].startswith("00-0190c9c2111172228333444455556666-")
    assert headers["traceparent"].endswith("-01") and len(headers["traceparent"]) == 55
    assert headers["content-type"] == "application/json"
    assert headers["hms-fence"] == "7"
    assert headers["host"] == f"127.0.0.1:{service.port}"
    assert headers["accept-encoding"] == "identity"
    assert "cookie" not in headers


async def test_attempts_share_the_key_and_the_trace_and_nothing_else(
    participants: HttpParticipants, service: FakeService
) -> None:
    await participants.call(a_call(attempt=1))
    await participants.call(a_call(attempt=2))
    first, second = (request.headers for request in service.requests)
    assert first["idempotency-key"] == second["idempotency-key"]
    assert first["traceparent"][:36] == second["traceparent"][:36]
    assert first["traceparent"] != second["traceparent"]
    assert first["authorization"] != second["authorization"]


async def test_connections_are_used_again(participants: HttpParticipants, service: FakeService) -> None:
    for _ in range(5):
        await participants.call(a_call())
    assert (len(service.requests), service.connections) == (5, 1)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_an_empty_body_is_a_success_whatever_its_type(
    participants: HttpParticipants, service: FakeService, status: int
) -> None:
    service.on("/recalc", Reply(status, headers={"content-type": "application/json"}))
    assert await participants.call(a_call()) == Answer(Wire.ANSWERED, status)


async def test_a_body_of_another_type_is_a_success_without_a_body(
    participants: HttpParticipants, service: FakeService
) -> None:
    service.on("/recalc", Reply(body="{not json", headers={"content-type": "text/html"}))
    assert await participants.call(a_call()) == Answer(Wire.ANSWERED, 200)


@pytest.mark.parametrize("body", ["{not json", "<html>", "NaN", "[" * 5_000])
async def test_declared_json_that_is_not_is_broken(
    participants: HttpParticipants, service: FakeService, body: str
) -> None:
    service.on("/recalc", Reply(body=body, headers={"content-type": "application/json"}))
    answer = await participants.call(a_call())
    assert (answer.wire, answer.status, answer.broken, answer.body) == (Wire.ANSWERED, 200, True, None)
    assert "not JSON" in answer.reason


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(participants: HttpParticipants, service: FakeService, status: int) -> None:
    service.on("/recalc", Reply(status, headers={"location": f"{service.url}/elsewhere"}))
    answer = await participants.call(a_call())
    assert (answer.wire, answer.status) == (Wire.ANSWERED, status)
    assert answer.location == f"{service.url}/elsewhere"
    assert len(service.requests) == 1


async def test_a_problem_document_gives_the_reason_and_the_type(
    participants: HttpParticipants, service: FakeService
) -> None:
    problem = {"type": "https://p.example/frozen", "title": "Frozen", "detail": "The account is frozen."}
    service.on("/recalc", Reply(409, json=problem, headers={"content-type": "application/problem+json"}))
    answer = await participants.call(a_call())
    assert (answer.status, answer.reason) == (409, "Frozen: The account is frozen.")
    assert answer.problem_type == "https://p.example/frozen"


async def test_retry_after_and_location_arrive(participants: HttpParticipants, service: FakeService) -> None:
    service.on("/recalc", Reply(202, headers={"retry-after": "2", "location": "jobs/7"}))
    answer = await participants.call(a_call())
    assert (answer.status, answer.retry_after_ms, answer.location) == (202, 2_000, "/jobs/7")


async def test_refused_is_proven_not_sent(transport: Callable[[], Transport]) -> None:
    async with calling(transport(), f"http://127.0.0.1:{closed_port()}") as participants:
        answer = await participants.call(a_call())
    assert (answer.wire, answer.status) == (Wire.NOT_SENT, 0)
    assert "refused" in answer.reason.lower()


async def test_a_name_that_does_not_resolve_is_proven_not_sent(transport: Callable[[], Transport]) -> None:
    async with calling(transport(), "http://127.0.0.1:1") as participants:
        answer = await participants.call(a_call(service="nobody.invalid"))
    assert answer.wire is Wire.NOT_SENT
    assert "nobody.invalid" in answer.reason


async def test_late_is_lost(participants: HttpParticipants, service: FakeService) -> None:
    """The request arrived, so it may have taken effect, whatever the client's error is called."""
    service.on("/recalc", Reply(act="silent"))
    answer = await participants.call(a_call(timeout_ms=300))
    assert (answer.wire, answer.status) == (Wire.LOST, 0)
    assert len(service.requests) == 1


@pytest.mark.parametrize("act", ["drop", "reset"])
async def test_dropped_after_sending_is_lost_and_not_sent_again(
    participants: HttpParticipants, service: FakeService, act: str
) -> None:
    service.on("/recalc", Reply(act=act))
    answer = await participants.call(a_call())
    assert answer.wire is Wire.LOST
    assert len(service.requests) == 1


@pytest.mark.parametrize("act", ["drop", "reset"])
async def test_dropped_on_a_reused_connection_is_lost_and_not_sent_again(
    participants: HttpParticipants, service: FakeService, act: str
) -> None:
    """A stale connection and one that breaks in use look alike to a client that repeats by itself."""
    service.on("/recalc", Reply(), Reply(act=act))
    assert (await participants.call(a_call())).wire is Wire.ANSWERED
    assert (await participants.call(a_call())).wire is Wire.LOST
    assert (len(service.requests), service.connections) == (2, 1)


async def test_a_connection_closed_while_idle_is_replaced(participants: HttpParticipants, service: FakeService) -> None:
    service.on("/recalc", Reply(close=True))
    for _ in range(3):
        assert (await participants.call(a_call())).wire is Wire.ANSWERED
    assert (len(service.requests), service.connections) == (3, 3)


@pytest.mark.parametrize(
    "act",
    [
        "drop_mid_body",
        "garbage",
        "wrong_length",
        "negative_length",
        "chunked_nonsense",
        "huge_headers",
    ],
)
async def test_an_answer_that_is_no_whole_http_is_lost(
    participants: HttpParticipants, service: FakeService, act: str
) -> None:
    service.on("/recalc", Reply(act=act))
    answer = await participants.call(a_call())
    assert (answer.wire, answer.status, answer.body) == (Wire.LOST, 0, None)
    assert answer.reason
    assert service.sent_bytes < A_LOT
    assert len(service.requests) == 1


@pytest.mark.parametrize("act", ["slow_bytes", "slow_head", "early_hints"])
async def test_an_answer_without_end_meets_the_one_deadline(
    participants: HttpParticipants, service: FakeService, act: str
) -> None:
    service.on("/recalc", Reply(act=act))
    answer = await participants.call(a_call(timeout_ms=400))
    assert (answer.wire, answer.status) == (Wire.LOST, 0)
    assert service.sent_bytes < A_LOT


@pytest.mark.parametrize("act", ["huge", "huge_chunked"])
async def test_a_body_over_the_limit_is_lost_and_not_read(
    participants: HttpParticipants, service: FakeService, act: str
) -> None:
    service.on("/recalc", Reply(act=act))
    answer = await participants.call(a_call())
    assert (answer.wire, answer.status, answer.reason) == (Wire.LOST, 0, "body over 1 MiB")
    assert service.sent_bytes < A_LOT


async def test_a_body_at_the_limit_is_read(participants: HttpParticipants, service: FakeService) -> None:
    service.on("/recalc", Reply(body='"' + "x" * (1_048_576 - 2) + '"', headers={"content-type": "application/json"}))
    answer = await participants.call(a_call())
    assert (answer.wire, len(answer.body)) == (Wire.ANSWERED, 1_048_574)


async def test_one_byte_over_the_limit_is_lost(participants: HttpParticipants, service: FakeService) -> None:
    service.on("/recalc", Reply(body='"' + "x" * (1_048_576 - 1) + '"', headers={"content-type": "application/json"}))
    assert (await participants.call(a_call())).reason == "body over 1 MiB"


async def test_a_gzip_bomb_does_not_go_off(participants: HttpParticipants, service: FakeService) -> None:
    """No coding was asked for, so none is undone: the body is JSON that is not."""
    service.on("/recalc", Reply(act="gzip_bomb"))
    answer = await participants.call(a_call())
    assert (answer.wire, answer.status, answer.broken) == (Wire.ANSWERED, 200, True)
    assert "gzip" in answer.reason


@pytest.mark.parametrize(("act", "body"), [("continue_first", None), ("until_close", {"count": 7})])
async def test_rare_forms_of_an_answer_are_understood(
    participants: HttpParticipants, service: FakeService, act: str, body: Any
) -> None:
    service.on("/recalc", Reply(act=act))
    assert await participants.call(a_call()) == Answer(Wire.ANSWERED, 200, body)


async def test_a_poll_goes_to_the_location_with_a_fresh_token(
    transport: Callable[[], Transport], service: FakeService
) -> None:
    async with calling(transport(), f"{service.url}/base") as participants:
        poll = a_call(method="GET", body=None, purpose="poll", url="/jobs/7?x=1")
        assert (await participants.call(poll)).status == 200
        assert (await participants.call(poll._replace(url=f"{service.url}/jobs/8"))).status == 200
    first, second = service.requests
    assert (first.method, first.path, second.path) == ("GET", "/jobs/7?x=1", "/jobs/8")
    assert first.headers["authorization"] != second.headers["authorization"]
    assert first.body == b"" and "content-type" not in first.headers


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/jobs/7",
        "http://localhost:{port}/jobs/7",
        "https://127.0.0.1:{port}/jobs/7",
        "//evil.example/jobs",
        "http://user@127.0.0.1:{port}/jobs",
        "http://127.0.0.1:{port}@evil.example/",
        "\\\\evil.example/jobs",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "file:///etc/passwd",
        "/jobs\r\nHost: evil.example",
    ],
)
async def test_a_poll_on_a_foreign_origin_is_not_sent(
    participants: HttpParticipants, service: FakeService, url: str
) -> None:
    poll = a_call(method="GET", body=None, purpose="poll", url=url.replace("{port}", str(service.port)))
    answer = await participants.call(poll)
    assert answer.wire is Wire.LOST
    assert "Location" in answer.reason
    assert not service.requests and not service.connections


@pytest.mark.parametrize("path", ["//evil.example/", "/a/../b", "/a/%2e%2E/b", "/a/..%2fb", "/a b", "/a\r\nX: y", "x"])
async def test_a_path_that_climbs_or_breaks_the_line_is_not_sent(
    participants: HttpParticipants, service: FakeService, path: str
) -> None:
    answer = await participants.call(a_call(path))
    assert answer.wire is Wire.NOT_SENT
    assert not service.connections


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "a\r\nX-B: b"},
        {"X A": "a"},
        {"X-A": "ü"},
        {"Host": "evil.example"},
        {"Content-Length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Idempotency-Key": '"other"'},
    ],
)
async def test_a_header_that_breaks_the_message_is_not_sent(
    participants: HttpParticipants, service: FakeService, headers: dict[str, str]
) -> None:
    answer = await participants.call(a_call(headers=headers))
    assert answer.wire is Wire.NOT_SENT
    assert not service.connections


async def test_a_file_may_bring_its_own_credentials(transport: Callable[[], Transport], service: FakeService) -> None:
    signer = NoSigner()
    async with calling(transport(), service.url, signer) as participants:
        await participants.call(a_call(headers={"Authorization": "Basic abc"}))
    assert service.requests[0].headers["authorization"] == "Basic abc"
    assert signer.asked == 0


async def test_many_calls_at_a_time_each_get_their_own_answer(
    participants: HttpParticipants, service: FakeService
) -> None:
    for number in range(50):
        service.on(f"/p{number}", Reply(json={"number": number}, hold="all"))
    calls = [asyncio.create_task(participants.call(a_call(f"/p{number}"))) for number in range(50)]
    await asyncio.gather(*(service.arrived(f"/p{number}") for number in range(50)))
    service.release("all")
    assert [answer.body["number"] for answer in await asyncio.gather(*calls)] == list(range(50))


async def test_a_cancelled_call_leaves_no_half_answer_for_the_next(
    participants: HttpParticipants, service: FakeService
) -> None:
    service.on("/slow", Reply(json={"from": "slow"}, hold="gate"))
    call = asyncio.create_task(participants.call(a_call("/slow")))
    await service.arrived("/slow")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    service.release("gate")
    service.on("/next", Reply(json={"from": "next"}))
    assert (await participants.call(a_call("/next"))).body == {"from": "next"}


@pytest.mark.parametrize("surplus", ["HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n7", "junk", "HTTP/1.1 200 OK\r\n"])
async def test_an_answer_that_nobody_asked_for_is_not_the_next_one(
    participants: HttpParticipants, service: FakeService, surplus: str
) -> None:
    service.on("/recalc", Reply(json={"number": 1}, surplus=surplus), Reply(json={"number": 2}))
    assert (await participants.call(a_call())).body == {"number": 1}
    assert (await participants.call(a_call())).body == {"number": 2}
    assert service.connections == 2
