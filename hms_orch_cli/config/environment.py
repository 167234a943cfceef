"""The process's surroundings: variables, working folder, folders of the user. The only file that reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hms_orch_cli.errors import ConfigError


def environment() -> Mapping[str, str]:
    """The environment variables."""
    return os.environ


def working_folder() -> Path:
    """Where the command was called. Raises ConfigError if that folder is gone."""
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError("the working folder is gone", "change into a folder that exists") from error


def user() -> str:
    """Who runs this process: the name of the system's user, or its number where it has no name."""
    try:
        import pwd
    except ImportError:  # not on every platform
        return environment().get("USERNAME") or "unknown"
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in many a container
        return f"uid {os.getuid()}"


class Terminal(NamedTuple):
    """What the user wants of a terminal. Whether a stream is one is for the printer to find out."""

    colour: bool
    """NO_COLOR is empty and TERM is not dumb."""
    columns: int | None
    """The width from COLUMNS, None to ask the terminal."""


def terminal(environ: Mapping[str, str] | None = None) -> Terminal:
    """NO_COLOR, TERM and COLUMNS."""
    environ = environment() if environ is None else environ
    columns = environ.get("COLUMNS", "")
    return Terminal(
        colour=not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
        columns=int(columns) if columns.isascii() and columns.isdigit() and 0 < len(columns) < 5 else None,
    )


def state_folders(environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Where a report can be left, best first: $XDG_STATE_HOME/hms-orch, its default in the home, a temporary folder."""
    import tempfile

    environ = environment() if environ is None else environ
    state, home = environ.get("XDG_STATE_HOME", ""), environ.get("HOME", "")
    folders = [Path(state) / "hms-orch"] if state.startswith("/") else []
    if not folders and home.startswith("/"):
        folders.append(Path(home) / ".local" / "state" / "hms-orch")
    return (*folders, Path(tempfile.gettempdir()))
