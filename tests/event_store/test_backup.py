"""A backup is one private, whole, checked file, made beside whoever writes; it never replaces another file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import apsw
import pytest

from hms_orch_cli.errors import LogTampered, NotAllowed, StoreMissing, StoreUnwritable
from hms_orch_cli.event_store import backup as backup_module
from hms_orch_cli.event_store.backup import backup
from hms_orch_cli.event_store.chain import Anchor, verify
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader
from hms_orch_cli.ports.store import Derived

from .making import child, one, row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with SqliteStore(tmp_path / "hms" / "events.db") as store:
        store.append([one(f"run/{n}", 0) for n in range(10)], Derived([row("01")]))
    return tmp_path / "hms" / "events.db"


def test_it_holds_the_log_and_the_tables_and_gives_their_head(path: Path, tmp_path: Path) -> None:
    with SqliteStore(path) as store:
        store.append([one("run/open", 0)])  # still in the WAL
        head = backup(path, tmp_path / "copy.db")
        assert head == store.head() == Anchor(11, store.read_all(10, 1)[0].hash)
        store.append([one("run/later", 0)])
    with SqliteReader(tmp_path / "copy.db") as copy:
        assert verify(copy.scan(), head) == head
        assert copy.run_row("01") == row("01")
    with SqliteReader(path) as reader:
        verify(reader.scan(), head)
    with SqliteStore(tmp_path / "copy.db") as restored:
        assert restored.append([one("run/more", 0)]) == [12]


def test_it_is_one_file_with_mode_0600_and_nothing_is_left_beside_it(path: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    backup(path, tmp_path / "copy.db")
    os.umask(before)
    assert sorted(os.listdir(tmp_path)) == ["copy.db", "hms"]
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_it_never_replaces_a_file(path: Path, tmp_path: Path) -> None:
    for name in ("copy.db", "hms/events.db"):
        (tmp_path / name).touch()
        before = (tmp_path / name).read_bytes()
        with pytest.raises(NotAllowed, match="exists already") as error:
            backup(path, tmp_path / name)
        assert error.value.hint
        assert (tmp_path / name).read_bytes() == before


def test_not_even_one_that_came_while_it_was_made(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(reader: SqliteReader, partial: Path) -> None:
        original(reader, partial)
        (tmp_path / "copy.db").write_text("mine")

    original = backup_module._copy
    monkeypatch.setattr(backup_module, "_copy", copy)
    with pytest.raises(NotAllowed, match="exists already"):
        backup(path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["copy.db", "hms"]


def test_it_does_not_vouch_for_a_log_that_was_tampered_with(path: Path, tmp_path: Path) -> None:
    foreign = apsw.Connection(str(path))
    foreign.execute("DROP TRIGGER events_no_update")
    foreign.execute("UPDATE events SET data = '{}' WHERE seq = 4")
    foreign.close()
    with pytest.raises(LogTampered) as error:
        backup(path, tmp_path / "copy.db")
    assert error.value.position == 4
    assert os.listdir(tmp_path) == ["hms"]


def test_a_missing_source_or_folder_is_told_of(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        backup(tmp_path / "none.db", tmp_path / "copy.db")
    with pytest.raises(StoreUnwritable, match="no folder"):
        backup(path, tmp_path / "nowhere" / "copy.db")


@pytest.mark.process
def test_it_is_consistent_while_another_process_writes(tmp_path: Path) -> None:
    process = child("writing.py", tmp_path / "events.db", 4)
    assert process.stdout is not None
    for n in range(5):
        acked = int(process.stdout.readline().split()[0])
        head = backup(tmp_path / "events.db", tmp_path / f"copy{n}.db")
        assert head.seq >= acked
    process.kill()
    process.communicate(timeout=30)
