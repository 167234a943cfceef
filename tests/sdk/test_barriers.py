"""The duties of a participant, kept by the barrier in the service's own transaction: on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_orch_cli.sdk import (
    BARRIER_TABLE,
    Claims,
    NotInTransaction,
    UndoneBefore,
    barrier,
    barrier_async,
)
from hms_orch_cli.sdk.barriers import asked_of
from hms_orch_cli.sdk.dialect import Statement, dialect_of
from hms_orch_cli.sdk.events import event_of
from tests.sdk.postgres import running_server

try:
    import psycopg
except ImportError:
    psycopg = None  # type: ignore[assignment]

CALL = {"sagaId": "r1", "step": "pay", "op": "call", "attempt": 1, "data": {"amount": 70}}
UNDO = {**CALL, "op": "compensate"}
PATIENCE_S = 30


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    if psycopg is None:
        pytest.skip("psycopg is not installed")
    with running_server() as told:
        yield told


class Database:
    """One that services open connections to. `paid` is what the work of the tests changes."""

    def __init__(self, connect: Callable[[], Any], mark: str) -> None:
        self.connect = connect
        self._mark = mark
        with closing(connect()) as connection:
            cursor = connection.cursor()
            for statement in ("DROP TABLE IF EXISTS hms_barrier", "DROP TABLE IF EXISTS paid", BARRIER_TABLE):
                cursor.execute(statement)
            cursor.execute(BARRIER_TABLE)
            cursor.execute("CREATE TABLE paid (saga_id TEXT, amount INTEGER)")
            connection.commit()

    def pay(self, connection: Any, asked: dict[str, Any]) -> dict[str, Any]:
        """The work of a call."""
        values = (asked["sagaId"], asked["data"]["amount"])
        connection.cursor().execute(f"INSERT INTO paid VALUES ({self._mark}, {self._mark})", values)
        return {"paid": asked["data"]["amount"], "in": ["€"]}

    def revert(self, connection: Any, asked: dict[str, Any]) -> dict[str, Any]:
        """The work of an undo."""
        cursor = connection.cursor()
        cursor.execute(f"DELETE FROM paid WHERE saga_id = {self._mark}", (asked["sagaId"],))
        return {"reverted": cursor.rowcount}

    def serve(self, asked: dict[str, Any], after: Callable[[], None] = lambda: None) -> Any:
        """What a service does with one request; `after` runs before the commit."""
        with closing(self.connect()) as connection:
            work = self.pay if asked["op"] == "call" else self.revert
            try:
                answer = barrier(connection, asked, lambda: work(connection, asked))
                after()
            except BaseException:
                connection.rollback()
                raise
            connection.commit()
            return answer

    def rows(self, table: str = "paid") -> list[Any]:
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"SELECT * FROM {table}")
            return list(cursor.fetchall())


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database(lambda: sqlite3.connect(tmp_path / "service.db", timeout=PATIENCE_S), "?")
    told = request.getfixturevalue("postgres")
    return Database(lambda: psycopg.connect(told), "%s")


def test_a_second_call_is_answered_as_the_first_and_does_nothing(database: Database) -> None:
    first = database.serve(CALL)
    assert first == {"paid": 70, "in": ["€"]}
    assert database.serve({**CALL, "attempt": 2}) == first
    assert database.rows() == [("r1", 70)]


def test_an_undo_takes_the_call_back_once(database: Database) -> None:
    database.serve(CALL)
    assert database.serve(UNDO) == {"reverted": 1}
    assert database.serve(UNDO) == {"reverted": 1}
    assert database.rows() == []


def test_an_undo_before_its_call_does_nothing_and_refuses_the_call(database: Database) -> None:
    assert database.serve(UNDO) is None
    assert database.serve(UNDO) is None
    with pytest.raises(UndoneBefore, match="step pay of run r1") as caught:
        database.serve(CALL)
    assert caught.value.http_status == 409
    assert database.rows() == []


def test_a_late_copy_of_a_call_that_was_undone_is_refused(database: Database) -> None:
    database.serve(CALL)
    database.serve(UNDO)
    with pytest.raises(UndoneBefore):
        database.serve(CALL)
    assert database.rows() == []


def test_other_runs_and_other_steps_are_others(database: Database) -> None:
    database.serve(CALL)
    database.serve({**CALL, "sagaId": "r2"})
    database.serve({**CALL, "step": "pay_more"})
    assert database.serve({**UNDO, "sagaId": "r2"}) == {"reverted": 1}
    assert sorted(database.rows()) == [("r1", 70), ("r1", 70)]


@pytest.mark.parametrize("op", ["call", "compensate"])
def test_a_refusal_leaves_nothing_behind(database: Database, op: str) -> None:
    """Not even where the service commits: the same key may be answered otherwise next time."""
    if op == "compensate":
        database.serve(CALL)
    before = database.rows("hms_barrier")

    def refuse() -> None:
        raise LookupError("no such account")

    with closing(database.connect()) as connection:
        with pytest.raises(LookupError):
            barrier(connection, {**CALL, "op": op}, refuse)
        connection.commit()
    assert database.rows("hms_barrier") == before
    assert database.serve({**CALL, "op": op}) is not None


def test_what_is_not_committed_never_was(database: Database) -> None:
    def crash() -> None:
        raise SystemError("the power goes out")

    with pytest.raises(SystemError):
        database.serve(CALL, after=crash)
    assert database.rows() == database.rows("hms_barrier") == []
    database.serve(CALL)
    assert database.rows() == [("r1", 70)]


def test_a_statement_of_the_work_that_fails_is_told_as_it_is(database: Database) -> None:
    """PostgreSQL takes no further statement then: that must not hide the first error."""
    with closing(database.connect()) as connection:
        with pytest.raises(Exception, match="nowhere"):
            barrier(connection, CALL, lambda: connection.cursor().execute("SELECT * FROM nowhere"))
        connection.rollback()
    assert database.serve(CALL)


def test_an_answer_that_is_no_json_is_refused_before_the_commit(database: Database) -> None:
    with closing(database.connect()) as connection:
        with pytest.raises(TypeError):
            barrier(connection, CALL, lambda: {1, 2})
        connection.commit()
    assert database.rows("hms_barrier") == []


def test_many_copies_at_once_are_one(database: Database) -> None:
    at_once = threading.Barrier(8)

    def deliver(_: int) -> Any:
        at_once.wait(PATIENCE_S)
        return database.serve(CALL)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(deliver, range(8)))
    assert answers == [{"paid": 70, "in": ["€"]}] * 8
    assert database.rows() == [("r1", 70)]


@pytest.mark.parametrize("commits", [True, False], ids=["the call commits", "the call rolls back"])
def test_an_undo_meets_a_call_that_is_under_way(database: Database, commits: bool) -> None:
    """It waits for its end: then it is undone, or never was and is refused."""
    working, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        working.set()
        assert may_end.wait(PATIENCE_S)
        if not commits:
            raise SystemError("the power goes out")

    def call() -> Any:
        try:
            return database.serve(CALL, after=hold)
        except SystemError:
            return "lost"

    with ThreadPoolExecutor(2) as pool:
        calling = pool.submit(call)
        assert working.wait(PATIENCE_S)
        undoing = pool.submit(database.serve, UNDO)
        assert not undoing.done()
        may_end.set()
        assert undoing.result(PATIENCE_S) == ({"reverted": 1} if commits else None)
        calling.result(PATIENCE_S)
    assert database.rows() == []
    with pytest.raises(UndoneBefore):
        database.serve(CALL)


def test_calls_and_undos_in_any_order_leave_nothing(database: Database) -> None:
    """Copies of both, all at once, for many runs: whatever took effect was undone, since an undo came."""
    runs = [f"r{number}" for number in range(10)]

    def deliver(asked: dict[str, Any]) -> None:
        try:
            database.serve(asked)
        except UndoneBefore:
            assert asked["op"] == "call"

    asked = [{**CALL, "sagaId": run, "op": op} for run in runs for op in ("call", "compensate", "call", "compensate")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver, asked))
    assert database.rows() == []
    assert len(database.rows("hms_barrier")) == 2 * len(runs)


def test_a_snapshot_from_before_the_first_copy_is_ended_by_postgresql(postgres: str) -> None:
    """It does no work twice: the second copy is to be sent again, and finds the answer then."""
    database = Database(lambda: psycopg.connect(postgres), "%s")
    for level in (psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE):
        asked = {**CALL, "sagaId": level.name}
        with psycopg.connect(postgres) as late:
            late.isolation_level = level
            late.execute("SELECT 1 FROM paid")
            database.serve(asked)
            with pytest.raises(psycopg.errors.SerializationFailure):
                barrier(late, asked, lambda asked=asked: database.pay(late, asked))
            late.rollback()
        assert database.serve(asked) == {"paid": 70, "in": ["€"]}
    assert len(database.rows()) == 2


DELIVERIES = st.lists(
    st.tuples(st.sampled_from(["call", "compensate"]), st.sampled_from(["commits", "refuses", "dies"]))
)


@given(DELIVERIES)
def test_whatever_comes_in_whatever_order(deliveries: list[tuple[str, str]]) -> None:
    """A model of two truths: it took effect at most once, and never behind an undo."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(BARRIER_TABLE)
        undone = False
        effect: list[int] = []

        def work(op: str, end: str) -> None:
            if end == "refuses":
                raise LookupError("no")
            effect.append(1 if op == "call" else -1)

        for op, end in deliveries:
            before = list(effect)
            refused = False
            try:
                barrier(connection, {**CALL, "op": op}, lambda op=op, end=end: work(op, end))
            except LookupError:
                refused = True
            except UndoneBefore:
                assert undone and op == "call"
                refused = True
            if refused or end == "dies":
                connection.rollback()
                effect[:] = before
                continue
            connection.commit()
            undone = undone or op == "compensate"
            assert sum(effect) == (0 if undone else 1)
        assert len(effect) <= 2


