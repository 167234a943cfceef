"""`@hms-sme/bus`, compiled as its users compile it, and programs that import it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest

from tests.documents import ROOT

PACKAGE = ROOT / "sdk" / "typescript"
PATIENCE_S = 100
NEWEST_THAT_IS_TOO_OLD = (20, 2)


class Workshop:
    """A folder in which the package is installed, beside the compiler."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def compile(self, source: str, name: str) -> Path:
        """A program of TypeScript as one of JavaScript; what the compiler says is an error."""
        made = self.folder / name
        made.mkdir()
        (made / f"{name}.ts").write_text(source)
        told = self.tsc("--strict", "--module", "nodenext", "--target", "es2022", made / f"{name}.ts")
        assert told.returncode == 0, told.stdout
        return made / f"{name}.js"

    def tsc(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs the compiler."""
        compiler = self.folder / "node_modules" / ".bin" / "tsc"
        return subprocess.run(
            [compiler, *words], cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def script(self, source: str, name: str) -> Path:
        """A program of JavaScript."""
        path = self.folder / f"{name}.js"
        path.write_text(source)
        return path


class Program:
    """A program that runs in a folder, for a with statement; it is killed at the end, if it still runs."""

    def __init__(self, path: Path, folder: Path, **environment: str) -> None:
        self._path, self._folder = path, folder
        self._environment: Mapping[str, str] = {"PATH": os.environ["PATH"], **environment}
        self._process: subprocess.Popen[Any] | None = None

    def __enter__(self) -> Self:
        with (self._folder / "told").open("ab") as told:
            self._process = subprocess.Popen(
                ["node", self._path], cwd=self._folder, env=self._environment, stdout=told, stderr=told
            )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE_S)

    def ended(self) -> int:
        """Waits for its end; the exit code."""
        assert self._process is not None
        return self._process.wait(PATIENCE_S)

    @property
    def told(self) -> str:
        """What it and those before it in this folder have printed."""
        return (self._folder / "told").read_text()


def workshop(folder: Path) -> Workshop:
    """Compiles the package and installs it. Skips the test, with a reason, where that cannot be."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    major, minor = (int(part) for part in version.stdout.strip().lstrip("v").split(".")[:2])
    if (major, minor) <= NEWEST_THAT_IS_TOO_OLD:
        pytest.skip(f"node {version.stdout.strip()} is older than the package supports")
    package = folder / "package"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("node_modules", "dist"))
    _npm(package, "install", "--no-package-lock")
    assert (package / "dist" / "index.d.ts").is_file(), "npm install compiles it"
    made = folder / "service"
    made.mkdir()
    (made / "package.json").write_text('{"private": true, "type": "module"}')
    _npm(made, "install", "--no-package-lock", str(package))
    (made / "node_modules" / ".bin").mkdir(exist_ok=True)
    (made / "node_modules" / ".bin" / "tsc").symlink_to(package / "node_modules" / ".bin" / "tsc")
    return Workshop(made)


def _npm(folder: Path, *words: str) -> None:
    done = subprocess.run(
        ["npm", *words, "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode != 0 and any(word in done.stderr for word in ("ENOTFOUND", "ECONN", "ETIMEDOUT", "E404")):
        pytest.skip(f"npm gets no packages here: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stdout + done.stderr
