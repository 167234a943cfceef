"""The hash chain names the first position that was changed, removed, swapped or inserted, and sees a cut tail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hms_orch_cli.errors import LogTampered, UsageError
from hms_orch_cli.event_store.chain import GENESIS, START, Anchor, link, parse_anchor, verify
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader
from hms_orch_cli.ports.store import Event

from .making import log, one

LOG = log(12)
HEAD = Anchor(12, LOG[-1].hash)
POSITION = st.integers(1, len(LOG))
INSERTED = (
    "INSERT INTO events SELECT {}, 'run/x', 1, id, source, type, time, data, subject, datacontenttype, dataschema, "
    "extensions, hash FROM events WHERE seq = 5"
)
OTHER: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(-5, 50),
    str: st.text(max_size=6),
    bytes: st.binary(min_size=32, max_size=32),
    type(None): st.none() | st.text(max_size=3),
}


def for_all(*strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`given`, without a deadline: a busy machine is no failure."""
    return lambda test: settings(deadline=None)(given(*strategies)(test))


def tampered(rows: list[Event], anchor: Anchor | None = None) -> int:
    """The position that verify names."""
    with pytest.raises(LogTampered) as found:
        verify(rows, anchor)
    assert found.value.hint
    return found.value.position


def test_an_untouched_log_gives_its_head() -> None:
    assert verify(LOG) == HEAD
    assert verify([]) == START == Anchor(0, GENESIS)


@for_all(POSITION, st.sampled_from(Event._fields), st.data())
def test_any_column_changed_is_named(position: int, column: str, data: st.DataObject) -> None:
    """seq aside, which shows as a gap or an insertion."""
    before = getattr(LOG[position - 1], column)
    after = data.draw((OTHER[type(before)] | st.none()).filter(lambda value: value != before))
    if column == "seq" and not isinstance(after, int):
        return
    rows = [*LOG]
    rows[position - 1] = rows[position - 1]._replace(**{column: after})
    if column == "seq":
        assert tampered(rows) == (position if after > position else after)
    else:
        assert tampered(rows) == position


@for_all(POSITION, st.integers(0, 31), st.integers(0, 7))
def test_any_bit_of_a_hash_flipped_is_named(position: int, byte: int, bit: int) -> None:
    digest = bytearray(LOG[position - 1].hash)
    digest[byte] ^= 1 << bit
    rows = [*LOG]
    rows[position - 1] = rows[position - 1]._replace(hash=bytes(digest))
    assert tampered(rows) == position


@for_all(st.integers(1, len(LOG) - 1))
def test_a_removed_event_is_named_whether_or_not_the_rest_moves_up(position: int) -> None:
    rest = LOG[: position - 1] + LOG[position:]
    assert tampered(rest) == position
    assert tampered([event._replace(seq=seq) for seq, event in enumerate(rest, 1)]) == position


@for_all(POSITION, POSITION)
def test_of_two_swapped_events_the_first_is_named(one_position: int, other: int) -> None:
    low, high = sorted((one_position, other))
    if low == high:
        return
    rows = [*LOG]
    rows[low - 1], rows[high - 1] = rows[high - 1]._replace(seq=low), rows[low - 1]._replace(seq=high)
    assert tampered(rows) == low


@for_all(POSITION)
def test_an_inserted_event_is_named(position: int) -> None:
    foreign = LOG[position - 1]._replace(id="foreign")
    rows = [*LOG[: position - 1], foreign, *LOG[position - 1 :]]
    assert tampered([event._replace(seq=seq) for seq, event in enumerate(rows, 1)]) == position


def test_an_event_inserted_before_the_first_is_named() -> None:
    assert tampered([LOG[0]._replace(seq=0), *LOG]) == 0


@for_all(st.integers(0, len(LOG) - 1))
def test_a_cut_tail_holds_by_itself_and_fails_against_an_anchor(kept: int) -> None:
    assert verify(LOG[:kept]).seq == kept
    assert tampered(LOG[:kept], HEAD) == kept + 1


