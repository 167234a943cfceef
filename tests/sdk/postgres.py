"""A PostgreSQL server of Debian's packages, for the tests of one process: in a folder of its own, on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE_S = 60
PLACES = "/usr/lib/postgresql/*/bin"
OTHER_USERS = ("postgres", "nobody")
"""Who runs it where the tests run as root, whom the server refuses."""


@contextmanager
def running_server() -> Iterator[str]:
    """Its connection string. Skips the test, with a reason, where there is no such server."""
    programs = _programs()
    owner = _owner()
    folder = Path(tempfile.mkdtemp(prefix="hms-pg-", dir="/tmp"))
    try:
        if owner is not None:
            shutil.chown(folder, owner)
        made = _run(owner, programs / "initdb", "-D", folder / "data", "-U", "tests", "-A", "trust", "--no-sync")
        if made.returncode != 0:
            pytest.skip(f"initdb does not work here: {made.stderr.strip()[-200:]}")
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", *options], user=owner, stdout=log, stderr=log
            )
        try:
            _until_ready(programs, owner, server, folder)
            yield f"host={folder} user=tests dbname=postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(PATIENCE_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    places = [place for place in sorted(Path("/").glob(PLACES[1:]), reverse=True) if (place / "initdb").is_file()]
    if not places:
        pytest.skip(f"there is no PostgreSQL server in {PLACES} (Debian: apt-get install postgresql)")
    return places[0]


def _owner() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in OTHER_USERS:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    pytest.skip("PostgreSQL does not run as root, and there is no other user here")


def _run(owner: str | None, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, user=owner, cwd="/", capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def _until_ready(programs: Path, owner: str | None, server: subprocess.Popen[bytes], folder: Path) -> None:
    while _run(owner, programs / "pg_isready", "-h", folder, "-U", "tests", "-d", "postgres").returncode != 0:
        if server.poll() is not None:
            pytest.skip(f"PostgreSQL does not start here: {(folder / 'log').read_text()[-200:]}")
