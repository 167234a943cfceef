"""Address books for the tests of saga files."""

from __future__ import annotations

from collections.abc import Mapping

from hms_orch_cli.ports import Service


def book(*names: str) -> Mapping[str, Service]:
    """An address book with these services, all of them on this machine's own network."""
    return {name: Service(f"http://{name}") for name in names}