def test_rows_of_any_kind_are_read(postgres: str) -> None:
    """A connection may make dictionaries of its rows, or tuples with names."""
    database = Database(lambda: psycopg.connect(postgres), "%s")
    database.serve(CALL)
    for factory in (psycopg.rows.dict_row, psycopg.rows.namedtuple_row):
        with psycopg.connect(postgres, row_factory=factory) as connection:
            assert barrier(connection, CALL, dict) == {"paid": 70, "in": ["€"]}


def test_a_connection_that_commits_by_itself_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
        connection.execute(BARRIER_TABLE)
        with pytest.raises(NotInTransaction):
            barrier(connection, CALL, dict)
        assert connection.execute("SELECT count(*) FROM hms_barrier").fetchone() == (0,)
        connection.execute("BEGIN IMMEDIATE")
        assert barrier(connection, CALL, dict) == {}


def test_so_is_one_of_postgresql(postgres: str) -> None:
    database = Database(lambda: psycopg.connect(postgres), "%s")
    with psycopg.connect(postgres, autocommit=True) as connection:
        with pytest.raises(NotInTransaction):
            barrier(connection, CALL, dict)
        with connection.transaction():
            assert barrier(connection, CALL, dict) == {}
    assert len(database.rows("hms_barrier")) == 1


