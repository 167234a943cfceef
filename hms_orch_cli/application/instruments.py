"""What the parts of a running process count of themselves: it begins anew at a start, while the totals are of the
log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hms_orch_cli.views.histogram import Histogram


@dataclass(frozen=True, slots=True)
class Instruments:
    """Read when somebody asks; without any there is nothing to tell."""

    commits: Histogram = field(default_factory=lambda: Histogram(()))
    """seconds that a commit to the event store takes"""
    calls: Mapping[tuple[str, str], Histogram] = field(default_factory=dict)
    """(service, answer) -> seconds that a request takes"""
    appends_waiting: Callable[[], int] = lambda: 0
    """appends on their way into the log"""
    store_bytes: Callable[[], int] = lambda: 0
    """what the store takes on the disk"""
    webhook_failures: Callable[[], int] = lambda: 0
    """posts of the webhook that nobody took"""
    tokens_stale: Callable[[], bool] = lambda: False
    """whether the tokens that open the server are not those of the file, which cannot be read"""
