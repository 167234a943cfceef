"""Edits a table of hms-orch.toml and leaves every other byte of it alone, comments above all.

TOML can say the same thing in many forms, so an edit is tried wherever the text looks right and taken only if reading
the result gives exactly the tables that were meant. A form that no edit fits is refused, not rewritten.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hms_orch_cli.config.written import parse
from hms_orch_cli.errors import ConfigError

Value = str | Mapping[str, str | Sequence[str]]
"""What an entry can hold: a text, or a table of texts and lists of texts."""


def with_entry(text: str, file: Path, table: str, name: str, value: Value | None) -> str:
    """The text with `name` of `table` set to a value, or taken out (None). Raises ConfigError if its form cannot be
    edited."""
    meant = parse(text, file)
    if value is None:
        del meant[table][name]
    else:
        meant.setdefault(table, {})[name] = value
    for candidate in _candidates(text, table, name, value):
        with suppress(ConfigError):
            if _same(parse(candidate, file), meant, table):
                return candidate
    raise ConfigError(f"{file} writes {name} in a form that this command cannot edit", "change it by hand")


def _same(one: dict[str, Any], other: dict[str, Any], table: str) -> bool:
    """Equal but for this: an empty table is as good as none."""
    return {**one, table: one.get(table, {})} == {**other, table: other.get(table, {})}


def _candidates(text: str, table: str, name: str, value: Value | None) -> Iterator[str]:
    """Texts that may be what is meant, the most natural one first."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    entry = "" if value is None else _entry(name, value) + end
    section, last = "", 0
    for at, line in enumerate(lines):
        if header := re.match(r"[\ufeff\s]*\[([^\[\]]*)\]", line):
            section = re.sub(r"[\s\"']", "", header[1])
            if section == table:
                last = at + 1
            elif section == f"{table}.{name}":
                yield _joined(lines[:at], entry, lines[_section_end(lines, at + 1) :])
        elif section == table and (key := re.match(r"\s*([^#=]*?)\s*=\s*", line)):
            last = at + 1
            if key[1].strip("\"'") == name:
                comment = _comment(line[key.end() :])
                kept = entry and entry.rstrip("\r\n") + (f"  {comment}" if comment else "") + end
                yield _joined(lines[:at], kept, lines[at + 1 :])
    if last:
        yield _joined(lines[:last], entry, lines[last:], end)
    before = text if not text or text.endswith("\n") else text + end
    yield f"{before}{end if before else ''}[{table}]{end}{entry}"


def _entry(name: str, value: Value) -> str:
    """The line of an entry: NAME = "text", or NAME = { key = …, … }."""
    if isinstance(value, str):
        return _pair(name, value)
    inside = ", ".join(_pair(key, each) for key, each in value.items())
    return f"{_key(name)} = {{ {inside} }}"


def _pair(key: str, value: str | Sequence[str]) -> str:
    """KEY = VALUE on one line."""
    import tomli_w

    if isinstance(value, str):
        return tomli_w.dumps({key: value}).rstrip("\n")
    items = ", ".join(_pair("_", item).removeprefix("_ = ") for item in value)
    return f"{_key(key)} = [{items}]"


def _key(name: str) -> str:
    """A name as TOML wants it before the =, in quotes if need be."""
    return _pair(name, "").removesuffix(' = ""')


def _joined(before: list[str], entry: str, after: list[str], end: str = "\n") -> str:
    """`before` may lack the line end that the last line of a file can do without."""
    head = "".join(before)
    return head + (end if head and not head.endswith("\n") else "") + entry + "".join(after)


def _comment(rest: str) -> str:
    """The comment that follows a value on its line: from the first # that leaves a whole value before it."""
    import tomllib

    rest = rest.rstrip("\r\n")
    for at in [place for place, sign in enumerate(rest) if sign == "#"]:
        with suppress(tomllib.TOMLDecodeError):
            tomllib.loads(f"x = {rest[:at]}")
            return rest[at:]
    return ""


def _section_end(lines: list[str], start: int) -> int:
    """The first line after a section's last entry: comments that follow belong to what comes next."""
    end = start
    for at in range(start, len(lines)):
        if lines[at].lstrip().startswith("["):
            break
        if lines[at].strip() and not lines[at].lstrip().startswith("#"):
            end = at + 1
    return end


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds a lock on `folder`, so that of two edits at a time none is lost; nothing where the system has no flock."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def replace(file: Path, text: str) -> None:
    """Puts `text` in place of the file's, whole or not at all, durable, with the mode it had. Raises ConfigError."""
    target = Path(os.path.realpath(file))
    draft = None
    try:
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o644
        handle, draft = tempfile.mkstemp(prefix=".hms-orch-", suffix=".toml", dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(draft).replace(target)
        draft = None
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be written: {error.strerror}", "check its folder's owner and space"
        ) from error
    finally:
        if draft is not None:
            Path(draft).unlink(missing_ok=True)
