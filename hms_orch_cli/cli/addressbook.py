"""Edits [services] in hms-orch.toml and leaves every other byte of it alone, comments above all.

TOML can say the same thing in many forms, so an edit is tried wherever the text looks right and taken only if reading
the result gives exactly the tables that were meant. A form that no edit fits is refused, not rewritten.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hms_orch_cli.config.written import parse
from hms_orch_cli.errors import ConfigError
from hms_orch_cli.ports import Service


def with_service(text: str, file: Path, name: str, service: Service | None) -> str:
    """The text with `name` set to a service, or taken out (None). Raises ConfigError if its form cannot be edited."""
    meant = parse(text, file)
    if service is None:
        del meant["services"][name]
    else:
        meant.setdefault("services", {})[name] = _value(service)
    for candidate in _candidates(text, name, service):
        with suppress(ConfigError):
            if _same(parse(candidate, file), meant):
                return candidate
    raise ConfigError(f"{file} writes {name} in a form that this command cannot edit", "change it by hand")


def _value(service: Service) -> str | dict[str, str]:
    return service.url if service.audience is None else {"url": service.url, "audience": service.audience}


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Equal tables; an empty [services] is as good as none."""
    return {**one, "services": one.get("services", {})} == {**other, "services": other.get("services", {})}


def _candidates(text: str, name: str, service: Service | None) -> Iterator[str]:
    """Texts that may be what is meant, the most natural one first."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    entry = "" if service is None else _entry(name, service) + end
    section, last = "", 0
    for at, line in enumerate(lines):
        if header := re.match(r"[\ufeff\s]*\[([^\[\]]*)\]", line):
            section = re.sub(r"[\s\"']", "", header[1])
            if section == "services":
                last = at + 1
            elif section == f"services.{name}":
                yield _joined(lines[:at], entry, lines[_section_end(lines, at + 1) :])
        elif section == "services" and (key := re.match(r"\s*([^#=]*?)\s*=\s*", line)):
            last = at + 1
            if key[1].strip("\"'") == name:
                comment = _comment(line[key.end() :])
                kept = entry and entry.rstrip("\r\n") + (f"  {comment}" if comment else "") + end
                yield _joined(lines[:at], kept, lines[at + 1 :])
    if last:
        yield _joined(lines[:last], entry, lines[last:], end)
    before = text if not text or text.endswith("\n") else text + end
    yield f"{before}{end if before else ''}[services]{end}{entry}"


def _entry(name: str, service: Service) -> str:
    """The line of a service: NAME = "URL", or NAME = { url = …, audience = … }."""
    import tomli_w

    if service.audience is None:
        return tomli_w.dumps({name: service.url}).rstrip("\n")
    key = tomli_w.dumps({name: 0}).removesuffix(" = 0\n")
    url, audience = tomli_w.dumps({"url": service.url, "audience": service.audience}).splitlines()
    return f"{key} = {{ {url}, {audience} }}"


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
