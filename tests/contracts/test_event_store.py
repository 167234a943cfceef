"""What every event store holds to, whatever stands behind it: appends, order, conflicts, derived tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hms_orch_cli.errors import EventRefused, VersionConflict
from hms_orch_cli.event_store.chain import GENESIS, link, verify
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.ports.store import Append, Derived, Having, NewEvent, RunRow, Together

Store = MemoryStore | SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "events.db")
    yield made
    made.close()


def event(name: str = "e", data: str | None = "{}", **attributes: str) -> NewEvent:
    """An event whose id is `name`."""
    return NewEvent(name, "hms-bus", "policy.changed", "2025-03-01T12:00:00.000Z", data, **attributes)


def append(store: Store, stream: str, *names: str, at: int) -> int:
    """Appends to one stream and returns the position, or raises the conflict."""
    (result,) = store.append([Append(stream, [event(name) for name in names], at)])
    if isinstance(result, Exception):
        raise result
    return result


def run(saga_id: str, **but: object) -> RunRow:
    """A row of the run list."""
    row = RunRow(saga_id, "saga.a", "r1", "RUNNING", "", 1, None, 0, 1, "e1", "hms-bus", "policy.changed", "[]")
    return row._replace(**but)


def test_an_empty_store_is_at_position_0(store: Store) -> None:
    assert store.last_seq() == 0
    assert store.read("run/1") == []
    assert store.read_all(0, 10) == []
    assert store.folded_to() == 0


def test_positions_rise_from_1_over_all_streams_and_versions_from_1_in_each(store: Store) -> None:
    assert append(store, "run/1", "a", "b", at=0) == 2
    assert append(store, "run/2", "c", at=0) == 3
    assert append(store, "run/1", "d", at=2) == 4
    assert [(e.seq, e.stream, e.version, e.id) for e in store.read_all(0, 10)] == [
        (1, "run/1", 1, "a"),
        (2, "run/1", 2, "b"),
        (3, "run/2", 1, "c"),
        (4, "run/1", 3, "d"),
    ]
    assert store.last_seq() == 4


def test_an_event_comes_back_as_it_was_given(store: Store) -> None:
    """None and the empty text are two things; no text is changed on the way."""
    full = NewEvent(
        "ü☃", "s", "t", "2025-03-01T12:00:00Z", '{"a":"\\u0000é"}', "sub", "application/json", "ds:1", '{"x":1}'
    )
    bare = NewEvent("", "", "", "", None)
    empty = NewEvent("e", "s", "t", "", "", "", "", "", "")
    store.append([Append("event/s e", [full, bare, empty], 0)])
    assert [NewEvent(*e[3:-1]) for e in store.read("event/s e")] == [full, bare, empty]


def test_a_stream_is_read_after_a_version(store: Store) -> None:
    append(store, "run/1", "a", "b", "c", at=0)
    append(store, "run/2", "x", at=0)
    assert [e.id for e in store.read("run/1", after=1)] == ["b", "c"]
    assert store.read("run/1", after=3) == []


def test_the_log_is_read_in_pages(store: Store) -> None:
    append(store, "run/1", *"abcde", at=0)
    assert [e.id for e in store.read_all(0, 2)] == ["a", "b"]
    assert [e.id for e in store.read_all(2, 2)] == ["c", "d"]
    assert [e.id for e in store.read_all(4, 2)] == ["e"]
    assert [e.id for e in store.scan(3)] == ["d", "e"]


def test_arrivals_are_what_no_run_wrote_itself(store: Store) -> None:
    append(store, "event/bus 1", "a", at=0)
    append(store, "run/1", *"xyz", at=0)
    append(store, "definition/d", "b", at=0)
    append(store, "runner/1", "c", at=0)
    assert [(e.seq, e.id) for e in store.read_all(0, 10, arrivals=True)] == [(1, "a"), (5, "b"), (6, "c")]
    assert [e.id for e in store.read_all(1, 1, arrivals=True)] == ["b"]
    assert store.read_all(6, 10, arrivals=True) == []


def typed(store: Store, *told: tuple[str, str]) -> None:
    """Appends one event after the other, each of a stream and a type; ids are the positions."""
    versions: Counter[str] = Counter()
    for seq, (stream, kind) in enumerate(told, 1):
        (result,) = store.append([Append(stream, [event(str(seq))._replace(type=kind)], versions[stream])])
        assert result == seq
        versions[stream] += 1


TYPED = (
    *(("event/1", "a"), ("event/2", "ab"), ("event/3", "a"), ("run/1", "saga.started"), ("run/1", "hitl.queued")),
    *(("run/1", "a"), ("hitl/d", "hitl.queued"), ("definition/d", "saga.started"), ("event/4", "a"), ("runs", "a")),
)
OF_TYPE: list[tuple[tuple[str, int, int, int], list[int]]] = [
    (("a", 0, 10, 10), [1, 3, 9, 10]),
    (("a", 1, 9, 10), [3, 9]),
    (("a", 0, 10, 2), [1, 3]),
    (("a", 3, 3, 10), []),
    (("a", 9, 1, 10), []),
    (("A", 0, 10, 10), []),
    (("saga.started", 0, 10, 10), [4, 8]),
    (("saga.started", 4, 10, 10), [8]),
    (("hitl.queued", 0, 7, 10), [5, 7]),
    (("hitl.queued", 0, 6, 10), [5]),
    (("hitl.queued", 0, 10, 1), [5]),
    (("saga", 0, 10, 10), []),
]


@pytest.mark.parametrize(("asked", "positions"), OF_TYPE, ids=[str(asked) for asked, _ in OF_TYPE])
def test_events_of_a_type_are_read_between_two_positions(
    store: Store, asked: tuple[str, int, int, int], positions: list[int]
) -> None:
    """What a run recorded is found by the types that runs record, and by no other."""
    typed(store, *TYPED)
    assert [(e.seq, e.type) for e in store.read_type(*asked)] == [(seq, asked[0]) for seq in positions]


def test_the_last_event_of_runs_is_told(store: Store) -> None:
    """Whatever arrived behind it, and in streams that only look like one."""
    assert store.last_of_runs() == 0
    append(store, "event/bus 1", "a", at=0)
    append(store, "runner/1", "b", at=0)
    assert store.last_of_runs() == 0
    append(store, "run/1", "c", "d", at=0)
    append(store, "event/bus 2", "e", at=0)
    assert store.last_of_runs() == 4


@pytest.mark.parametrize("expected", [0, 1, 3, 7])
def test_an_append_that_expects_another_version_is_refused_and_says_where_the_stream_is(
    store: Store, expected: int
) -> None:
    """Behind and ahead alike: a version is never given twice and never left out."""
    append(store, "run/1", "a", "b", at=0)
    with pytest.raises(VersionConflict) as conflict:
        append(store, "run/1", "z", at=expected)
    assert conflict.value.actual == 2
    assert store.last_seq() == 2
    assert append(store, "run/1", "c", at=2) == 3


def test_a_conflict_leaves_out_its_member_while_the_others_hold(store: Store) -> None:
    append(store, "event/bus 1", "first", at=0)
    results = store.append(
        [
            Append("run/1", [event("a"), event("b")], 0),
            Append("event/bus 1", [event("again")], 0),
            Append("run/2", [event("c")], 0),
        ]
    )
    assert results[0] == 3
    assert isinstance(results[1], VersionConflict)
    assert results[2] == 4
    assert [e.id for e in store.read_all(1, 10)] == ["a", "b", "c"]
    verify(store.scan())


def test_a_batch_may_go_on_with_a_stream_that_it_began(store: Store) -> None:
    results = store.append([Append("run/1", [event("a")], 0), Append("run/1", [event("b")], 1)])
    assert results == [1, 2]
    assert [e.id for e in store.read("run/1")] == ["a", "b"]


def test_of_two_members_with_the_same_expectation_the_first_wins(store: Store) -> None:
    first, second = store.append([Append("event/bus 1", [event("a")], 0), Append("event/bus 1", [event("b")], 0)])
    assert first == 1
    assert isinstance(second, VersionConflict) and second.actual == 1
    assert [e.id for e in store.read_all(0, 10)] == ["a"]


def test_what_follows_a_refused_member_on_its_stream_is_refused_too(store: Store) -> None:
    results = store.append([Append("run/1", [event("a")], 5), Append("run/1", [event("b")], 6)])
    assert [type(result) for result in results] == [VersionConflict, VersionConflict]
    assert store.last_seq() == 0


@pytest.mark.parametrize("poison", [event("a\0b"), event("e", data='"\ud800"'), event("e", subject="\0")])
def test_an_event_that_no_store_can_hold_is_refused_alone(store: Store, poison: NewEvent) -> None:
    """Neither NUL in an attribute nor a lone surrogate may stop those who share the commit."""
    results = store.append(
        [Append("run/1", [event("a")], 0), Append("run/2", [event("x"), poison], 0), Append("run/3", [event("b")], 0)]
    )
    assert results[0] == 1
    assert isinstance(results[1], EventRefused)
    assert results[2] == 2
    verify(store.scan())


@pytest.mark.parametrize("members", [1, 63, 64, 65, 200])
def test_a_batch_of_any_size_is_appended_in_order(store: Store, members: int) -> None:
    results = store.append([Append(f"run/{i}", [event(f"{i}a"), event(f"{i}b")], 0) for i in range(members)])
    assert results == [2 * (i + 1) for i in range(members)]
    assert [e.id for e in store.scan()] == [f"{i}{letter}" for i in range(members) for letter in "ab"]
    verify(store.scan())


def test_arrivals_are_counted_up_to_a_limit(store: Store) -> None:
    for n in range(4):
        append(store, f"event/{n}", "e", at=0)
        append(store, f"run/{n}", "r", at=0)
    assert [store.arrivals(after, 10) for after in (0, 1, 2, 6, 7, 8)] == [4, 3, 3, 1, 0, 0]
    assert store.arrivals(0, 3) == 3


def test_what_goes_together_stands_side_by_side_and_has_one_result(store: Store) -> None:
    group = Together([Append("run/1", [event("a")], 0), Append("run/2", [event("b"), event("c")], 0)])
    assert store.append([Append("run/0", [event("z")], 0), group, Append("run/1", [event("d")], 1)]) == [1, 4, 5]
    assert [(each.seq, each.stream, each.id) for each in store.read_all(1, 10)] == [
        (2, "run/1", "a"),
        (3, "run/2", "b"),
        (4, "run/2", "c"),
        (5, "run/1", "d"),
    ]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_of_what_goes_together_one_that_does_not_fit_leaves_all_of_it_out(store: Store, at: int) -> None:
    append(store, "run/known", "k", at=0)
    members = [Append(f"run/{n}", [event(f"e{n}")], 0) for n in range(2)]
    members.insert(at, Append("run/known", [event("again")], 0))
    around = [Append("run/before", [event("x")], 0), Together(members), Append("run/after", [event("y")], 0)]
    before, conflict, after = store.append(around)
    assert (before, after) == (2, 3)
    assert isinstance(conflict, VersionConflict) and conflict.actual == 1
    assert [each.id for each in store.read_all(0, 10)] == ["k", "x", "y"]
    verify(store.scan())


def test_two_of_one_stream_that_go_together_follow_each_other_or_are_left_out(store: Store) -> None:
    good = Together([Append("run/1", [event("a")], 0), Append("run/1", [event("b")], 1)])
    bad = Together([Append("run/2", [event("c")], 0), Append("run/2", [event("d")], 0)])
    (taken, refused) = store.append([good, bad])
    assert taken == 2 and isinstance(refused, VersionConflict)
    assert store.last_seq() == 2


def test_what_cannot_be_written_leaves_all_of_what_goes_with_it_out(store: Store) -> None:
    group = Together([Append("run/1", [event("a")], 0), Append("run/2", [event("a\0b")], 0)])
    (refused,) = store.append([group])
    assert isinstance(refused, EventRefused)
    assert store.last_seq() == 0


def test_an_append_of_nothing_changes_nothing(store: Store) -> None:
    append(store, "run/1", "a", at=0)
    assert store.append([]) == []
    assert store.append([Append("run/1", [], 1)]) == [1]
    assert store.last_seq() == 1


def test_each_event_is_chained_to_the_one_before(store: Store) -> None:
    append(store, "run/1", "a", "b", at=0)
    prev = GENESIS
    for stored in store.scan():
        assert stored.hash == link(prev, *stored[:-1])
        prev = stored.hash


def test_derived_rows_are_inserted_and_replaced(store: Store) -> None:
    store.append([], Derived([run("01"), run("02")], {"cursor": "5"}))
    store.append([], Derived([run("01", state="COMPLETED", ended_at=9, steps='[{"name":"a"}]')], {"cursor": "6"}))
    assert store.run_row("01") == run("01", state="COMPLETED", ended_at=9, steps='[{"name":"a"}]')
    assert store.run_row("02") == run("02")
    assert store.run_row("03") is None
    assert store.mark("cursor") == "6"
    assert store.mark("other") is None


def test_the_tables_are_folded_to_what_was_appended_before_their_write(store: Store) -> None:
    """Events of the same commit do not count: the rows were made before them."""
    append(store, "run/1", "a", "b", at=0)
    store.append([Append("run/1", [event("c")], 2)], Derived([run("01")]))
    assert store.folded_to() == 2
    store.append([], Derived())
    assert store.folded_to() == 3
    store.append([], Derived(folded_to=1))
    assert store.folded_to() == 1


def test_derived_rows_are_written_even_if_every_member_conflicts(store: Store) -> None:
    append(store, "run/1", "a", at=0)
    (result,) = store.append([Append("run/1", [event("b")], 0)], Derived([run("01")]))
    assert isinstance(result, VersionConflict)
    assert store.run_row("01") == run("01")


def test_forgotten_tables_are_empty_and_the_log_stays(store: Store) -> None:
    append(store, "run/1", "a", at=0)
    store.append([], Derived([run("01")], {"m": "1"}))
    store.forget_derived()
    assert (store.folded_to(), store.mark("m"), store.run_rows(), store.count_by_state()) == (0, None, [], {})
    assert store.last_seq() == 1


FILTERS: list[tuple[dict[str, object], list[str]]] = [
    ({}, ["05", "04", "03", "02", "01"]),
    ({"limit": 2}, ["05", "04"]),
    ({"before": "04"}, ["03", "02", "01"]),
    ({"before": "04", "limit": 1}, ["03"]),
    ({"saga": "b"}, ["04", "02"]),
    ({"states": ["STUCK"]}, ["03"]),
    ({"states": ["COMPLETED", "STUCK"]}, ["05", "03", "02"]),
    ({"event_seq": 7}, ["02", "01"]),
    ({"unfinished": True}, ["04", "03", "01"]),
    ({"unfinished": True, "saga": "b"}, ["04"]),
    ({"unfinished": True, "states": ["STUCK"], "before": "04"}, ["03"]),
    ({"saga": "a", "states": ["COMPLETED"], "event_seq": 9, "before": "06"}, ["05"]),
    ({"saga": "none"}, []),
    ({"text": "clÖsed"}, ["03"]),
    ({"text": "CLÖSED", "states": ["STUCK"], "before": "04"}, ["03"]),
    ({"text": "clösed"}, []),
    ({"text": "04"}, ["04"]),
    ({"text": "%"}, []),
    ({"text": "_"}, []),
]


@pytest.mark.parametrize(("by", "ids"), FILTERS, ids=[str(by) for by, _ in FILTERS])
def test_runs_are_listed_newest_first_and_filtered(store: Store, by: dict[str, object], ids: list[str]) -> None:
    rows = [
        run("01", saga="a", event_seq=7),
        run("02", saga="b", event_seq=7, state="COMPLETED", ended_at=5),
        run("03", saga="a", event_seq=8, state="STUCK", reason="503 ClÖsed"),
        run("04", saga="b", event_seq=9),
        run("05", saga="a", event_seq=9, state="COMPLETED", ended_at=6),
    ]
    store.append([], Derived(rows[::2] + rows[1::2]))
    listed: Callable[..., list[RunRow]] = store.run_rows
    assert [row.saga_id for row in listed(**by)] == ids
    assert store.count_by_state() == {("a", "RUNNING"): 1, ("b", "RUNNING"): 1, ("a", "STUCK"): 1}


def test_what_has_not_ended_is_counted_by_revision(store: Store) -> None:
    assert store.count_by_revision() == {}
    rows = [
        run("01", saga="a", revision="r1"),
        run("02", saga="a", revision="r2", state="STUCK"),
        run("03", saga="a", revision="r2"),
        run("04", saga="a", revision="r2", state="FAILED", ended_at=5),
        run("05", saga="b", revision="r2", state="COMPLETED", ended_at=0),
        run("06", saga="b", revision="r1"),
    ]
    store.append([], Derived(rows))
    assert store.count_by_revision() == {("a", "r1"): 1, ("a", "r2"): 2, ("b", "r1"): 1}


FULL = {"parked": 1, "lock_key": '"k"', "fence": 7, "awaits": '["paid"]', "items": '[{"id":"01.1"}]'}


def test_a_row_comes_back_with_what_it_holds_waits_for_and_asks(store: Store) -> None:
    store.append([], Derived([run("01", **FULL), run("02")]))
    assert store.run_row("01") == run("01", **FULL)
    assert store.run_row("02") == run("02")
    assert run("02")[13:] == (0, None, None, None, None)


ENDED = {"state": "FAILED", "ended_at": 9, "due_at": None}
HELD: list[tuple[dict[str, object], list[str]]] = [
    ({"having": "items"}, ["07", "05", "02"]),
    ({"having": "items", "unfinished": True}, ["05", "02"]),
    ({"having": "items", "saga": "b", "before": "07"}, ["05", "02"]),
    ({"having": "lock"}, ["07", "04", "03"]),
    ({"having": "lock", "unfinished": True}, ["04", "03"]),
    ({"having": "lock", "unfinished": True, "parked": False}, ["03"]),
    ({"having": "awaits"}, ["07", "05", "04"]),
    ({"having": "awaits", "unfinished": True}, ["05", "04"]),
    ({"having": "awaits", "unfinished": True, "saga": "b", "states": ["STUCK"]}, ["05"]),
    ({"parked": True}, ["07", "05", "04", "02"]),
    ({"parked": False}, ["06", "03", "01"]),
    ({"parked": True, "unfinished": True}, ["05", "04", "02"]),
    ({"parked": True, "unfinished": True, "before": "05", "limit": 1}, ["04"]),
    ({"parked": False, "unfinished": True}, ["03", "01"]),
    ({"parked": False, "unfinished": True, "before": "03"}, ["01"]),
    ({"due_to": 50}, ["04", "03"]),
    ({"due_to": 49}, ["03"]),
    ({"due_to": 60}, ["05", "04", "03"]),
    ({"due_to": 60, "parked": True, "unfinished": True}, ["05", "04"]),
    ({"due_to": 60, "parked": True, "unfinished": True, "before": "05"}, ["04"]),
    ({"due_to": 60, "parked": True, "unfinished": True, "having": "items", "limit": 1}, ["05"]),
    ({"due_to": 60, "parked": False, "unfinished": True}, ["03"]),
]


@pytest.fixture
def held(store: Store) -> Store:
    """A store with rows that are parked, hold a lock, wait for an event, ask."""
    rows = [
        run("01", due_at=None, started_at=11),
        run("02", saga="b", due_at=None, parked=1, items="[]"),
        run("03", due_at=0, lock_key="k"),
        run("04", due_at=50, parked=1, lock_key="k", fence=1, awaits="[]"),
        run("05", saga="b", state="STUCK", due_at=60, parked=1, awaits="[]", items="[]"),
        run("06", **ENDED),
        run("07", saga="b", **{**FULL, **ENDED}),
    ]
    store.append([], Derived(rows[::2] + rows[1::2]))
    return store


@pytest.mark.parametrize(("by", "ids"), HELD, ids=[str(by) for by, _ in HELD])
def test_runs_are_listed_by_what_they_have_and_wait_for(held: Store, by: dict[str, object], ids: list[str]) -> None:
    listed: Callable[..., list[RunRow]] = held.run_rows
    assert [row.saga_id for row in listed(**by)] == ids


def test_the_next_time_at_which_a_parked_run_moves(held: Store) -> None:
    """A moving run's own time does not count, nor what is due at the very moment, nor a run that ended."""
    assert [held.next_due(after) for after in (-1, 49, 50, 59, 60)] == [50, 50, 60, 60, None]
    held.append([], Derived([run("08", due_at=55), run("09", due_at=56, parked=1, ended_at=9)]))
    assert held.next_due(50) == 60
    held.append([], Derived([run("05", due_at=60)]))
    assert held.next_due(50) is None


