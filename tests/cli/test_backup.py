"""`backup` copies the store, also while it is written to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hms_orch_cli.event_store.holder import Holder
from hms_orch_cli.event_store.sqlite import SqliteStore
from tests.cli.conftest import Ended, Run
from tests.cli.story import COMPLETED, tell
from tests.event_store.making import one

STORE = Path(".hms/events.db")


@pytest.fixture(autouse=True)
def story(shop: Path) -> None:
    """A store of 8 events."""
    tell(shop / STORE, COMPLETED)


def test_beside_a_writer_it_gives_a_store_that_goes_on(orch: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Holder.take(STORE), SqliteStore(STORE) as store:
        store.append([one("event/bus open", 0)])  # not in the main file yet
        head = str(store.head())
        ended = orch("backup", "copy.db")
        size = Path("copy.db").stat().st_size
        assert ended == Ended(0, f"{head}\n", f"copy.db holds 9 events in {size} bytes\n")
    monkeypatch.setenv("HMS_STORE_URL", "sqlite:///copy.db")
    assert orch("replay", "--verify", "--against", head).code == 0
    assert orch("replay").out.endswith("equal: the derived tables say what the log says\n")


def test_as_json(orch: Run) -> None:
    told = json.loads(orch("backup", "copy.db", "-o", "json").out)
    assert told.pop("head").startswith("8:")
    assert told == {"file": "copy.db", "events": 8, "bytes": Path("copy.db").stat().st_size}


@pytest.mark.parametrize("name", ["copy.db", ".hms/events.db"])
def test_a_file_is_never_replaced(orch: Run, name: str) -> None:
    Path("copy.db").write_text("mine")
    before = Path(name).read_bytes()
    ended = orch("backup", name)
    assert ended.code == 1
    assert ended.err.endswith(f"{name} exists already\nhint: give another name; a backup never replaces a file\n")
    assert Path(name).read_bytes() == before


def test_a_folder_that_is_not_there(orch: Run) -> None:
    assert "error: " in orch("backup", "a/copy.db").err


def test_without_a_store_there_is_nothing_to_copy(orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMS_STORE_URL", "sqlite:///nope.db")
    ended = orch("backup", "copy.db")
    assert ended.code == 1
    assert not Path("copy.db").exists()
