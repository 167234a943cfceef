"""Points in time as text: RFC 3339 in UTC with milliseconds, from and to milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=256)
def rfc3339(at_ms: int) -> str:
    """`2026-11-23T14:10:07.250Z`. Facts that follow one another often share their millisecond, hence the cache."""
    seconds, millis = divmod(at_ms, 1000)
    return f"{_second(seconds)}.{millis:03d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    """Thousands of facts share a second."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


@lru_cache(maxsize=256)
def from_rfc3339(text: str) -> int:
    """Milliseconds since 1970, cached as above. Raises ValueError for text that is no RFC 3339 time."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    return int(moment.timestamp() * 1000 + 0.5)


def span(ms: int) -> str:
    """A span that somebody has chosen, exactly: 14 d, 90 s, 1500 ms."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)):
        if ms and ms % size == 0:
            return f"{ms // size} {unit}"
    return f"{ms} ms"


def duration(ms: float) -> str:
    """A span of time for people: 840 ms, 2.1 s, 3 m 14 s, 5 h 2 m, 3 d 4 h."""
    if ms < 1_000:
        return f"{max(0, int(ms))} ms"
    if ms < 60_000:
        return f"{int(ms / 100) / 10:.1f} s"
    seconds = int(ms / 1_000)
    for unit, size, below, smaller in (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60), ("m", 60, "s", 1)):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // smaller} {below}"
    raise AssertionError(seconds)
