"""From a response's parts to an `Answer`: the same words whichever transport brought them. Pure."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urljoin

import orjson

from hms_orch_cli.participant.retry_after import retry_after_ms
from hms_orch_cli.saga.nesting import MAX_NESTING, is_too_deep
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.saga.words import words_of

MAX_BODY: Final = 1_048_576
MAX_REASON: Final = 500
MAX_LOCATION: Final = 2_048
OVER_LIMIT: Final = "body over 1 MiB"
_BOM: Final = b"\xef\xbb\xbf"


def answer_of(
    status: int,
    body: bytes,
    content_type: str | None,
    *,
    coding: str | None = None,
    retry_after: str | None = None,
    location: str | None = None,
    url: str = "",
) -> Answer:
    """The answer that a whole response amounts to.

    `coding` is Content-Encoding: none is asked for, so a coded body is not read (and no bomb goes off). `url` is what
    was asked, which a relative Location refers to.
    """
    media = (content_type or "").partition(";")[0].strip().lower()
    is_json = media == "application/json" or media.endswith("+json")
    value: Any = None
    fault = ""
    if body and is_json:
        value, fault = _read(body)
    if 200 <= status < 300 and status != 202 and not fault:
        return Answer(Wire.ANSWERED, status, value)
    if fault:
        reason = f"answered {status} with {media} that is {fault}" + (f" (coded as {coding})" if coding else "")
    else:
        plain = body if media == "text/plain" and not coding else b""
        reason = words_of(value) or _text_of(plain) or _phrase(status)
    return Answer(
        wire=Wire.ANSWERED,
        status=status,
        body=value,
        reason=reason[:MAX_REASON],
        retry_after_ms=None if retry_after is None else retry_after_ms(retry_after),
        location=None if location is None else _location(location, url),
        problem_type=_problem_type(value) if media == "application/problem+json" else "",
        broken=bool(fault),
    )


def _read(body: bytes) -> tuple[Any, str]:
    """The value, and what is wrong if there is none."""
    try:
        # RFC 8259 lets a reader ignore a byte order mark; some frameworks send one.
        value = orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        return None, "not JSON"
    if body.count(b"[") + body.count(b"{") > MAX_NESTING and is_too_deep(value):
        return None, f"nested deeper than {MAX_NESTING} levels"
    return value, ""


def _text_of(plain: bytes) -> str:
    return plain[: 4 * MAX_REASON].decode("utf-8", "replace").strip()


def _problem_type(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else None
    return kind[:MAX_REASON] if isinstance(kind, str) else ""


def _phrase(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"


def _location(location: str, url: str) -> str | None:
    """The Location: absolute or from the root as it stands, else made to begin at the root (RFC 9110, 10.2.2)."""
    if not location or len(location) > MAX_LOCATION or not location.isprintable():
        return None
    if location.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", location):
        return location
    try:
        path = re.sub(r"^[a-z]+://[^/]*", "", urljoin(url, location))
    except ValueError:
        return None
    return path or "/"
