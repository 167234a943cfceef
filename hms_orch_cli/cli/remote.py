"""How a command hands its write to the process that holds the store, or takes the store itself.

Clients wait, so this is plain blocking HTTP over the standard library: one request a connection, one deadline over all
of it, a bound on the answer, no redirects, no proxies.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from hms_orch_cli.config import Config
from hms_orch_cli.errors import ConfigError, HmsError, LogTampered, SagaFileError, ServerError, StoreHeld
from hms_orch_cli.safe import safe

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

    from hms_orch_cli.event_store.holder import Holder

TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 64 << 20
MAX_WORDS = 500
START_WAIT_S = 10.0
PAUSE_S = 0.05


class Remote:
    """The server at `url`. Each request raises ServerError if there is no usable answer, else what the answer means."""

    def __init__(self, url: str, token: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ConfigError("the token holds a character that no header can carry", "check HMS_TOKEN")
        self.url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        """The JSON that the server answers."""
        return self._request("GET", f"{path}?{urlencode(query)}" if query else path, None, "")

    def post(self, path: str, body: Any, content_type: str = "application/json") -> Any:
        """Sends a JSON value (bytes: JSON text as it is) and returns the JSON of the answer."""
        import json

        raw = body if isinstance(body, bytes) else json.dumps(body, allow_nan=False).encode()
        return self._request("POST", path, raw, content_type)

    def delete(self, path: str) -> Any:
        """Asks for something to be taken away and returns the JSON of the answer."""
        return self._request("DELETE", path, None, "")

    def _request(self, method: str, path: str, body: bytes | None, content_type: str) -> Any:
        from http.client import HTTPException
        from threading import Timer

        address = urlsplit(self.url)
        headers = {"Accept": "application/json, application/problem+json", "User-Agent": "hms-orch"}
        if body is not None:
            headers["Content-Type"] = content_type
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = _connection(address.scheme, address.hostname or "", address.port, self._timeout_s)
        deadline = Timer(self._timeout_s, _cut, [connection])
        deadline.daemon = True
        sent = False
        try:
            connection.connect()
            deadline.start()
            sent = True
            connection.request(method, address.path + path, body, headers)
            answer = connection.getresponse()
            raw = _read_whole(answer)
        except (OSError, HTTPException) as error:
            raise self._unanswered(error, sent and method == "POST") from error
        finally:
            deadline.cancel()
            connection.close()
        if len(raw) > MAX_ANSWER_BYTES:
            raise ServerError(f"the answer of {self.url} is over {MAX_ANSWER_BYTES} bytes")
        return self._meaning(answer, raw)

    def _unanswered(self, error: Exception, doubtful: bool) -> ServerError:
        if doubtful:
            hint = (
                "whether it took the request is not known: look first; an event sent again with the same id counts once"
            )
        else:
            hint = "is hms-orch up running there? HMS_URL says where to look"
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return ServerError(f"no answer from {self.url}: {safe(why, MAX_WORDS)}", hint)

    def _meaning(self, answer: HTTPResponse, raw: bytes) -> Any:
        import json

        try:
            value = json.loads(raw) if raw else {}
        except (ValueError, RecursionError):
            value = None
        if 200 <= answer.status < 300:
            if value is None:
                raise ServerError(f"{self.url} answered {answer.status} with something else than JSON", _OTHER)
            return value
        problem = value if isinstance(value, dict) else {}
        raise _error(answer.status, problem, self.url, answer.getheader("Retry-After") or "")


_OTHER = "is there another program at that address? HMS_URL says where to look"


def find_writer(config: Config, wait_s: float = START_WAIT_S) -> Remote | Holder:
    """Who writes: a Remote if HMS_URL is set or an `up` holds the store (it gets `wait_s` to start), else a Holder,
    which the caller releases when it has written. Raises StoreHeld if the wait was not long enough, StoreUnwritable."""
    if config.url:
        return Remote(config.url, config.token)
    from hms_orch_cli.event_store.holder import Holder

    path = config.store_path
    until = time.monotonic() + wait_s
    while True:
        try:
            return Holder.take(path)
        except StoreHeld as held:
            if held.url:
                return local(config, held)
            if time.monotonic() >= until:
                raise
        time.sleep(PAUSE_S)


def local(config: Config, held: StoreHeld) -> Remote:
    """The `up` that holds this store. It leaves a token beside it for whoever could write to the store as well."""
    return Remote(held.url, config.token or held.token or None)


def _connection(scheme: str, host: str, port: int | None, timeout_s: float) -> HTTPConnection:
    from http.client import HTTPConnection, HTTPSConnection

    kind = HTTPSConnection if scheme == "https" else HTTPConnection
    return kind(host, port, timeout=timeout_s)


def _read_whole(answer: HTTPResponse) -> bytes:
    """The body, up to one byte more than is allowed. Raises IncompleteRead for one that was cut off, which a bounded
    `read` takes for the end; an empty body without a length is the sign of an answer that was cut off in its head."""
    from http.client import IncompleteRead

    raw = answer.read(MAX_ANSWER_BYTES + 1)
    told = answer.chunked or answer.length is not None or answer.status == 204
    if len(raw) <= MAX_ANSWER_BYTES and (answer.length or not (raw or told)):
        raise IncompleteRead(raw)
    return raw


def _cut(connection: HTTPConnection) -> None:
    """Ends a request at its deadline: a timeout of the socket starts anew with every byte."""
    import socket
    from contextlib import suppress

    with suppress(OSError, AttributeError):  # the request may have ended in this moment
        connection.sock.shutdown(socket.SHUT_RDWR)


def _error(status: int, problem: Mapping[str, Any], url: str, retry_after: str) -> HmsError:
    """A problem document (RFC 9457) as the error of our own tree that the server began with; what the tree has not,
    and what comes from another program at that address, is a ServerError."""
    title, detail, hint = (_words(problem.get(name)) for name in ("title", "detail", "hint"))
    kind = _OF_OUR_TREE.get(str(problem.get("type")))
    if kind is SagaFileError and isinstance(findings := problem.get("findings"), list):
        return SagaFileError(detail or title, hint, tuple(findings))
    if kind is not None:
        return kind(detail or title, hint)
    said = ": ".join(filter(None, (title, detail)))
    if not said or not 400 <= status < 600:
        return ServerError(f"{url} answered {status}", _OTHER)
    if not hint and status in (401, 403):
        hint = "set HMS_TOKEN"
    if not hint and status in (429, 503):
        hint = f"try again in {retry_after} s" if re.fullmatch("[0-9]{1,6}", retry_after) else "try again"
    return ServerError(f"{url} answered {status}: {said}", hint)


def _words(value: object) -> str:
    return safe(value, MAX_WORDS) if isinstance(value, str) else ""


def _subclasses(kind: type[HmsError]) -> Iterator[type[HmsError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


_OF_OUR_TREE = {
    f"urn:hms-orch:problem:{re.sub('(?<=[a-z])(?=[A-Z])', '-', kind.__name__).lower()}": kind
    for kind in _subclasses(HmsError)
    if kind is not LogTampered  # it needs the position
}
