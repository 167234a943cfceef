"""A store of an older version is opened, and its runs go on: none begins again, none is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.saga.identity import run_id

from .house import House, Mains

V2 = Path(__file__).parents[1] / "event_store" / "fixtures" / "v2.db"
"""One run completed, one was undone, one pauses; an event that nothing has looked at stands behind, at 23."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house over the older store, which is brought up to date here."""
    made = House()
    with SqliteStore(shutil.copy(V2, tmp_path / "events.db")) as store:
        made.store = store  # type: ignore[assignment]  # it has the same verbs
        yield made


def is_sound(house: House) -> None:
    """The two that ended are as they were, the other two ended, and each began once."""
    assert house.states() == ["COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]
    assert [e.stream for e in house.events("saga.started")] == [
        f"run/{run_id('shop.order.v1', e.seq, e.hash)}" for e in house.store.read_type("order.placed", 0, 100, 100)
    ]
    house.prove()


async def test_the_runs_of_an_older_store_go_on_and_none_begins_again(house: House) -> None:
    await house.run()
    is_sound(house)
    assert [each.step for each in house.services.calls if each.saga_id == house.rows()[2].saga_id] == ["pay", "ship"]
    last = house.store.last_seq()
    await house.run()
    assert house.store.last_seq() == last


@pytest.mark.parametrize("after", [False, True])
async def test_the_power_goes_out_at_any_append_after_the_migration(tmp_path: Path, after: bool) -> None:
    finished = False
    for dies_at in range(1, 100):
        house = House()
        with SqliteStore(shutil.copy(V2, tmp_path / f"{dies_at}.db")) as store:
            house.store = store  # type: ignore[assignment]
            finished = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
            if not finished:
                await house.run()
            is_sound(house)
        if finished:
            break
    assert finished and dies_at > 3


async def test_an_event_that_an_older_version_let_pass_starts_nothing_now(tmp_path: Path) -> None:
    """That it was looked at stands nowhere but in the mark, which therefore outlives the migration."""
    path = Path(shutil.copy(V2, tmp_path / "events.db"))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE marks SET value = '23' WHERE name = 'dispatched'")
    db.close()
    house = House()
    with SqliteStore(path) as store:
        house.store = store  # type: ignore[assignment]
        await house.run()
        assert house.states() == ["COMPLETED", "FAILED", "COMPLETED"]
        house.prove()
