"""The states of a run and of its steps by the words of the contract. `runs.py` tells which of them a run is in."""

from __future__ import annotations

from typing import Final

ENDED_STATES: Final = ("COMPLETED", "FAILED", "CANCELLED", "ABANDONED", "SKIPPED")
STATES: Final = ("RUNNING", "WAITING", "PAUSED", "COMPENSATING", "STUCK", *ENDED_STATES)

SIGNS: Final = {
    "PENDING": "·",
    "RUNNING": "▸",
    "RETRYING": "↻",
    "WAITING": "…",
    "SUCCEEDED": "✓",
    "FAILED": "✗",
    "UNKNOWN": "?",
    "SKIPPED": "–",
    "COMPENSATING": "↶",
    "COMPENSATED": "↩",
    "STUCK": "!",
}
"""A sign for each state of a step: the same on a page and in a drawing."""