@for_all(POSITION)
def test_an_earlier_anchor_holds_while_the_log_grows(position: int) -> None:
    assert verify(LOG, Anchor(position, LOG[position - 1].hash)) == HEAD


@for_all(st.integers(0, len(LOG)))
def test_a_log_hashed_anew_fails_against_the_old_anchor(position: int) -> None:
    """The chain alone cannot see it: whoever can write can hash."""
    prev, rows = GENESIS, []
    for event in LOG:
        forged = event._replace(source="forged")
        prev = link(prev, *forged[:-1])
        rows.append(forged._replace(hash=prev))
    verify(rows)
    old = Anchor(position, LOG[position - 1].hash) if position else Anchor(0, b"x" * 32)
    assert tampered(rows, old) == position


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
MAYBE = st.none() | TEXT
ROW = st.tuples(
    st.integers(1, 20), TEXT, st.integers(1, 20), TEXT, TEXT, TEXT, TEXT, st.none() | st.text(max_size=4), *[MAYBE] * 4
)


@for_all(ROW, ROW)
def test_two_different_rows_never_give_the_same_bytes(a: tuple[Any, ...], b: tuple[Any, ...]) -> None:
    try:
        same = link(GENESIS, *a) == link(GENESIS, *b)
    except UnicodeEncodeError:
        return
    assert same == (a == b)


def test_text_moved_between_columns_none_and_empty_are_told_apart() -> None:
    base = ("run/1", 1, "id", "src", "type", "time")
    variants = [
        link(GENESIS, 1, *base, data, *rest)
        for data, rest in [
            (None, (None, None, None, None)),
            ("", (None, None, None, None)),
            (None, ("", None, None, None)),
            (None, (None, "", None, None)),
            (None, (None, None, "", None)),
            (None, (None, None, None, "")),
            ("a", ("b", None, None, None)),
            ("b", ("a", None, None, None)),
            ("=", (None, None, None, None)),
        ]
    ]
    assert len(set(variants)) == len(variants)


def test_an_anchor_reads_as_it_is_printed() -> None:
    assert parse_anchor(str(HEAD)) == HEAD
    assert parse_anchor(f" {HEAD}\n") == HEAD


@pytest.mark.parametrize(
    "text",
    ["", "12", ":", "12:", "12:abc"]
    + [f"{seq}:{digest}" for seq in ("-1", "x", "１", "") for digest in ["0" * 64]]
    + [f"1:{digest}" for digest in ("z" * 64, "0" * 66, " 0" * 32, "0" * 64 + ":")],
)
def test_an_anchor_that_is_none_is_a_usage_error_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_anchor(text)
    assert "SEQ:HASH" in error.value.hint


@pytest.mark.parametrize(
    ("sql", "position"),
    [
        ("UPDATE events SET data = '{}' WHERE seq = 4", 4),
        ("UPDATE events SET data = NULL WHERE seq = 4", 4),
        ("UPDATE events SET subject = '' WHERE seq = 5", 5),
        ("UPDATE events SET data = CAST(x'ff' AS TEXT) WHERE seq = 6", 6),
        ("DELETE FROM events WHERE seq = 7", 7),
        ("UPDATE events SET hash = zeroblob(32) WHERE seq = 8", 8),
        (INSERTED.format(0), 0),
        (INSERTED.format(-7), -7),
        (INSERTED.format(13), 13),
    ],
)
def test_the_chain_finds_what_the_owner_of_a_file_did_after_dropping_the_triggers(
    tmp_path: Path, sql: str, position: int
) -> None:
    path = tmp_path / "events.db"
    with SqliteStore(path) as store:
        store.append([one(f"run/{n}", 0) for n in range(12)])
    foreign = sqlite3.connect(path)
    for trigger in ("events_no_update", "events_no_delete", "events_next_only"):
        foreign.execute(f"DROP TRIGGER {trigger}")
    foreign.execute(sql)
    foreign.commit()
    foreign.close()
    with SqliteReader(path) as reader, pytest.raises(LogTampered) as found:
        verify(reader.scan())
    assert found.value.position == position
