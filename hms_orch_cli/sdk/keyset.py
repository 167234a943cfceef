"""The public keys of an orchestrator: fetched when they are needed, and again when a token names one that is new."""

from __future__ import annotations

from functools import cache
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from hms_orch_cli.sdk.errors import KeysUnavailable
from hms_orch_cli.sdk.server import authorities

if TYPE_CHECKING:
    from jwt import PyJWK

PATH: Final = "/.well-known/jwks.json"
FETCH_S: Final = 5.0
FRESH_S: Final = 600.0
"""Seconds after which keys are fetched anew, so that one that was withdrawn is forgotten."""

KEPT_S: Final = 3_600.0
"""Seconds that keys are good for while no newer ones can be had."""

APART_S: Final = 1.0
"""Seconds between two fetches, whatever the tokens say."""


@cache
def keyset(url: str) -> KeySet:
    """The keys of the orchestrator there: one set for the process."""
    return KeySet(url)


class KeySet:
    """Keys by their name; any thread may ask."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = Lock()

    def key(self, kid: str) -> PyJWK | None:
        """The key of that name, None if the orchestrator has none. Raises KeysUnavailable."""
        with self._lock:
            now = monotonic()
            known = self._keys.get(kid)
            if known is not None and now - self._fetched_at < FRESH_S:
                return known
            if now - self._tried_at >= APART_S:
                self._tried_at = now
                try:
                    self._keys = self._fetch()
                    self._fetched_at = now
                    return self._keys.get(kid)
                except KeysUnavailable:
                    if known is None or now - self._fetched_at >= KEPT_S:
                        raise
            if known is not None and now - self._fetched_at < KEPT_S:
                return known
        raise KeysUnavailable(f"the keys of {self._url} were asked for a moment ago")

    def _fetch(self) -> dict[str, PyJWK]:
        import httpx
        from jwt import PyJWKSet
        from jwt.exceptions import PyJWTError

        verify = authorities() if self._url.startswith("https:") else False
        try:
            answer = httpx.get(self._url + PATH, timeout=FETCH_S, verify=verify, trust_env=False)
            told: Any = answer.raise_for_status().json()
            return {key.key_id: key for key in PyJWKSet.from_dict(told).keys if key.key_id}
        except (httpx.HTTPError, ValueError, AttributeError, PyJWTError) as error:
            raise KeysUnavailable(f"{self._url}{PATH}: {str(error) or type(error).__name__}") from error
