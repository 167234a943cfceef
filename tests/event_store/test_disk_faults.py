"""A disk that fails or is full: the store stops or refuses, and what was acknowledged is in the file."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from hms_orch_cli.errors import StoreError, StoreFailed, StoreFull
from hms_orch_cli.event_store import sqlite as sqlite_module
from hms_orch_cli.event_store.chain import verify
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.ports.store import Append, Derived

from .faults import Fault, FaultyDisk
from .making import event, one, row

# SQLite swallows some errors, on closing say; apsw reports the injected exception then as one that nobody caught.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

APPENDS = 8


def sync_fault() -> Fault:
    return Fault("xSync", apsw.IOError, apsw.SQLITE_IOERR_FSYNC)


def fail_at(at: int, fault: Fault, path: Path) -> tuple[list[int], StoreError | None]:
    """Appends events until the fault hits; returns the acknowledged positions and what was raised."""
    acked: list[int] = []
    raised: StoreError | None = None
    fault.at = at
    name = f"faulty-{path.parent.name}-{at}"
    disk = FaultyDisk(name, fault)
    try:
        store = SqliteStore(path, vfs=name)
        try:
            for n in range(APPENDS):
                (result,) = store.append([one(f"run/{n}", 0)], Derived([row(f"{n:02d}")]))
                assert isinstance(result, int)
                acked.append(result)
        except StoreError as error:
            raised = error
            if isinstance(error, StoreFailed):
                with pytest.raises(StoreFailed):
                    store.append([one("run/after", 0)])
        finally:
            store.close()
    except StoreError as error:
        raised = error
    finally:
        disk.unregister()
    return acked, raised


def reopened(path: Path) -> list[str]:
    """The streams in the file, once the disk works again; the chain holds and the store takes more."""
    with SqliteStore(path) as store:
        verify(store.scan())
        streams = [each.stream for each in store.scan()]
        assert streams == [f"run/{n}" for n in range(len(streams))]
        assert store.append([one("run/later", 0)]) == [len(streams) + 1]
        assert len(store.run_rows()) <= len(streams)
        return streams


FAULTS = {
    "fsync": sync_fault,
    "write": lambda: Fault("xWrite", apsw.IOError, apsw.SQLITE_IOERR_WRITE),
    "no space": lambda: Fault("xWrite", apsw.FullError, apsw.SQLITE_FULL),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_whichever_call_fails_first_nothing_acknowledged_is_lost(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every n from the first call on, checkpoints included, until a whole run needs no n-th call any more."""
    monkeypatch.setattr(sqlite_module, "CHECKPOINT_PAGES", 20)
    raised: set[type[StoreError]] = set()
    for at in itertools.count(1):
        folder = tmp_path / str(at)
        folder.mkdir()
        fault = FAULTS[kind]()
        acked, error = fail_at(at, fault, folder / "events.db")
        if error is not None:
            raised.add(type(error))
        streams = reopened(folder / "events.db")
        assert len(acked) <= len(streams) <= len(acked) + (kind != "no space"), f"call {at} of {kind}"
        if len(acked) == APPENDS and not fault.after_fault:
            break
    print(f"{kind}: {at} places, raised {sorted(each.__name__ for each in raised)}")
    assert at > APPENDS
    assert (StoreFull if kind == "no space" else StoreFailed) in raised


def test_after_a_failed_fsync_nothing_more_is_written_to_the_disk(tmp_path: Path) -> None:
    """Not by an append, not by a checkpoint, not by closing."""
    fault = sync_fault()
    disk = FaultyDisk("faulty-once", fault)
    store = SqliteStore(tmp_path / "events.db", vfs="faulty-once")
    assert store.append([one("run/0", 0), one("run/1", 0)]) == [1, 2]
    fault.at = fault.calls + 1
    with pytest.raises(StoreFailed) as failure:
        store.append([one("run/2", 0)])
    assert str(tmp_path) in failure.value.message and failure.value.hint
    touched = len(fault.after_fault)
    with pytest.raises(StoreFailed):
        store.append([one("run/3", 0)])
    with pytest.raises(StoreFailed):
        store.forget_derived()
    assert store.last_seq() == 2
    assert [each.stream for each in store.read_all(0, 2)] == ["run/0", "run/1"], "reading goes on"
    store.close()
    assert fault.after_fault[touched:] == []
    disk.unregister()
    assert reopened(tmp_path / "events.db")[:2] == ["run/0", "run/1"]


