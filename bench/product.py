"""hms-orch as a user runs it: a folder of its own with hms-orch.toml and a saga, and the two commands."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from bench import process
from bench.process import Ended, Failed
from bench.saga import DATA, STEPS, TRIGGER, YAML, Step

BIN = Path(sys.executable).parent
INFLIGHT = 64
LOOK_S = 0.005


class Up(NamedTuple):
    """A running `hms-orch up`, and what it took from its start until /readyz answered 200: wall and CPU seconds."""

    pid: int
    wall_s: float
    cpu_s: float


class Workspace:
    """A folder with a deployed saga whose services all stand at `url`."""

    def __init__(self, folder: Path, url: str, yaml: str = YAML) -> None:
        self.folder = folder
        self.port = free_port()
        self.saga = folder / "sagas" / "bench.yaml"
        self.store = folder / ".hms" / "events.db"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("HMS_")}
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
        self.env |= {"NO_COLOR": "1", "HMS_LIMITS_CALLS": str(INFLIGHT), "HMS_LIMITS_CALLS_PER_SERVICE": str(INFLIGHT)}
        services = "".join(f'{step.service} = "{url}"\n' for step in STEPS)
        (folder / "hms-orch.toml").write_text(f"[server]\nport = {self.port}\n[services]\n{services}")
        self.saga.parent.mkdir()
        self.saga.write_text(yaml)
        self.orch("deploy", self.saga)

    def orch(self, *words: str | Path, timeout_s: float = 900) -> Ended:
        """`hms-orch …`, to its end."""
        return process.run([BIN / "hms-orch", *words], self.folder, self.env, timeout_s)

    def bus(self, *words: str | Path) -> Ended:
        """`hms-bus …`, to its end."""
        return process.run([BIN / "hms-bus", *words], self.folder, self.env)

    def publish(self, count: int) -> Ended:
        """Puts `count` events that start a run each into the log, with one command."""
        return self.publish_each([DATA] * count)

    def publish_each(self, data: Sequence[Mapping[str, Any]]) -> Ended:
        """The same with the data of each event."""
        lines = self.folder / "events.ndjson"
        lines.write_bytes(b"".join(orjson.dumps(dict(each)) + b"\n" for each in data))
        return self.bus("publish", TRIGGER, "--lines", f"@{lines}")

    def up_until_idle(self) -> Ended:
        """`hms-orch up --until-idle`."""
        return self.orch("up", "--until-idle", timeout_s=1800)

    @contextmanager
    def up(self) -> Iterator[Up]:
        """A running `hms-orch up`, ready to take events; stopped at the end."""
        with (self.folder / "up.log").open("wb") as log:
            began = time.perf_counter()
            child = subprocess.Popen(
                [BIN / "hms-orch", "up"],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                self._wait_ready(child)
                yield Up(child.pid, time.perf_counter() - began, process.cpu_s(child.pid))
            finally:
                process.stop(child)

    def _wait_ready(self, child: subprocess.Popen[bytes]) -> None:
        for _ in range(12_000):
            if child.poll() is not None:
                break
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(LOOK_S)
        raise Failed(f"up did not get ready:\n{(self.folder / 'up.log').read_text(errors='replace')[-2000:]}")

    def times(self, kind: str) -> list[float]:
        """The times (seconds since 1970, to the ms) of all events of one type, in the order of the log."""
        with self.reading() as db:
            found = db.execute("SELECT time FROM events WHERE type = ? ORDER BY seq", (kind,)).fetchall()
        return [datetime.fromisoformat(text).timestamp() for (text,) in found]

    def count(self, kind: str) -> int:
        """How many events of one type the log holds."""
        with self.reading() as db:
            found: int = db.execute("SELECT count(*) FROM events WHERE type = ?", (kind,)).fetchone()[0]
        return found

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The log, for a short look."""
        db = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)
        try:
            yield db
        finally:
            db.close()


@contextmanager
def workspace(url: str, yaml: str = YAML) -> Iterator[Workspace]:
    """A fresh workspace in a temporary folder, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="hms-bench-"))
    try:
        yield Workspace(folder, url, yaml)
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def expect_calls(counts: Mapping[str, int], runs: int, steps: Sequence[Step] = STEPS) -> None:
    """Raises Failed unless the target has seen each step once for every run, and nothing else."""
    expected = {step.path: runs for step in steps}
    if dict(counts) != expected:
        raise Failed(f"the target counted {dict(counts)}, expected {expected}")