async def test_a_connection_that_is_awaited(postgres: str) -> None:
    database = Database(lambda: psycopg.connect(postgres), "%s")

    async def serve(asked: dict[str, Any], refuse: bool = False) -> Any:
        async with await psycopg.AsyncConnection.connect(postgres) as connection:

            async def work() -> Any:
                if refuse:
                    raise LookupError("no")
                if asked["op"] == "call":
                    await connection.execute("INSERT INTO paid VALUES ('r1', 70)")
                else:
                    await connection.execute("DELETE FROM paid")
                return {"op": asked["op"]}

            return await barrier_async(connection, asked, work)

    with pytest.raises(LookupError):
        await serve(CALL, refuse=True)
    assert await asyncio.gather(*(serve(CALL) for _ in range(4))) == [{"op": "call"}] * 4
    assert database.rows() == [("r1", 70)]
    assert [await serve(UNDO), await serve(UNDO)] == [{"op": "compensate"}] * 2
    with pytest.raises(UndoneBefore):
        await serve(CALL)
    assert database.rows() == []


def undo_event() -> Any:
    data = {"sagaId": "r1", "saga": "a", "step": {"name": "pay"}, "mode": "event", "key": "k", "attempt": 1}
    return event_of(
        json.dumps({"seq": 1, "id": "1", "source": "s", "type": "saga.compensate", "time": "", "data": data})
    )


@pytest.mark.parametrize(
    ("asked", "op"),
    [
        (CALL, "call"),
        (UNDO, "compensate"),
        ({"HMS-Saga-Id": "r1", "HMS-Step": "pay", "HMS-Op": "call", "Host": "x"}, "call"),
        (Claims("r1", "pay", "compensate", 1, "hms-orch", "pay-svc", "j", 0), "compensate"),
        (undo_event(), "compensate"),
    ],
)
def test_what_is_asked_is_read_from_each_of_its_forms(asked: Any, op: str) -> None:
    assert asked_of(asked) == ("r1", "pay", op)


@pytest.mark.parametrize("asked", [{}, {**CALL, "op": "check"}, {**CALL, "step": ""}, {**CALL, "sagaId": 7}])
def test_what_names_no_step_is_refused(asked: Any) -> None:
    with pytest.raises(ValueError, match="no call and no undo"):
        asked_of(asked)


@pytest.mark.parametrize(
    ("style", "sql", "values"),
    [
        ("qmark", "a = ? AND b = ?", ("1", "2")),
        ("format", "a = %s AND b = %s", ("1", "2")),
        ("pyformat", "a = %s AND b = %s", ("1", "2")),
        ("numeric", "a = :1 AND b = :2", ("1", "2")),
        ("named", "a = :v1 AND b = :v2", {"v1": "1", "v2": "2"}),
    ],
)
def test_each_style_of_parameters(monkeypatch: pytest.MonkeyPatch, style: str, sql: str, values: Any) -> None:
    """The style of a driver is found from a connection of a class derived from its own, too."""

    class Connection(sqlite3.Connection):
        pass

    Connection.__module__ = "service.database"
    monkeypatch.setattr(sqlite3, "paramstyle", style)
    with closing(sqlite3.connect(":memory:", factory=Connection)) as connection:
        assert dialect_of(connection)(Statement("a = {} AND b = {}", ("1", "2"))) == (sql, values)


def test_what_is_no_connection_is_named() -> None:
    with pytest.raises(TypeError, match="object is no connection"):
        dialect_of(object())
