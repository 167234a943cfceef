"""Events from outside, checked: what may come into the log, and what is refused in plain words."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from hms_orch_cli.errors import EventRefused, EventTooLarge
from hms_orch_cli.orchestrator.cloud_event import attributes_of
from hms_orch_cli.ports.store import NewEvent
from hms_orch_cli.saga.moment import from_rfc3339, rfc3339
from hms_orch_cli.saga.nesting import MAX_NESTING, is_too_deep
from hms_orch_cli.saga.reserved import is_reserved

ATTRIBUTE_LIMIT: Final = 1_024
"""Characters of one attribute."""

EXTENSIONS_LIMIT: Final = 20
INTEGERS: Final = 1 << 31
"""Integers of an extension lie from minus this to below it."""

_KNOWN: Final = frozenset(
    ("specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data")
)
_EXTENSION_NAME: Final = re.compile(r"[a-z0-9]{1,20}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def event_from(attributes: Mapping[str, Any], data: str | None, now_ms: int, limit: int) -> NewEvent:
    """A CloudEvent from its attributes and its data as JSON text. `time` defaults to now; `id` and `source` have to be
    there. `limit` is the most bytes of data. Raises EventRefused."""
    kind = _text(attributes, "type", required=True)
    if is_reserved(kind):
        raise EventRefused(
            f"events of type {kind!r} are the orchestrator's own", "publish under a type that is not saga.* or hitl.*"
        )
    if attributes.get("specversion", "1.0") != "1.0":
        raise EventRefused(f"specversion {attributes['specversion']!r} is not known here", "send CloudEvents 1.0")
    return NewEvent(
        id=_text(attributes, "id", required=True),
        source=_text(attributes, "source", required=True),
        type=kind,
        time=_time(attributes, now_ms),
        data=_data(data, limit),
        subject=_text(attributes, "subject") or None,
        datacontenttype=_content_type(attributes),
        dataschema=_text(attributes, "dataschema") or None,
        extensions=_extensions(attributes),
    )


def structured(document: Any, now_ms: int, limit: int) -> NewEvent:
    """A CloudEvent in the JSON event format (`application/cloudevents+json`). Raises EventRefused."""
    if not isinstance(document, dict):
        raise EventRefused("an event is a JSON object", "see the CloudEvents JSON event format")
    if document.get("specversion") is None:
        raise EventRefused("the event has no specversion", 'add "specversion": "1.0"')
    if "data_base64" in document:
        raise EventRefused("binary data is not taken", "send JSON in data")
    data = document.get("data")
    text = None if data is None else orjson.dumps(data).decode()
    if None in document.values():  # null is as good as left out
        document = {name: value for name, value in document.items() if value is not None}
    return event_from(document, text, now_ms, limit)


def json_text(raw: bytes | str, what: str = "the data") -> str:
    """JSON text as it was written, once it is known to be JSON. Raises EventRefused."""
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        value = orjson.loads(text)
    except UnicodeDecodeError as error:
        raise EventRefused(f"{what} is not UTF-8 (byte {error.start})", "save it as UTF-8") from error
    except orjson.JSONDecodeError as error:
        raise EventRefused(
            f"{what} is not JSON: {error}", """such as {"a": 1}; for a shell in single quotes"""
        ) from error
    if is_too_deep(value):
        raise EventRefused(f"{what} nests deeper than {MAX_NESTING} levels", "publish flatter data")
    return text


def _text(attributes: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    value = attributes.get(name)
    if value is None:
        if required:
            raise EventRefused(f"the event has no {name}", "every event needs id, source and type")
        return ""
    if not isinstance(value, str) or not value:
        raise EventRefused(f"the event's {name} is not a text", f"give {name} as a non-empty string")
    if len(value) > ATTRIBUTE_LIMIT:
        raise EventRefused(f"the event's {name} has {len(value)} characters", f"the limit is {ATTRIBUTE_LIMIT}")
    if not value.isprintable() and (_CONTROL.search(value) or _has_surrogate(value)):
        raise EventRefused(f"the event's {name} holds a control character", "leave it out")
    return value


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _time(attributes: Mapping[str, Any], now_ms: int) -> str:
    told = _text(attributes, "time")
    if not told:
        return rfc3339(now_ms)
    try:
        from_rfc3339(told)
    except ValueError as error:
        raise EventRefused(f"the event's time {told[:40]!r} is not RFC 3339", "such as 2026-01-31T08:00:00Z") from error
    return told


def _content_type(attributes: Mapping[str, Any]) -> str | None:
    told = _text(attributes, "datacontenttype")
    media = told.partition(";")[0].strip().lower()
    if told and media != "application/json" and not media.endswith("+json"):
        raise EventRefused(f"data of type {media[:80]!r} is not taken", "send JSON")
    return told or None


def _data(text: str | None, limit: int) -> str | None:
    if text is not None and len(text) > limit // 4 and (size := len(text.encode())) > limit:
        raise EventTooLarge(
            f"the data has {size} bytes; the limit is {limit}", "keep large content elsewhere and send where it is"
        )
    return text


def _extensions(attributes: Mapping[str, Any]) -> str | None:
    if attributes.keys() <= _KNOWN:
        return None
    found = {name: value for name, value in attributes.items() if name not in _KNOWN}
    if len(found) > EXTENSIONS_LIMIT:
        raise EventRefused(f"the event has {len(found)} extension attributes", f"the limit is {EXTENSIONS_LIMIT}")
    for name, value in found.items():
        if not _EXTENSION_NAME.fullmatch(name):
            raise EventRefused(
                f"{name[:40]!r} is no name for an extension attribute", "lower-case letters and digits, at most 20"
            )
        if isinstance(value, str):
            _text(found, name)
        elif isinstance(value, float) and value.is_integer():
            found[name] = _integer(name, int(value))
        elif isinstance(value, int):
            found[name] = value if isinstance(value, bool) else _integer(name, value)
        else:
            raise EventRefused(f"the extension {name} is neither text, integer nor boolean", "put it into data")
    return orjson.dumps(found).decode()


def _integer(name: str, value: int) -> int:
    """What CloudEvents calls an integer: a JSON number without a fraction, signed, of 32 bits."""
    if not -INTEGERS <= value < INTEGERS:
        raise EventRefused(f"the extension {name} is {value}: no integer of 32 bits", "send it as text, or in data")
    return value


def new_id() -> str:
    """An id for an event that was given none."""
    return os.urandom(16).hex()


def to_structured(event: NewEvent) -> bytes:
    """An event as a CloudEvents JSON document, its data as it was written."""
    document = {"specversion": "1.0", **attributes_of(event)}
    if event.data is not None:
        document["data"] = orjson.Fragment(event.data)
    return orjson.dumps(document)
