"""What the SDK takes from its surroundings. The only file of it that reads them."""

from __future__ import annotations

import os
from pathlib import Path


def url() -> str:
    """Where the orchestrator answers."""
    return os.environ.get("HMS_URL") or "http://localhost:7600"


def token() -> str | None:
    """The token that opens it; on loopback it needs none."""
    return os.environ.get("HMS_TOKEN") or None


def source() -> str:
    """Who emits, if the call does not say."""
    return os.environ.get("HMS_SOURCE") or "hms-sdk"


def service() -> str | None:
    """The name of this service in the address book: the audience of the tokens that it is sent."""
    return os.environ.get("HMS_SERVICE") or None


def positions() -> Path:
    """The folder that keeps how far each subscriber has come."""
    return Path(os.environ.get("HMS_POSITIONS") or ".hms/positions")
