"""What sets the orchestrator's own events apart. `event_types.py` has each of them."""

from __future__ import annotations

from typing import Final

SOURCE: Final = "hms-orch"
"""CloudEvents `source` of the orchestrator's own events."""

RESERVED: Final = ("saga.", "hitl.")
"""Types that begin so are the orchestrator's own and refused from outside."""


def is_reserved(event_type: str) -> bool:
    """Whether only the orchestrator may record this type."""
    return event_type.startswith(RESERVED)
