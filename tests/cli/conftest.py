"""Runs `hms-orch` and `hms-bus` as their console scripts do, in this process, in an empty folder."""

import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from hms_orch_cli.cli import bus, main
from hms_orch_cli.cli.ending import exit_code_of


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]

MODULES = {"hms-orch": main, "hms-bus": bus}


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, without a variable of ours, at a width that helps to compare."""
    import os

    for name in os.environ:
        if name.startswith(("HMS_", "_HMS_")) or name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """run("hms-orch", "--help"), with `stdin` as text."""

    def command(program: str, *args: str, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "argv", [program, *args])
        monkeypatch.setattr(sys, "stdin", _Stdin(stdin))
        module = MODULES[program]
        code = exit_code_of(lambda: module.group().main(prog_name=program), module.VERBS)
        return Ended(code, *capsys.readouterr())

    return command


@pytest.fixture
def orch(run: Run) -> Run:
    """orch("service", "list")."""
    return lambda *args, **about: run("hms-orch", *args, **about)


class _Stdin(StringIO):
    """A standard input with the bytes below it."""

    @property
    def buffer(self) -> object:  # type: ignore[override]
        """The bytes."""
        from io import BytesIO

        return BytesIO(self.getvalue().encode())
