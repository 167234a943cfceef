"""What holds whatever the transport: name resolution, tokens, TLS, the total time."""

import asyncio
import datetime
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from hms_orch_cli.participant.address_book import AddressBook
from hms_orch_cli.participant.http import HttpParticipants
from hms_orch_cli.participant.plain_http import PlainHttp
from hms_orch_cli.participant.reqwest import Reqwest
from hms_orch_cli.participant.resolver import Resolver
from hms_orch_cli.ports.services import Service
from hms_orch_cli.saga.outcome import Wire
from hms_orch_cli.signing.keys import KeyRing
from hms_orch_cli.signing.token import Es256Signer
from tests.contracts.test_participants import NoSigner, a_call, calling
from tests.participant.fake_service import FakeService, Reply


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, bytes]:
    """A server context with a certificate of its own, and that certificate as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    (folder / "cert.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, pem


@pytest.mark.parametrize("kind", [Reqwest, PlainHttp])
async def test_a_certificate_that_nobody_vouches_for_is_proven_not_sent(kind: Any, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, "localhost")
    async with FakeService(tls=context) as service, calling(kind(), f"https://localhost:{service.port}") as callee:
        answer = await callee.call(a_call())
        assert answer.wire is Wire.NOT_SENT
        assert "certificate" in answer.reason
        assert not service.requests


@pytest.mark.parametrize(
    "kind", [lambda trusted: Reqwest(trusted=trusted), lambda trusted: PlainHttp(Reqwest(trusted=trusted))]
)
async def test_https_works_with_a_trusted_certificate(kind: Any, tmp_path: Path) -> None:
    context, pem = certificate(tmp_path, "localhost")
    url = "https://localhost"
    async with FakeService(tls=context) as service, calling(kind(pem), f"{url}:{service.port}") as callee:
        service.on("/recalc", Reply(json={"a": 1}))
        assert (await callee.call(a_call())).body == {"a": 1}


@pytest.mark.parametrize("kind", [Reqwest, PlainHttp])
async def test_a_plain_service_behind_https_is_proven_not_sent(kind: Any) -> None:
    async with FakeService() as service, calling(kind(), f"https://127.0.0.1:{service.port}") as callee:
        assert (await callee.call(a_call(timeout_ms=5_000))).wire is not Wire.ANSWERED
        assert not service.requests


async def test_a_connection_that_does_not_come_about_in_time_is_proven_not_sent() -> None:
    """A listener that never accepts and whose queue is full swallows further connections."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with calling(Reqwest(connect_timeout=timedelta(milliseconds=300)), url) as callee:
            assert (await callee.call(a_call())).wire is Wire.NOT_SENT
        async with calling(PlainHttp(), url) as callee:
            assert (await callee.call(a_call(timeout_ms=300))).wire is Wire.NOT_SENT
        for filler in fillers:
            filler.close()


async def test_a_name_that_leads_to_a_metadata_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(host: str, port: int, **_: object) -> list[Any]:
        addresses = {"good": ["127.0.0.1"], "bad": ["10.0.0.1", "169.254.169.254"], "six": ["fe80::1%eth0"]}[host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    resolver = Resolver()
    assert await resolver.objection("good", 80, 1) == "" and resolver.knows("good")
    for host in ("bad", "six"):
        assert "metadata" in await resolver.objection(host, 80, 1)
        assert not resolver.knows(host), "a bad answer is asked for again"
    async with calling(Reqwest(), "http://127.0.0.1:1") as callee:
        answer = await callee.call(a_call(service="bad"))
    assert (answer.wire, "169.254.169.254" in answer.reason) == (Wire.NOT_SENT, True)


async def test_plain_http_looks_at_the_address_it_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a name server that answers differently the second time leads nowhere."""
    from hms_orch_cli.participant import plain_http

    monkeypatch.setattr(plain_http, "is_forbidden_address", lambda address: str(address) == "127.0.0.1")
    async with FakeService() as service:
        book = AddressBook({"svc": Service(f"http://localhost.localdomain:{service.port}")})
        target = book.find("svc")
        assert target.needs_resolution
        loop = asyncio.get_running_loop()
        connect = loop.create_connection
        monkeypatch.setattr(loop, "create_connection", lambda made, host, port: connect(made, "127.0.0.1", port))
        transport = PlainHttp()
        with pytest.raises(OSError, match="metadata"):
            await transport._connect(target, loop)
        await transport.close()
        assert not service.requests


async def test_slow_name_resolution_counts_against_the_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> list[Any]:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with calling(Reqwest(), "http://127.0.0.1:1") as callee:
        answer = await callee.call(a_call(service="slow", timeout_ms=100))
    assert (answer.wire, "in time" in answer.reason) == (Wire.NOT_SENT, True)


async def test_each_attempt_carries_a_token_that_the_participant_can_verify(tmp_path: Path) -> None:
    signer = Es256Signer(KeyRing(tmp_path / "keys"))
    async with FakeService() as service:
        book = AddressBook({"payment-svc": Service(service.url, "payments")})
        callee = HttpParticipants(book, signer, Reqwest())
        for attempt in (1, 2):
            await callee.call(a_call(attempt=attempt))
        await callee.close()
    key_set = jwt.PyJWKSet.from_dict(signer.jwks())
    seen = []
    for request in service.requests:
        token = request.headers["authorization"].removeprefix("Bearer ")
        key = key_set[jwt.get_unverified_header(token)["kid"]]
        seen.append(jwt.decode(token, key, algorithms=["ES256"], audience="payments", issuer="hms-orch"))
    assert [claims["attempt"] for claims in seen] == [1, 2]
    assert seen[0]["jti"] != seen[1]["jti"]


async def test_keys_that_cannot_be_used_stop_the_call_before_it_is_sent(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    KeyRing(folder).keys()
    folder.chmod(0o755)
    async with FakeService() as service:
        async with calling(Reqwest(), service.url, Es256Signer(KeyRing(folder))) as callee:
            answer = await callee.call(a_call())
        assert (answer.wire, service.connections) == (Wire.NOT_SENT, 0)
        assert "other users" in answer.reason


async def test_an_unknown_service_is_not_sent() -> None:
    async with calling(Reqwest(), "http://127.0.0.1:1", NoSigner()) as callee:
        answer = await callee.call(a_call(service="127.0.0.1"))
    assert (answer.wire, "not a host name" in answer.reason) == (Wire.NOT_SENT, True)
