"""One writer at a time: the lock file says who and where, and means nothing once its process is gone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from hms_orch_cli.errors import StoreHeld, StoreUnwritable
from hms_orch_cli.event_store.holder import Holder, look

from .making import child, end

URL = "http://127.0.0.1:7600"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "hms" / "events.db"


def test_nobody_holds_a_store_that_was_never_taken_or_was_let_go(db: Path) -> None:
    assert look(db) is None
    assert not db.parent.exists(), "looking makes nothing"
    Holder.take(db).release()
    assert look(db) is None


def test_a_second_taker_in_the_same_process_is_refused_too(db: Path) -> None:
    with Holder.take(db), pytest.raises(StoreHeld) as held:
        Holder.take(db)
    assert held.value.pid == os.getpid()
    Holder.take(db).release()


def test_the_holder_is_told_by_pid_and_once_announced_by_address(db: Path) -> None:
    with Holder.take(db) as holder:
        starting = look(db)
        assert starting is not None and (starting.pid, starting.url) == (os.getpid(), "")
        assert "wait" in starting.hint
        holder.announce(URL)
        up = look(db)
        assert up is not None and (up.pid, up.url) == (os.getpid(), URL)
        assert str(os.getpid()) in up.message and URL in up.message and up.hint
        holder.announce("http://x")
        shorter = look(db)
        assert shorter is not None and shorter.url == "http://x"


def test_releasing_twice_is_harmless_and_the_file_stays(db: Path) -> None:
    holder = Holder.take(db)
    holder.release()
    holder.release()
    lock = db.with_name("events.db.lock")
    assert lock.read_bytes() == b""
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    assert stat.S_IMODE(db.parent.stat().st_mode) == 0o700


def test_what_a_lock_file_says_means_nothing_without_the_lock(db: Path) -> None:
    """Not the words of a dead holder, of a living stranger, or no words at all."""
    Holder.take(db).release()
    lock = db.with_name("events.db.lock")
    for text in (json.dumps({"pid": os.getpid(), "url": URL}), json.dumps({"pid": 2**30}), "{", "[]", '{"pid": "x"}'):
        lock.write_text(text)
        assert look(db) is None
        with Holder.take(db):
            held = look(db)
            assert held is not None and (held.pid, held.url) == (os.getpid(), "")


def test_a_lock_held_without_a_word_is_held_by_another_process(db: Path) -> None:
    with Holder.take(db):
        db.with_name("events.db.lock").write_text("")
        held = look(db)
        assert held is not None and held.pid == 0 and "another process" in held.message
        with pytest.raises(StoreHeld, match="another process"):
            Holder.take(db)


def test_a_lock_file_that_cannot_be_opened_is_told_of(db: Path) -> None:
    db.with_name("events.db.lock").mkdir(parents=True)
    with pytest.raises(StoreUnwritable, match=r"events\.db\.lock"):
        Holder.take(db)


@pytest.mark.process
def test_another_process_that_holds_it_is_named_and_its_death_frees_it(db: Path) -> None:
    process = child("holding.py", db, URL)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    with pytest.raises(StoreHeld) as held:
        Holder.take(db)
    assert (held.value.pid, held.value.url) == (process.pid, URL)
    found = look(db)
    assert found is not None and found.pid == process.pid
    process.kill()
    end(process)
    assert json.loads(db.with_name("events.db.lock").read_text())["pid"] == process.pid, "it died with its words there"
    assert look(db) is None
    Holder.take(db).release()


@pytest.mark.process
def test_of_processes_that_contend_exactly_one_wins_and_the_others_name_it(db: Path) -> None:
    for _ in range(3):
        rivals = [child("holding.py", db) for _ in range(4)]
        said = [process.stdout.readline().split() for process in rivals if process.stdout]
        winners = [process for process, words in zip(rivals, said, strict=True) if words == ["held"]]
        assert len(winners) == 1, said
        assert [words for words in said if words != ["held"]] == [["refused", str(winners[0].pid)]] * 3
        for process in rivals:
            assert end(process) == 0
        assert look(db) is None
