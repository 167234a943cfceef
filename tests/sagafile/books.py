"""Address books for the tests of saga files."""

from __future__ import annotations

from collections.abc import Mapping

from hms_orch_cli.ports.services import Service


def book(*names: str, **elsewhere: str) -> Mapping[str, Service]:
    """An address book with these services on this machine's own network, and those that have a URL."""
    near = {name: Service(f"http://{name}") for name in names}
    return {**near, **{name: Service(url) for name, url in elsewhere.items()}}
