"""The target that every loop calls: `target.c`, compiled once into bench/.build and run as a process of its own."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / ".build"


class Missing(Exception):
    """Something that a part needs is not on this machine; the message says what."""


class Target:
    """A running target. It is not a Python server, so that it does not limit what is measured."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid
        self.url = f"http://127.0.0.1:{port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def count(self) -> dict[str, int]:
        """POSTs answered since the last reset, by path."""
        return self._get("/count")

    def last_ns(self, path: str) -> int | None:
        """When the first byte of the latest POST to `path` arrived (`time.monotonic_ns()`), None if none did."""
        return self._get("/last").get(path)

    def reset(self) -> None:
        """Forgets counts and times."""
        self._get("/reset")

    def close(self) -> None:
        """Closes the connection for questions; the process is the context manager's."""
        self._connection.close()

    def _get(self, path: str) -> dict[str, int]:
        self._connection.request("GET", path)
        answer: dict[str, int] = json.loads(self._connection.getresponse().read())
        return answer


@contextmanager
def running() -> Iterator[Target]:
    """Starts the target on a free port and stops it. Raises Missing without a C compiler."""
    process = subprocess.Popen([_compiled(), "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        target = Target(int(process.stdout.readline().split()[1]), process.pid)
        try:
            yield target
        finally:
            target.close()
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _compiled() -> Path:
    source, binary = HERE / "target.c", BUILD / "target"
    if binary.exists() and binary.stat().st_mtime > source.stat().st_mtime:
        return binary
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Missing("no C compiler (cc, gcc or clang) to build the target with")
    BUILD.mkdir(exist_ok=True)
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-std=c11", "-o", binary, source], check=True)
    return binary
