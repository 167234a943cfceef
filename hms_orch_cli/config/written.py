"""The file hms-orch.toml as it is written: where it is, what it says, on which line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from hms_orch_cli.errors import ConfigError

FILE_NAME = "hms-orch.toml"
MAX_FILE_BYTES = 1 << 20


class Written(NamedTuple):
    """The file as it was read."""

    file: Path | None
    tables: dict[str, Any]
    text: str

    def place(self, table: str, key: str = "") -> str:
        """FILE:LINE of a key for a message; FILE alone if the line cannot be told."""
        line = line_of(self.text, table, key)
        return f"{self.file}:{line}" if line else str(self.file)


def find(start: Path) -> Path | None:
    """The nearest hms-orch.toml in `start` or a folder above it."""
    for folder in (start, *start.parents):
        if os.path.lexists(file := folder / FILE_NAME):
            return file
    return None


def read(file: Path) -> Written:
    """The file as it is written. Raises ConfigError if it cannot be read or is not TOML."""
    try:
        if not file.is_file():
            raise ConfigError(f"{file} is not a file", "move it away, or write one with hms-orch init")
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigError(f"{file} is over {MAX_FILE_BYTES} bytes", "is that a configuration file?")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8: byte {error.start} is {raw[error.start]:#04x}") from error
    return Written(file, parse(text, file), text)


def parse(text: str, file: Path) -> dict[str, Any]:
    """TOML as plain values; `file` is for messages only. Raises ConfigError with the place."""
    import tomllib

    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at line ")
        at = ":" + place.rstrip(")").replace(", column ", ":") if place else ""
        raise ConfigError(f"{file}{at}: this is not TOML: {what}", "mend that line") from error
    except RecursionError as error:
        raise ConfigError(f"{file}: this is nested too deeply", "write plain tables") from error


def line_of(text: str, table: str, key: str = "") -> int:
    """The line, from 1, where `key` of `table` (or the table itself) begins; 0 if it is written in another form."""
    current = ""
    for number, line in enumerate(text.split("\n"), 1):
        if header := re.match(r"[\ufeff\s]*\[\s*([^\[\]]*?)\s*\]", line):
            current = header[1].strip("\"'")
            if not key and current.partition(".")[0] == table:
                return number
        elif entry := re.match(r"""\s*["']?([^"'=\s]+)["']?\s*=""", line):
            name = entry[1]
            if (key and current == table and name == key) or (not current and name in (table, f"{table}.{key}")):
                return number
    return 0
