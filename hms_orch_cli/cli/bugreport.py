"""The file that a bug leaves behind: versions, the traceback, and the command line without its values."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Container, Sequence
from pathlib import Path

from hms_orch_cli import __version__
from hms_orch_cli.config.environment import state_folders
from hms_orch_cli.safe import safe


def written(bug: BaseException, argv: Sequence[str], words: Container[str]) -> tuple[str, str]:
    """Writes the report and returns the message and the hint for the user."""
    what = f"this is a bug in hms-orch: {type(bug).__name__}"
    text = report(bug, argv, words)
    for folder in state_folders():
        try:
            return f"{what}; the report is in {_file(folder, text)}", "please send it with a word on what you did"
        except OSError:
            continue
    sys.stderr.write(text)
    return f"{what}; no folder takes the report, so it stands above", "please send it with a word on what you did"


def report(bug: BaseException, argv: Sequence[str], words: Container[str]) -> str:
    """Versions, the command with its values left out, and the traceback without local variables."""
    lines = traceback.format_exception(bug)
    return "\n".join(
        [
            f"hms-orch {__version__}",
            f"python   {platform.python_implementation()} {platform.python_version()}",
            f"platform {platform.platform()}",
            f"command  {' '.join(shown(argv, words))}",
            "",
            *(safe(line) for part in lines for line in part.rstrip("\n").split("\n")),
            "",
        ]
    )


def shown(argv: Sequence[str], words: Container[str]) -> list[str]:
    """The command line with verbs and names of options only; every value, which may be data or a secret, as …"""
    command = [Path(argv[0]).name] if argv else []
    for word in argv[1:]:
        option, equals, _ = word.partition("=")
        if option.startswith("--") and option[2:].replace("-", "").isalnum():
            command.append(safe(option, 40) + ("=…" if equals else ""))
        else:
            command.append(word if word in words else "…")
    return command


def _file(folder: Path, text: str) -> str:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, path = tempfile.mkstemp(prefix="hms-orch-bug-", suffix=".txt", dir=folder)  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return path
