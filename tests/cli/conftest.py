"""Runs `hms-orch` and `hms-bus` as their console scripts do, in this process, in an empty folder."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from hms_orch_cli.cli import bus, main
from hms_orch_cli.cli.ending import exit_code_of
from tests.cli.workshop import Workshop


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


@pytest.fixture
def workshop(shop: Path) -> Workshop:
    """The store of this folder."""
    return Workshop(shop / ".hms" / "events.db")


class Desk:
    """Commands on the store of a workshop: beside an `up` that holds it from the first of them on, or alone."""

    def __init__(self, orch: Run, workshop: Workshop, held: ExitStack | None) -> None:
        self._orch = orch
        self._workshop = workshop
        self._held = held
        self.beside_up = held is not None

    def open(self) -> None:
        """Lets the `up` start."""
        if self._held is not None:
            self._held.enter_context(self._workshop.up())
            self._held = None

    def __call__(self, *args: str, **about: str) -> Ended:
        """Runs `hms-orch`."""
        self.open()
        return self._orch(*args, **about)

    def refuses(self, *args: str, code: int = 1, **about: str) -> str:
        """What the command says on stderr: it ends with `code`, prints nothing, and the log is as it was."""
        self.open()
        before = self._workshop.last_seq()
        ended = self._orch(*args, **about)
        assert (ended.code, ended.out) == (code, ""), ended
        assert self._workshop.last_seq() == before
        if code == 1:
            first, second = ended.err.splitlines()
            assert first.startswith("error: ") and second.startswith("hint: ")
        return ended.err


@pytest.fixture(params=["alone", "beside up"])
def desk(request: pytest.FixtureRequest, orch: Run, workshop: Workshop) -> Iterator[Desk]:
    """Both ways in which a write reaches the store."""
    with ExitStack() as held:
        yield Desk(orch, workshop, held if request.param == "beside up" else None)


class _Stdin(StringIO):
    """A standard input with the bytes below it."""

    @property
    def buffer(self) -> object:  # type: ignore[override]
        """The bytes."""
        from io import BytesIO

        return BytesIO(self.getvalue().encode())