def test_the_oldest_unfinished_run_is_the_one_with_the_lowest_id(held: Store) -> None:
    assert oldest(held) == 11
    held.append([], Derived([run("00", started_at=5, ended_at=6), run("02", started_at=99, parked=1, items="[]")]))
    assert oldest(held) == 11
    assert oldest(held, "items") in (11, 99)
    held.append([], Derived([run("01", **ENDED)]))
    assert oldest(held) == 99
    assert held.oldest_run("lock") is None or oldest(held, "lock") != 11


def oldest(store: Store, having: Having | None = None) -> int | None:
    row = store.oldest_run(having)
    return row and row.started_at


def test_an_empty_list_has_nothing_due_and_nothing_unfinished(store: Store) -> None:
    assert (store.next_due(0), store.oldest_run()) == (None, None)


def test_many_derived_rows_are_written_at_once(store: Store) -> None:
    store.append([], Derived([run(f"{i:04d}") for i in range(150)]))
    assert len(store.run_rows(limit=1000)) == 150


def test_sqlite_holds_everything_after_close_and_reopen(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "events.db") as store:
        append(store, "run/1", "a", "b", at=0)
        store.append([], Derived([run("01")], {"cursor": "5"}))
        before = list(store.scan())
        head = store.head()
    with SqliteStore(tmp_path / "events.db") as store:
        assert list(store.scan()) == before
        assert (store.head(), store.last_seq()) == (head, 2)
        assert (store.run_row("01"), store.mark("cursor"), store.folded_to()) == (run("01"), "5", 2)
        assert append(store, "run/1", "c", at=2) == 3
        assert verify(store.scan()).seq == 3
