"""kill -9 at any moment: every event that was acknowledged is in the file, and nothing is there twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hms_orch_cli.event_store.chain import verify
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader

from .making import child, end, one

ROUNDS = 24


@pytest.mark.process
@pytest.mark.parametrize("streams", [1, 16])
def test_what_was_acknowledged_before_a_kill_is_in_the_file(tmp_path: Path, streams: int) -> None:
    """One file through all rounds, so each start reads the log that the last crash left."""
    path = tmp_path / "events.db"
    chance = random.Random(streams)
    acked: dict[int, str] = {}
    for _ in range(ROUNDS):
        process = child("writing.py", path, streams)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 60)):
            seq, _, name = process.stdout.readline().rstrip("\n").partition(" ")
            acked[int(seq)] = name
        process.kill()
        for line in process.stdout.read().splitlines(keepends=True):
            if line.endswith("\n"):  # printed before it died, so acknowledged
                seq, _, name = line.rstrip("\n").partition(" ")
                acked[int(seq)] = name
        end(process)
        with SqliteReader(path) as reader:
            stored = {event.seq: event.id for event in reader.scan()}
            assert acked.items() <= stored.items()
            assert len(set(stored.values())) == len(stored)
            verify(reader.scan())
    print(f"{streams} streams: {ROUNDS} kills, {len(acked)} acknowledged, all there")
    with SqliteStore(path) as store:
        assert store.append([one("run/after", 0)]) == [len(stored) + 1]


@pytest.mark.process
def test_a_reader_sees_the_log_of_a_killed_writer_and_of_a_living_one(tmp_path: Path) -> None:
    """The file is read with nobody to fold its WAL back, and beside a process that writes on."""
    path = tmp_path / "events.db"
    process = child("writing.py", path, 4)
    assert process.stdout is not None
    process.stdout.readline()
    seen = 0
    with SqliteReader(path) as reader:
        for _ in range(50):
            seq = int(process.stdout.readline().split()[0])
            assert reader.last_seq() >= seq >= 1
            assert reader.last_seq() >= seen, "the log never shrinks"
            seen = reader.last_seq()
            assert len(reader.read_all(0, seen)) == seen
        process.kill()
        end(process)
        last = reader.last_seq()
    with SqliteReader(path) as reader:
        # What died between its commit and telling the readers is found once the file is opened anew.
        assert verify(reader.scan()).seq == reader.last_seq() >= last
