"""A house and its services for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.house import House
from tests.acceptance.services import Services


@pytest.fixture
def services() -> Iterator[Services]:
    """One fake service, for every name in the address book."""
    with Services() as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, services: Services) -> House:
    """A folder whose address book leads to the fake service: `svc` and the three of the tutorial."""
    made = House(tmp_path)
    url = services.url
    made.address_book(svc=url, payment_svc=url, notice_svc=url, archive_svc=url)
    return made
