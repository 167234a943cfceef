"""The log as lines, one CloudEvent (JSON event format) each, and back again without losing a byte.

A line is ASCII. Beside the event's own members it has these extension attributes:

    seq, stream, version   its place in the log and in its stream
    hash                   its link of the chain, 64 hex digits
    datatext               the exact text of `data`, only where writing `data` anew would not give it
    extensionstext         the same for the event's own extension attributes

The chain covers the stored text, so values alone are not enough: `{"a": 1}` and `{"a":1}` have two hashes. A line that
another program has written anew is therefore as good as long as its values are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from hms_orch_cli.errors import EventRefused, LogTampered
from hms_orch_cli.event_store.chain import GENESIS, link
from hms_orch_cli.ports.store import Event

_OPTIONAL: Final = ("subject", "datacontenttype", "dataschema")
OURS: Final = ("seq", "stream", "version", "hash", "datatext", "extensionstext")
"""The attributes that an export adds. docs/operations.md says what they hold."""

_NOT_EXTENSIONS: Final = frozenset(("specversion", "id", "source", "type", "time", *_OPTIONAL, *OURS, "data"))

_WHITESPACE: Final = str.maketrans("\t\n\r", "   ")
_NOT_ASCII: Final = re.compile(r"[^\x20-\x7e]")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


def line_of(event: Event) -> str:
    """The line of one event, without a line end. Raises LogTampered for one that holds what is not JSON."""
    document: dict[str, Any] = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    document["time"] = event.time
    for name in _OPTIONAL:
        if (value := getattr(event, name)) is not None:
            document[name] = value
    try:
        if event.extensions is not None:
            document |= _extensions(orjson.loads(event.extensions))
            own = _extensions(document)
            if not own or _written(own) != event.extensions:
                document["extensionstext"] = event.extensions
        document |= {"seq": event.seq, "stream": event.stream, "version": event.version, "hash": event.hash.hex()}
        if event.data is not None:
            written = _written(orjson.loads(event.data))
            if written != event.data:
                document["datatext"] = event.data
            if written is not None:
                # Between its values JSON may hold line ends, within them it cannot.
                document["data"] = orjson.Fragment(event.data.translate(_WHITESPACE))
    except (ValueError, AttributeError) as error:
        raise LogTampered(
            f"position {event.seq} of the log holds what is not JSON: {error}",
            "`hms-orch replay --verify` says whether it was changed since",
            position=event.seq,
        ) from error
    line = orjson.dumps(document).decode()
    return line if line.isascii() and "\x7f" not in line else _NOT_ASCII.sub(_escaped, line)


def events_of(lines: Iterable[bytes]) -> Iterator[Event]:
    """The events of a whole export, each checked against the chain before it is handed out. Raises EventRefused for a
    line that is no event of an export, LogTampered for one that does not continue the chain."""
    before = GENESIS
    for number, line in enumerate(lines, 1):
        event = _event(line, number)
        if event.seq != number:
            raise LogTampered(
                f"line {number} holds position {event.seq}, not {number}: the log is not whole",
                "a store is built from an export of all events, made without --from and --saga",
                position=number,
            )
        if link(before, *event[:-1]) != event.hash:
            raise LogTampered(
                f"line {number} does not continue the chain: it was changed, swapped or inserted",
                "export the log again; what stands before this line is intact",
                position=number,
            )
        before = event.hash
        yield event


def _event(line: bytes, number: int) -> Event:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _refused(number, "is not JSON" if line.strip() else "is empty", str(error)) from error
    if not isinstance(document, dict) or document.get("specversion") != "1.0":
        raise _refused(number, "is no CloudEvent", 'no "specversion": "1.0"')
    texts = [_member(document, name, number) for name in ("stream", "id", "source", "type", "time")]
    seq, version = (document.get(name) for name in ("seq", "version"))
    if type(seq) is not int or type(version) is not int or not 0 < seq < 1 << 63 or not 0 < version < 1 << 63:
        raise _refused(number, "has no place in a log", "seq and version are whole numbers")
    digest = _member(document, "hash", number)
    if not _HASH.fullmatch(digest):
        raise _refused(number, "has no hash", "64 hex digits")
    stream, *attributes = texts
    optional = [_member(document, name, number) if name in document else None for name in _OPTIONAL]
    data = _exact(document, "datatext", document.get("data"), "data" in document, number)
    extensions = _extensions(document)
    exact = _exact(document, "extensionstext", extensions, bool(extensions), number)
    return Event._make((seq, stream, version, *attributes, data, *optional, exact, bytes.fromhex(digest)))


def _member(document: dict[str, Any], name: str, number: int) -> str:
    value = document.get(name)
    if not isinstance(value, str) or "\0" in value:
        raise _refused(number, f"has no {name}", f"{name} is a text")
    return value


def _exact(document: dict[str, Any], name: str, value: Any, present: bool, number: int) -> str | None:
    """The stored text of a value: what `name` says, if that is the same value, else the value written anew."""
    if name not in document:
        return _written(value) if present else None
    text = _member(document, name, number)
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _refused(number, f"has a {name} that is not JSON", str(error)) from error
    if present and name == "datatext" and told != value:
        raise _refused(number, "says two different things", f"data is not what {name} says")
    return text


def _extensions(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in _NOT_EXTENSIONS}


def _written(value: Any) -> str | None:
    """A value as this program writes it; None if it nests too deep for that."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return None


def _escaped(letter: re.Match[str]) -> str:
    """A letter as JSON escapes it: UTF-16, in hex."""
    code = ord(letter[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 | code >> 10:04x}\\u{0xDC00 | code & 0x3FF:04x}"


def _refused(number: int, what: str, why: str) -> EventRefused:
    return EventRefused(f"line {number} {what}: {why[:200]}", "this is no line that `hms-orch export` wrote")
