"""Badly behaved services: one raw-socket behaviour each, and a server that lets calls in to them.

    with Zoo(ANIMALS) as zoo:
        zoo.urls["slow_body"]                     # where it lives: each animal has a port of its own
        zoo.visits_of("slow_body")[0].pushed      # bytes it got rid of on a connection

An animal takes one connection and ends; the connection is closed behind it. The animals themselves are in
`animals.py`.
"""

from __future__ import annotations

import contextlib
import datetime
import selectors
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

PATIENCE_S = 60
SEND_BUFFER = 65_536
"""What an animal asks for; Linux makes it the double."""

SUCCESS, REFUSED, NEVER, UNKNOWN = "success", "refused", "never", "unknown"
"""What the outcome table makes of an answer: done · a definite no · definitely not taken, so once more · in doubt."""


class Visit:
    """One connection, seen from the animal: reads requests, pushes bytes, counts both (polls not)."""

    def __init__(self, peer: socket.socket) -> None:
        self.pushed = 0
        self.requests = 0
        self.socket = peer

    def read(self) -> str | None:
        """The path of the next request, read whole; None if none comes any more."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                return None
            head += byte
        first, *lines = head.decode("latin-1").split("\r\n")
        length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
        while length > 0:
            length -= len(self.socket.recv(length)) or length
        method, path, _ = first.split(" ")
        self.requests += method == "POST"
        return path

    def push(self, data: bytes) -> None:
        """Sends all of it, or raises OSError once the caller has gone."""
        while data:
            count = self.socket.send(data)
            self.pushed += count
            data = data[count:]

    def left_within(self, seconds: float) -> bool:
        """Waits a while for the caller to hang up; whether it did."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(65_536) == b""
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(PATIENCE_S)

    def wait(self) -> None:
        """Does nothing until the caller hangs up."""
        while self.socket.recv(65_536):
            pass

    def reset(self) -> None:
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Animal(NamedTuple):
    """How a service behaves and what has to come of it.

    `ends` is what the outcome table says of its answer. `reason` is part of what the log has to say of it. `attempts`
    are made of 2 that are allowed. `timeout_ms` is short for those that only the deadline ends. `is_endless` marks
    those that push as long as somebody reads.
    """

    name: str
    does: str
    act: Callable[[Visit], None]
    ends: str
    reason: str = ""
    attempts: int = 1
    timeout_ms: int = 20_000
    is_endless: bool = False
    scheme: str = "http"


class Zoo:
    """The animals behind their ports; each connection has a thread."""

    def __init__(self, animals: Sequence[Animal]) -> None:
        self.urls: dict[str, str] = {}
        self._animals = animals
        self._visits: dict[str, list[Visit]] = {animal.name: [] for animal in animals}
        self._doors = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._keeper = threading.Thread(target=self._let_in, name="zoo")
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._doors.register(self._bell, selectors.EVENT_READ, None)
        for animal in self._animals:
            door = socket.create_server(("127.0.0.1", 0), backlog=256)
            door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # inherited by what is accepted
            self.urls[animal.name] = f"{animal.scheme}://127.0.0.1:{door.getsockname()[1]}"
            self._doors.register(door, selectors.EVENT_READ, animal)
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._rope.close()
        self._keeper.join()
        for visits in self._visits.values():
            for visit in visits:
                with contextlib.suppress(OSError):
                    visit.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for key in list(self._doors.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._doors.close()

    def visits_of(self, name: str) -> list[Visit]:
        """The connections to an animal, in order."""
        return self._visits[name]

    def _let_in(self) -> None:
        while True:
            for key, _ in self._doors.select():
                if key.data is None:
                    return
                peer, _ = key.fileobj.accept()  # type: ignore[union-attr]
                peer.settimeout(PATIENCE_S)
                visit = Visit(peer)
                self._visits[key.data.name].append(visit)
                thread = threading.Thread(target=_meet, args=(key.data, visit), name=key.data.name)
                self._threads.append(thread)
                thread.start()


def _meet(animal: Animal, visit: Visit) -> None:
    with contextlib.suppress(OSError):
        animal.act(visit)
    visit.socket.close()


def self_signed() -> ssl.SSLContext:
    """What a TLS server needs that nobody has vouched for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context.load_cert_chain(file)
    return context
