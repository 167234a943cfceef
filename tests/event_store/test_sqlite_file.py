"""The file: private, on a local disk, ours and of a version that is known; and how a connection to it is set."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from hms_orch_cli.errors import NotAStore, StoreError, StoreHeld, StoreMissing, StoreTooNew, StoreUnwritable
from hms_orch_cli.event_store import sqlite as sqlite_module
from hms_orch_cli.event_store.backup import backup
from hms_orch_cli.event_store.chain import verify
from hms_orch_cli.event_store.files import refuse_network, stored_bytes
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader
from hms_orch_cli.ports.store import Derived

from .making import one, row


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_file_and_folders_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = SqliteStore(tmp_path / "a" / "b" / "events.db")
        store.append([one("run/1", 0)])
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700
    assert {path.name: oct(mode(path)) for path in (tmp_path / "a" / "b").iterdir()} == {
        "events.db": "0o600",
        "events.db-wal": "0o600",
        "events.db-shm": "0o600",
    }
    store.close()


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    SqliteStore(tmp_path / "events.db").close()
    assert mode(tmp_path) == 0o755


def test_the_connection_is_durable_and_trusts_nothing(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "events.db") as store:
        names = [
            "journal_mode",
            "synchronous",
            "trusted_schema",
            "recursive_triggers",
            "wal_autocheckpoint",
            "mmap_size",
        ]
        assert {name: store._writer.pragma(name) for name in names} == {
            "journal_mode": "wal",
            "synchronous": 2,
            "trusted_schema": 0,
            "recursive_triggers": 1,
            "wal_autocheckpoint": 0,
            "mmap_size": 0,
        }
        assert store._writer.pragma("journal_size_limit") == 64 * 1024 * 1024


def test_the_wal_is_folded_back_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "CHECKPOINT_PAGES", 20)
    with SqliteStore(tmp_path / "events.db") as store:
        for n in range(100):
            store.append([one(f"run/{n}", 0)])
        assert (tmp_path / "events.db-wal").stat().st_size < 60 * 4096


def foreign(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


@pytest.mark.parametrize("kind", [SqliteStore, SqliteReader])
@pytest.mark.parametrize("content", [b"saga: yes\n" * 100, b"x", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(
    tmp_path: Path, kind: type[SqliteReader], content: bytes
) -> None:
    path = tmp_path / "events.db"
    path.write_bytes(content)
    with pytest.raises(NotAStore, match=r"events\.db") as error:
        kind(path)
    assert error.value.hint
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["events.db"]


@pytest.mark.parametrize("kind", [SqliteStore, SqliteReader])
@pytest.mark.parametrize("statement", ["CREATE TABLE t (a)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"])
def test_a_database_of_something_else_is_refused_and_left_as_it_was(
    tmp_path: Path, kind: type[SqliteReader], statement: str
) -> None:
    path = tmp_path / "events.db"
    foreign(path, statement)
    before = path.read_bytes()
    with pytest.raises(NotAStore, match=r"events\.db"):
        kind(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", [SqliteStore, SqliteReader])
def test_a_store_of_a_newer_version_is_refused(tmp_path: Path, kind: type[SqliteReader]) -> None:
    path = tmp_path / "events.db"
    SqliteStore(path).close()
    foreign(path, "PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew, match="schema 99") as error:
        kind(path)
    assert "update" in error.value.hint


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """What a process leaves that died between making the file and writing to it."""
    path = tmp_path / "events.db"
    path.touch()
    with pytest.raises(StoreMissing):
        SqliteReader(path)
    foreign(path, "PRAGMA journal_mode = WAL")
    with pytest.raises(StoreMissing):
        SqliteReader(path)
    with SqliteStore(path) as store:
        assert store.append([one("run/1", 0)]) == [1]


def test_a_missing_store_is_named_with_a_hint_and_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match=r"events\.db") as error:
        SqliteReader(tmp_path / "events.db")
    assert "hms-orch" in error.value.hint
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", [SqliteStore, SqliteReader])
def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path, kind: type[SqliteReader]) -> None:
    (tmp_path / "events.db").mkdir()
    with pytest.raises(StoreError, match=r"events\.db") as error:
        kind(tmp_path / "events.db")
    assert error.value.hint


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(StoreUnwritable, match="cannot be written") as error:
        SqliteStore(tmp_path / "a" / "b" / "events.db")
    assert error.value.hint


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder with a store in it, mounted read-only: root too cannot write there."""
    folder = tmp_path / "ro"
    folder.mkdir()
    SqliteStore(folder / "events.db").close()
    backup(folder / "events.db", folder / "copy.db")
    SqliteStore(folder / "events.db").close()  # the last writer to go takes the files beside it away
    bind = ["mount", "--bind", str(folder), str(folder)]
    if os.geteuid() != 0 or subprocess.run(bind, capture_output=True).returncode:
        pytest.skip("no read-only mount can be made here: only root mounts")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.needs_tmpfs
