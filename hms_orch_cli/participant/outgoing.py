"""The request that goes over the wire: URL and headers, the same for every transport."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from hms_orch_cli.participant.address_book import DEFAULT_PORTS, Target
from hms_orch_cli.participant.paths import encoded_query, is_safe_path, is_safe_query
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.identity import attempt_span, trace_id
from hms_orch_cli.saga.outcome import Answer, Wire

COMMON_HEADERS: Final = (
    ("user-agent", "hms-orch"),
    ("accept", "application/json, */*"),
    # No coding is asked for: a body limit means nothing for one that may grow a thousandfold.
    ("accept-encoding", "identity"),
)
_JSON: Final = ("content-type", "application/json")
_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]{0,16384}")
_FRAMING: Final = (
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
)
_OURS: Final = frozenset({*_FRAMING, "expect", "proxy-connection", "accept-encoding", "idempotency-key"})
"""Headers a saga file cannot set: they frame the message, or carry a promise that is not the file's."""


class Refused(Exception):
    """The request is not sent, for the reason in its message. Stays within this room."""


class Outgoing(NamedTuple):
    """One request, ready for a transport. Header names are lower-case."""

    target: Target
    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | None


def refusal(request: CallRequest, reason: str) -> Answer:
    """The answer for a request that was not sent. A poll or a check that is not sent leaves the call it asks about
    in doubt, so for them it is LOST."""
    wire = Wire.NOT_SENT if request.purpose == "send" else Wire.LOST
    return Answer(wire, reason=f"not sent: {reason}"[:500])


def outgoing(target: Target, request: CallRequest, token: str | None) -> Outgoing:
    """The request as it goes out; `token` is None if the file brings its own Authorization. Raises Refused."""
    if not _METHOD.fullmatch(request.method):
        raise Refused(f"{request.method!r} is not an HTTP method")
    # The key is a structured-field string, quotes included (draft-ietf-httpapi-idempotency-key-header, 2.1).
    headers = [("idempotency-key", f'"{request.key}"')]
    if token is not None:
        headers.append(("authorization", f"Bearer {token}"))
    own = _own_headers(request) if request.headers else {}
    if "traceparent" not in own:
        headers.append(("traceparent", traceparent(request)))
    if request.body is not None and "content-type" not in own:
        headers.append(_JSON)
    headers.extend(own.items())
    return Outgoing(target, request.method, _url(target, request), headers, request.body)


def has_own_authorization(request: CallRequest) -> bool:
    """Whether the file brings the credentials of a service that does not know our tokens."""
    return bool(request.headers) and any(name.lower() == "authorization" for name in request.headers)


def traceparent(request: CallRequest) -> str:
    """W3C Trace Context: the trace is the run, the parent this attempt, always sampled."""
    return f"00-{trace_id(request.saga_id)}-{attempt_span(request.step, request.op, request.attempt)}-01"


def _own_headers(request: CallRequest) -> dict[str, str]:
    own: dict[str, str] = {}
    for name, value in request.headers.items():
        # The value may hold a secret, so no message shows it.
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise Refused(f"the header {name!r} holds what HTTP does not allow there")
        lower = name.lower()
        if lower in _OURS:
            raise Refused(f"the header {name!r} cannot be set by a saga file")
        own[lower] = value.strip()
    return own


def _url(target: Target, request: CallRequest) -> str:
    if request.url is not None:
        return _poll_url(target, request.url)
    path, _, query = request.path.partition("?")
    if not is_safe_path(path) or not is_safe_query(query):
        raise Refused(f"the path {request.path!r} cannot be used as it is")
    if request.query:
        query = "&".join(filter(None, (query, encoded_query(request.query))))
    return f"{target.base}{path}?{query}" if query else f"{target.base}{path}"


def _poll_url(target: Target, url: str) -> str:
    """The URL to poll, on the service's own origin only: a token must not go anywhere else."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Refused("the Location is no URL")
    try:
        whole = urlsplit(urljoin(f"{target.base}/", url))
        origin = (whole.scheme, whole.hostname, whole.port or DEFAULT_PORTS.get(whole.scheme))
    except ValueError:
        raise Refused("the Location is no URL") from None
    if origin != (target.scheme, target.host.strip("[]"), target.port) or "@" in whole.netloc:
        raise Refused(f"the Location is on another origin than {target.origin}")
    query = f"?{whole.query}" if whole.query else ""
    return f"{target.origin}{whole.path or '/'}{query}"
