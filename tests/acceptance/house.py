"""A folder in which the installed commands are run, and what they leave there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

COMMANDS = Path(sys.executable).parent
PATIENCE_S = 60
ROOT = Path(__file__).parents[2]


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


class House:
    """A folder of its own, with an address book, saga files and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            "PATH": f"{COMMANDS}:/usr/bin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
        }

    @property
    def store(self) -> Path:
        return self.folder / ".hms" / "events.db"

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def address_book(self, more: str = "", **services: str) -> None:
        """hms-orch.toml with these services; `_` in a name stands for `-`."""
        lines = "".join(f'{name.replace("_", "-")} = "{url}"\n' for name, url in services.items())
        self.write("hms-orch.toml", f"[services]\n{lines}{more}")

    def orch(self, *words: str, **options: Any) -> Done:
        """Runs `hms-orch`."""
        return self.command("hms-orch", *words, **options)

    def bus(self, *words: str, **options: Any) -> Done:
        """Runs `hms-bus`."""
        return self.command("hms-bus", *words, **options)

    def command(
        self,
        name: str,
        *words: str,
        stdin: str | bytes = b"",
        env: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> Done:
        """Runs an installed command to its end; `before` are words in front of it."""
        done = subprocess.run(
            [*before, str(COMMANDS / name), *words],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, name: str, *words: str, **options: Any) -> str:
        """Runs a command that has to succeed; its stdout."""
        done = self.command(name, *words, **options)
        assert done.code == 0, f"{name} {' '.join(words)} ended with {done.code}: {done.err}{done.out}"
        return done.out

    def deploy(self, text: str, name: str = "saga.yaml") -> None:
        """Deploys a saga file."""
        self.ok("hms-orch", "deploy", str(self.write(f"sagas/{name}", text)))

    def publish(self, kind: str, *words: str) -> None:
        """Publishes an event."""
        self.ok("hms-bus", "publish", kind, *words)

    def until_idle(self) -> str:
        """Runs what there is to run; the console."""
        return self.ok("hms-orch", "up", "--port", "0", "--until-idle")

    def runs(self, *words: str) -> list[dict[str, Any]]:
        """`status -o json`."""
        rows: list[dict[str, Any]] = json.loads(self.ok("hms-orch", "status", "-o", "json", *words))
        return rows

    def run(self) -> dict[str, Any]:
        """The only run there is."""
        (row,) = self.runs()
        return row

    def log(self) -> list[dict[str, Any]]:
        """Every event of the log."""
        out = self.ok("hms-bus", "tail", "--from", "1", "--no-follow", "-o", "json")
        return [json.loads(line) for line in out.splitlines()]

    def up(self, *words: str, env: Mapping[str, str] | None = None) -> Up:
        """`up` in the background, for a with statement."""
        return Up(self, ["--port", "0", *words], env or {})


class Up:
    """A running `up`. At the end of the with statement it is stopped with SIGINT, if it still runs."""

    def __init__(self, house: House, words: list[str], env: Mapping[str, str]) -> None:
        self._house, self._words, self._env = house, words, env
        self._said: list[str] = []
        self._out: list[str] = []
        self._started = threading.Event()
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [str(COMMANDS / "hms-orch"), "up", *self._words],
            cwd=self._house.folder,
            env={**self._house.env, **self._env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._read)]
        for thread in self._threads:
            thread.start()
        assert self._started.wait(PATIENCE_S), "up did not start"
        assert self.url, f"up ended at once: {self.err}"
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line)
            if "hms-orch is up" in line:
                said = json.loads(self._house.store.with_name("events.db.lock").read_text())
                self.url = said["url"]
                self._started.set()
        self._process.stderr.close()
        self._started.set()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._out.append(line)
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def err(self) -> str:
        return "".join(self._said)

    @property
    def out(self) -> str:
        """The console; whole once `stop` or `ended` has returned."""
        return "".join(self._out)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Sends a signal and waits for the end; the exit code."""
        os.kill(self._process.pid, number)
        return self.ended()

    def ended(self) -> int:
        """Waits for the end; the exit code."""
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        for thread in self._threads:
            thread.join()
        return code


DURATION = re.compile(r"\((?:\d+ h )?(?:\d+ m )?\d+(?:[.,]\d+)? (?:m?s|m|h)\)")


def masked(console: str) -> str:
    """A console with each duration in brackets shown as (TIME)."""
    return DURATION.sub("(TIME)", console)
