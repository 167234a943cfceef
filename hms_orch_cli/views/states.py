"""The states of a run by the words of the contract. `runs.state_of` tells which of them a run is in."""

from __future__ import annotations

from typing import Final

ENDED_STATES: Final = ("COMPLETED", "FAILED", "CANCELLED", "ABANDONED", "SKIPPED")
STATES: Final = ("RUNNING", "WAITING", "PAUSED", "COMPENSATING", "STUCK", *ENDED_STATES)