def test_a_checkpoint_that_fails_stops_the_store_though_its_append_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that recovers at once included: the pages it lost are never written again."""
    monkeypatch.setattr(sqlite_module, "CHECKPOINT_PAGES", 1)
    fault = sync_fault()
    disk = FaultyDisk("faulty-checkpoint", fault)
    store = SqliteStore(tmp_path / "events.db", vfs="faulty-checkpoint")
    fault.at = fault.calls + 2  # the first is the commit's own
    assert store.append([one("run/0", 0)]) == [1]
    assert fault.after_fault, "the fault has hit"
    fault.at = 0
    with pytest.raises(StoreFailed, match="checkpoint"):
        store.append([one("run/1", 0)])
    store.close()
    disk.unregister()
    assert reopened(tmp_path / "events.db") == ["run/0"]


def test_a_full_file_refuses_and_takes_more_once_there_is_space(tmp_path: Path) -> None:
    """Space is what SQLite may use: max_page_count. (On a full tmpfs: the next test.)"""
    store = SqliteStore(tmp_path / "events.db")
    store.append([one("run/0", 0)])
    pages = store._writer.pragma("page_count")
    store._writer.pragma("max_page_count", pages + 2)
    acked = until_full(store)
    store._writer.pragma("max_page_count", 1_000_000)
    recovers(store, acked, tmp_path / "events.db")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        if os.geteuid() != 0 or (done := subprocess.run(mount, capture_output=True, text=True)).returncode:
            why = "only root mounts" if os.geteuid() else done.stderr.strip()
            pytest.skip(f"no tmpfs can be mounted here: {why}")
    except FileNotFoundError:
        pytest.skip("no tmpfs can be mounted here: there is no mount command")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.needs_tmpfs
def test_a_full_disk_refuses_and_takes_more_once_there_is_space(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 500_000)
    store = SqliteStore(small_disk / "events.db")
    acked = until_full(store)
    ballast.unlink()
    recovers(store, acked, small_disk / "events.db")


@pytest.mark.needs_tmpfs
def test_a_disk_too_full_for_a_store_says_so(small_disk: Path) -> None:
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:  # until there is no space
            ballast.write(b"x" * 4096)
    with pytest.raises(StoreError) as error:
        SqliteStore(small_disk / "events.db")
    assert "events.db" in error.value.message and error.value.hint


def until_full(store: SqliteStore) -> int:
    """Appends until there is no space; the store says so again and again, and stays readable."""
    acked = store.last_seq()
    for n in itertools.count(1):
        try:
            (result,) = store.append([Append(f"run/filler{n}", [event(f"{n}", "x" * 3000)], 0)])
        except StoreFull:
            break
        assert result == acked + 1
        acked = result
    with pytest.raises(StoreFull) as full:
        store.append([Append("run/more", [event("more", "x" * 30_000)], 0)])
    assert "events.db" in full.value.message and full.value.hint
    assert store.last_seq() == acked == len(store.read_all(0, 100_000))
    return acked


def recovers(store: SqliteStore, acked: int, path: Path) -> None:
    """The same store takes appends again; nothing is missing, now or after a reopen."""
    assert store.append([Append("run/again", [event("again", "x" * 30_000)], 0)]) == [acked + 1]
    store.close()
    with SqliteStore(path) as store:
        assert verify(store.scan()).seq == acked + 1
