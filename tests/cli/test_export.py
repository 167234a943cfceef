"""`export` writes the log as lines that lose nothing."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_orch_cli.application.export import OURS, events_of, line_of
from hms_orch_cli.event_store.chain import GENESIS, link
from hms_orch_cli.event_store.holder import Holder
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader
from hms_orch_cli.ports.store import Event
from tests.cli.conftest import Ended, Run
from tests.cli.story import COMPLETED, DATA, PAUSES, UNDONE, tell
from tests.event_store.making import one

STORE = Path(".hms/events.db")


@pytest.fixture
def ids(shop: Path) -> list[str]:
    """A store of 22 events."""
    return tell(shop / STORE, COMPLETED, UNDONE, PAUSES)


def head() -> str:
    """SEQ:HASH of the store."""
    with SqliteReader(STORE) as reader:
        return str(reader.head())


def test_an_event_is_one_line_with_everything_it_has(orch: Run, ids: list[str]) -> None:
    line = orch("export").out.splitlines()[1]
    with SqliteReader(STORE) as reader:
        digest = reader.read_all(1, 1)[0].hash.hex()
    assert line == (
        '{"specversion":"1.0","id":"e1","source":"tests","type":"order.placed","time":"2026-01-01T00:00:00.001Z",'
        '"subject":"a\\u202eb","trace":"\\u00e9","seq":2,"stream":"event/tests e1","version":1,'
        f'"hash":"{digest}","datatext":{json.dumps(DATA)},"data":{DATA}}}'
    )


def test_every_line_is_a_cloudevent_in_plain_ascii(orch: Run, ids: list[str]) -> None:
    ended = orch("export")
    lines = ended.out.splitlines()
    assert ended == Ended(0, ended.out, f"22 events\n{head()}\n")
    assert len(lines) == 22
    for number, line in enumerate(lines, 1):
        assert re.fullmatch(r"[\x20-\x7e]+", line)
        event = json.loads(line)
        assert event["specversion"] == "1.0"
        assert event["seq"] == number
        assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in event)


def test_from_a_position_on(orch: Run, ids: list[str]) -> None:
    whole = orch("export").out.splitlines()
    ended = orch("export", "--from", "20")
    assert ended.out.splitlines() == whole[19:]
    assert ended.err == f"3 events\n{head()}\n"


def test_from_behind_the_end_there_is_nothing(orch: Run, ids: list[str]) -> None:
    assert orch("export", "--from", "99") == Ended(0, "", f"0 events\n{head()}\n")


def test_one_run(orch: Run, ids: list[str]) -> None:
    ended = orch("export", "--saga", ids[1])
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert [event["seq"] for event in events] == list(range(10, 19))
    assert ended.err == f"9 events\n18:{events[-1]['hash']}\n"
    assert orch("replay", "--against", ended.err.split()[-1]).code == 0


def test_an_unknown_run(orch: Run, ids: list[str]) -> None:
    assert orch("export", "--saga", "nope").err.startswith("error: there is no run nope\n")


def test_an_empty_log(orch: Run, shop: Path) -> None:
    SqliteStore(shop / STORE).close()
    assert orch("export") == Ended(0, "", f"0 events\n0:{'00' * 32}\n")


def test_the_attributes_of_a_line_are_those_that_the_manual_names() -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    table = page.partition("### A line of an export")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == OURS


@pytest.mark.process
def test_while_a_bar_moves_on_the_terminal_the_lines_still_go_into_the_pipe(orch: Run, ids: list[str]) -> None:
    """As in `hms-orch export | gzip`, typed by a person."""
    ours, theirs = os.openpty()
    command = [Path(sys.executable).with_name("hms-orch"), "export"]
    env = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, env=env, text=True, timeout=60, check=True)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.stdout == orch("export").out
    assert "specversion" not in shown
    assert "exporting" in shown


class TestOutput:
    """`--output FILE`."""

    def test_the_file_holds_the_lines_and_is_private(self, orch: Run, ids: list[str]) -> None:
        lines = orch("export").out
        assert orch("export", "--output", "log.ndjson") == Ended(0, "", f"22 events\n{head()}\n")
        assert Path("log.ndjson").read_text() == lines
        assert Path("log.ndjson").stat().st_mode & 0o777 == 0o600

    def test_a_file_is_never_replaced(self, orch: Run, ids: list[str]) -> None:
        Path("log.ndjson").write_text("mine")
        ended = orch("export", "--output", "log.ndjson")
        assert (ended.code, ended.err.splitlines()[0]) == (1, "error: log.ndjson exists already")
        assert Path("log.ndjson").read_text() == "mine"

    def test_a_folder_that_is_not_there(self, orch: Run, ids: list[str]) -> None:
        assert orch("export", "--output", "a/b").err.startswith("error: a/b cannot be written: No such file")

    def test_it_is_no_format(self, orch: Run, ids: list[str]) -> None:
        ended = orch("export", "--output", "json")
        assert (ended.code, Path("json").exists()) == (2, False)

    def test_a_log_that_was_changed_leaves_no_file(self, orch: Run, ids: list[str]) -> None:
        _change("UPDATE events SET data = '{}' WHERE seq = 6")
        ended = orch("export", "--output", "log.ndjson")
        assert ended.code == 1
        assert [file.name for file in Path().iterdir()] == [".hms"]


@pytest.mark.parametrize("data", ["'{}'", "'{'"])
def test_of_a_log_that_was_changed_what_stands_before_is_written(orch: Run, ids: list[str], data: str) -> None:
    _change(f"UPDATE events SET data = {data} WHERE seq = 6")
    ended = orch("export")
    assert ended.code == 1
    assert [json.loads(line)["seq"] for line in ended.out.splitlines()] == [1, 2, 3, 4, 5]
    assert ended.err.startswith("error: the log was tampered with: position 6 is not what was recorded there")


def test_it_works_beside_a_writer_and_ends_where_the_log_stood(orch: Run, ids: list[str]) -> None:
    """Events come in all the while."""
    more = threading.Event()
    with Holder.take(STORE), SqliteStore(STORE) as store:

        def write() -> None:
            for number in range(20_000):
                store.append([one(f"event/bus {number}", 0, f"x{number}")])
                if more.is_set():
                    return

        writer = threading.Thread(target=write)
        writer.start()
        try:
            ended = orch("export")
        finally:
            more.set()
            writer.join()
    assert ended.code == 0
    assert orch("replay", "--against", ended.err.split()[-1]).code == 0


def test_what_comes_after_it_began_is_left_for_the_next(
    orch: Run, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it might have no end."""
    stands = SqliteReader.last_seq

    def and_one_comes(reader: SqliteReader) -> int:
        seq = stands(reader)
        with SqliteStore(STORE) as store:
            store.append([one("event/bus late", 0)])
        return seq

    monkeypatch.setattr(SqliteReader, "last_seq", and_one_comes)
    assert orch("export").err.startswith("22 events\n22:")


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
layouts = st.sampled_from([{}, {"indent": 1}, {"ensure_ascii": False}, {"separators": (",", ":")}])
names = st.text("abcdefgh0123", min_size=1, max_size=8) | st.sampled_from(
    ["seq", "hash", "datatext", "stream", "data1"]
)


