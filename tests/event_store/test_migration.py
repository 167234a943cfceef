"""A file of an older version becomes a new one, wholly or not at all, whenever the process dies."""

from __future__ import annotations

import itertools
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from hms_orch_cli.errors import StoreError
from hms_orch_cli.event_store import sqlite_schema as schema
from hms_orch_cli.event_store.chain import verify
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader

from .making import child, one, row

FIXTURES = Path(__file__).parent / "fixtures"
V1, V2 = FIXTURES / "v1.db", FIXTURES / "v2.db"
V1_EVENTS, V2_EVENTS = 6, 23


def shape(path: Path) -> tuple[int, int, frozenset[str]]:
    """application_id, user_version and every table, index and trigger with its SQL, as another program sees them."""
    if not path.exists():
        return 0, 0, frozenset()
    db = sqlite3.connect(path)
    try:
        ((application,),) = db.execute("PRAGMA application_id")
        ((version,),) = db.execute("PRAGMA user_version")
        objects = db.execute("SELECT type || ' ' || name || ' ' || ifnull(sql, '') FROM sqlite_schema").fetchall()
        return application, version, frozenset(" ".join(text.split()) for (text,) in objects)
    finally:
        db.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the fixture file."""
    return Path(shutil.copy(V1, tmp_path / "events.db"))


def test_a_file_of_version_1_opens_with_its_log_and_empty_derived_tables(old: Path) -> None:
    assert shape(old)[1] == 1
    with SqliteStore(old) as store:
        assert verify(store.scan()).seq == store.last_seq() == V1_EVENTS
        assert (store.folded_to(), store.run_rows(), store.count_by_state()) == (0, [], {})
        assert [each.seq for each in store.read_all(0, 10, arrivals=True)] == [1, 2, 5]
        assert store.append([one("run/01", 3), one("event/hms-bus 2", 1)]) == [7, 8]
    assert shape(old)[1] == schema.SCHEMA_VERSION


def test_a_file_of_version_2_keeps_of_its_tables_how_far_the_log_has_met_which_definitions(tmp_path: Path) -> None:
    """Everything else is folded again from the beginning of the log."""
    old = Path(shutil.copy(V2, tmp_path / "events.db"))
    assert shape(old)[1] == 2
    with SqliteStore(old) as store:
        assert verify(store.scan()).seq == store.last_seq() == V2_EVENTS
        assert (store.folded_to(), store.run_rows(), store.mark("totals")) == (0, [], None)
        assert store.mark("dispatched") == "22"
        assert '"shop.order.v1"' in (store.mark("definitions") or "")
        assert [each.seq for each in store.read_type("order.placed", 0, 30, 10)] == [2, 9, 19, 23]
    assert shape(old)[1] == schema.SCHEMA_VERSION


def test_a_file_of_version_2_whose_tables_somebody_dropped_opens(tmp_path: Path) -> None:
    old = Path(shutil.copy(V2, tmp_path / "events.db"))
    with sqlite3.connect(old) as db:
        db.executescript("DROP TABLE runs; DROP TABLE marks")
    db.close()
    with SqliteStore(old) as store:
        assert (store.folded_to(), store.run_rows(), store.last_seq()) == (0, [], V2_EVENTS)


@pytest.mark.parametrize("origin", [V1, V2], ids=["version 1", "version 2"])
def test_a_migrated_file_has_the_shape_of_a_new_one(origin: Path, tmp_path: Path) -> None:
    old = Path(shutil.copy(origin, tmp_path / "events.db"))
    SqliteStore(old).close()
    SqliteStore(tmp_path / "new.db").close()
    assert shape(old) == shape(tmp_path / "new.db")


def test_a_reader_of_an_older_file_says_what_to_do(old: Path) -> None:
    with pytest.raises(StoreError, match="older version") as error:
        SqliteReader(old)
    assert "hms-orch up" in error.value.hint
    assert shape(old)[1] == 1


ORIGINS: dict[str, tuple[Path | None, int, int]] = {
    "nothing": (None, 0, 0),
    "version 1": (V1, 1, V1_EVENTS),
    "version 2": (V2, 2, V2_EVENTS),
}
"""The file as it was, its version, and how many events it holds."""


@pytest.mark.process
@pytest.mark.parametrize("origin", ORIGINS)
def test_killed_before_any_statement_it_is_old_or_new_and_opens_afterwards(tmp_path: Path, origin: str) -> None:
    source, version, events = ORIGINS[origin]
    fresh = tmp_path / "fresh.db"
    SqliteStore(fresh).close()
    new = shape(fresh)
    old = (0, 0, frozenset[str]()) if source is None else shape(source)
    met = set()
    for fatal in itertools.count(1):
        path = tmp_path / str(fatal) / "events.db"
        path.parent.mkdir()
        if source is not None:
            shutil.copy(source, path)
        process = child("migrating.py", path, fatal)
        said, _ = process.communicate(timeout=30)
        if said.strip() == "survived":
            assert shape(path) == new
            break
        assert process.returncode == -signal.SIGKILL
        found = shape(path)
        assert found in (old, new), f"killed before statement {fatal}: between two versions"
        met.add(found[1])
        with SqliteStore(path) as store:
            assert verify(store.scan()).seq == events
            assert store.append([one("run/later", 0)]) == [events + 1]
            assert (store.folded_to(), store.run_rows()) == (0, [])
        assert shape(path) == new
    statements = sum(map(len, schema.MIGRATIONS[version:]))
    print(f"{origin}: killed before each of {fatal - 1} statements")
    assert fatal - 1 >= statements + 2, "BEGIN and COMMIT besides"
    assert met == {version, new[1]}, "some died before the commit, some after it"


def test_the_derived_tables_of_a_migrated_file_take_rows(old: Path) -> None:
    from hms_orch_cli.ports.store import Derived

    with SqliteStore(old) as store:
        store.append([], Derived([row("01")]))
        assert (store.run_row("01"), store.folded_to()) == (row("01"), V1_EVENTS)