def test_a_read_only_folder_is_refused_in_one_sentence(read_only: Path) -> None:
    for path in (read_only / "events.db", read_only / "other.db", read_only / "deep" / "events.db"):
        with pytest.raises(StoreUnwritable, match="cannot be") as error:
            SqliteStore(path)
        assert str(read_only) in error.value.message and error.value.hint
    with pytest.raises(StoreUnwritable, match="cannot be opened"):
        SqliteReader(read_only / "events.db")
    with SqliteReader(read_only / "copy.db") as copy:
        assert copy.last_seq() == 0, "a backup can be read there"


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:40 / /mnt/share rw shared:2 - nfs4 server:/x rw
31 22 0:41 / /mnt/share/local rw - ext4 /dev/sdb rw
32 22 0:42 / /mnt/with\\040blank rw - fuse.sshfs host: rw
33 22 0:43 / /host rw master:3 - 9p hostshare rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me", ""),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/deep/er", "nfs4"),
        ("/mnt/shared", ""),
        ("/mnt/share/local/x", ""),
        ("/mnt/with blank/x", "fuse.sshfs"),
        ("/host/work", "9p"),
    ],
)
def test_a_network_filesystem_is_refused_by_name(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    if not kind:
        return refuse_network(Path(folder), mounts)
    with pytest.raises(StoreUnwritable, match=f"network filesystem \\({kind}\\)") as error:
        refuse_network(Path(folder), mounts)
    assert "[store] url" in error.value.hint
    return None


def test_where_the_system_tells_nothing_of_mounts_any_folder_will_do(tmp_path: Path) -> None:
    refuse_network(tmp_path, tmp_path / "not there")


def test_a_snapshot_is_one_moment_all_along(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "events.db") as store, SqliteReader(tmp_path / "events.db") as reader:
        store.append([one("run/1", 0)])
        with reader.snapshot() as view:
            store.append([one("run/2", 0)], Derived([row("01")]))
            assert (view.last_seq(), view.run_row("01")) == (1, None)
            assert (reader.last_seq(), reader.run_row("01")) == (2, row("01"))
            assert len(view.read_all(0, 10)) == 1
        with reader.snapshot() as view:
            assert view.last_seq() == 2


def test_a_long_reader_does_not_stop_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoints do what they can, and catch up once the reader is gone."""
    monkeypatch.setattr(sqlite_module, "CHECKPOINT_PAGES", 20)
    with SqliteStore(tmp_path / "events.db") as store:
        store.append([one("run/0", 0)])
        with store.snapshot() as view:
            for n in range(1, 50):
                store.append([one(f"run/{n}", 0)])
            assert (view.last_seq(), store.last_seq()) == (1, 50)
        wal = (tmp_path / "events.db-wal").stat().st_size
        for n in range(50, 100):
            store.append([one(f"run/{n}", 0)])
        after = (tmp_path / "events.db-wal").stat().st_size
        assert after < wal + 10 * 4096, "used again from its beginning"


def test_two_writers_on_one_file_stay_in_order_even_without_the_lock(tmp_path: Path) -> None:
    """It must not happen; if it does, each finds where the other left the log."""
    with SqliteStore(tmp_path / "events.db") as one_store, SqliteStore(tmp_path / "events.db") as other:
        assert one_store.append([one("run/1", 0)]) == [1]
        assert other.append([one("run/2", 0)]) == [2]
        assert one_store.append([one("run/3", 0), one("run/1", 1)]) == [3, 4]
        assert other.last_seq() == 2
        assert other.append([one("run/2", 1)]) == [5]
        assert verify(other.scan()).seq == 5


def test_a_foreign_writer_that_does_not_let_go_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "BUSY_MS", 1)
    path = tmp_path / "events.db"
    with SqliteStore(path) as store:
        other = apsw.Connection(str(path))  # another SQLite in this process would not see the locks of the first
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreHeld, match="another process"):
            store.append([one("run/1", 0)])
        other.execute("ROLLBACK")
        other.close()
        assert store.append([one("run/1", 0)]) == [1]


def test_a_store_takes_what_its_files_take(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    assert stored_bytes(path) == 0
    store = SqliteStore(path)
    store.append([one("run/1", 0)])
    assert stored_bytes(path) == path.stat().st_size + path.with_name("events.db-wal").stat().st_size > 4_096
    store.close()