@given(
    data=st.none() | st.builds(lambda value, layout: json.dumps(value, **layout), values, layouts),
    extensions=st.none() | st.dictionaries(names, texts | st.booleans() | st.integers(-99, 99)),
    words=st.tuples(texts, texts, texts, texts),
    optional=st.tuples(*[st.none() | texts] * 3),
)
def test_any_event_comes_back_byte_for_byte(
    data: str | None,
    extensions: dict[str, object] | None,
    words: tuple[str, str, str, str],
    optional: tuple[str | None, str | None, str | None],
) -> None:
    """Whatever the data looks like, and whatever the extension attributes are called."""
    stream, id_, source, kind = words
    written = None if extensions is None else orjson.dumps(extensions).decode()
    event = Event(1, stream, 1, id_, source, kind, "2026-01-01T00:00:00.000Z", data, *optional, written, b"")
    event = event._replace(hash=link(GENESIS, *event[:-1]))
    line = line_of(event)
    assert re.fullmatch(r"[\x20-\x7e]+", line)
    assert list(events_of([line.encode() + b"\n"])) == [event]


@pytest.mark.parametrize("depth", [200, 254, 255, 600, 1_000])
def test_data_of_any_depth_that_is_taken_comes_back(depth: int) -> None:
    """What nests deeper than the writer goes travels as text alone."""
    event = Event(1, "s", 1, "a", "b", "c", "d", "[" * depth + "]" * depth, None, None, None, None, b"")
    event = event._replace(hash=link(GENESIS, *event[:-1]))
    assert list(events_of([line_of(event).encode()])) == [event]


def _change(sql: str) -> None:
    with sqlite3.connect(STORE) as db:
        db.execute("DROP TRIGGER events_no_update")
        db.execute(sql)
    db.close()
