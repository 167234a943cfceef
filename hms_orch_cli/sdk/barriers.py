"""`barrier`: what makes a service a correct participant, in the service's own transaction.

A row for each call and each undo that took effect, in the same commit as its effect. So a second delivery finds the
first, an undo finds whether its call came, and a call finds that its undo was there before. The undo of a call that
never came takes the call's row: whichever commits first, the other one meets it at the primary key.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from hms_orch_cli.sdk.claims import Claims
from hms_orch_cli.sdk.dialect import Statement, commits_by_itself, dialect_of
from hms_orch_cli.sdk.errors import NotInTransaction, UndoneBefore
from hms_orch_cli.sdk.events import Undo

BARRIER_TABLE: Final = """CREATE TABLE IF NOT EXISTS hms_barrier (
    saga_id VARCHAR(64) NOT NULL,
    step VARCHAR(255) NOT NULL,
    op VARCHAR(10) NOT NULL,
    answer TEXT,
    made_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (saga_id, step, op)
)"""
"""The table, for the service's own migrations. Rows of runs that ended long ago may be deleted."""

CALL: Final = "call"
UNDO: Final = "compensate"

_TAKE: Final = "INSERT INTO hms_barrier (saga_id, step, op) VALUES ({}, {}, {}) ON CONFLICT DO NOTHING"
_LOOK: Final = "SELECT answer FROM hms_barrier WHERE saga_id = {} AND step = {} AND op = {}"
_TELL: Final = "UPDATE hms_barrier SET answer = {} WHERE saga_id = {} AND step = {} AND op = {}"
_DROP: Final = "DELETE FROM hms_barrier WHERE saga_id = {} AND step = {} AND op = {}"


class Asked(NamedTuple):
    """What is asked: a call or an undo of one step of one run."""

    saga_id: str
    step: str
    op: str


class Entry(NamedTuple):
    """Whether the work is to be done now; else the answer that there is already."""

    due: bool
    answer: Any = None


def barrier(connection: Any, asked: Any, work: Callable[[], Any]) -> Any:
    """Does `work` if it is to be done, and gives its answer, which is JSON; of work that was done before the answer
    from then, and None for the undo of a call that never came.

    `connection` is a DB-API connection within the transaction in which `work` changes things; the caller commits it, or
    rolls it back if anything is raised. `asked` is the request's JSON or its headers, what `verify` gave, or an Undo
    that was heard. A refusal is raised by `work`: then nothing is remembered. Raises UndoneBefore (answer 409) for a
    call whose undo was there, and NotInTransaction.
    """
    wanted = asked_of(asked)
    _check(connection)
    cursor = connection.cursor()
    dialect = dialect_of(connection)

    def perform(statement: Statement) -> Any:
        cursor.execute(*dialect(statement))
        return cursor.fetchone() if statement.reads else cursor.rowcount == 1

    try:
        entry = _drive(_enter(wanted), perform)
        if not entry.due:
            return entry.answer
        try:
            answer = work()
            perform(Statement(_TELL, (json.dumps(answer), *wanted)))
        except BaseException:
            with suppress(Exception):  # of a transaction that has failed nothing will stay anyway
                perform(Statement(_DROP, wanted))
            raise
        return answer
    finally:
        cursor.close()


async def barrier_async(connection: Any, asked: Any, work: Callable[[], Awaitable[Any]]) -> Any:
    """The same for a connection whose cursor is awaited, such as psycopg's AsyncConnection."""
    wanted = asked_of(asked)
    _check(connection)
    cursor = connection.cursor()
    dialect = dialect_of(connection)

    async def perform(statement: Statement) -> Any:
        await cursor.execute(*dialect(statement))
        return await cursor.fetchone() if statement.reads else cursor.rowcount == 1

    try:
        steps, told = _enter(wanted), None
        while True:
            try:
                told = await perform(steps.send(told))
            except StopIteration as ended:
                entry: Entry = ended.value
                break
        if not entry.due:
            return entry.answer
        try:
            answer = await work()
            await perform(Statement(_TELL, (json.dumps(answer), *wanted)))
        except BaseException:
            with suppress(Exception):
                await perform(Statement(_DROP, wanted))
            raise
        return answer
    finally:
        await cursor.close()


def asked_of(asked: Any) -> Asked:
    """What is asked, from any of the forms in which it comes. Raises ValueError."""
    if isinstance(asked, Undo):
        return Asked(asked.saga_id, asked.step.name, UNDO)
    if isinstance(asked, Claims):
        return _sound(asked.saga_id, asked.step, asked.op)
    if "sagaId" in asked:
        return _sound(*(asked.get(name) for name in ("sagaId", "step", "op")))
    headers = {str(name).lower(): value for name, value in asked.items()}
    return _sound(*(headers.get(name) for name in ("hms-saga-id", "hms-step", "hms-op")))


def _sound(saga_id: Any, step: Any, op: Any) -> Asked:
    if not (isinstance(saga_id, str) and saga_id and isinstance(step, str) and step and op in (CALL, UNDO)):
        raise ValueError(f"this is no call and no undo of a step: {saga_id!r}, {step!r}, {op!r}")
    return Asked(saga_id, step, op)


def _enter(asked: Asked) -> Generator[Statement, Any, Entry]:
    """Takes the row of what is asked. A statement is answered with whether it wrote, or with the row that it read."""
    call, undo = asked._replace(op=CALL), asked._replace(op=UNDO)
    if asked.op == CALL:
        if (yield Statement(_TAKE, call)):
            return Entry(due=True)
        if (yield Statement(_LOOK, undo, reads=True)):
            raise UndoneBefore(f"step {asked.step} of run {asked.saga_id} was undone before this call came")
        return Entry(due=False, answer=_answer((yield Statement(_LOOK, call, reads=True))))
    never_came = yield Statement(_TAKE, call)
    if (yield Statement(_TAKE, undo)):
        return Entry(due=not never_came)
    return Entry(due=False, answer=_answer((yield Statement(_LOOK, undo, reads=True))))


def _drive(steps: Generator[Statement, Any, Entry], perform: Callable[[Statement], Any]) -> Entry:
    told = None
    while True:
        try:
            told = perform(steps.send(told))
        except StopIteration as ended:
            entry: Entry = ended.value
            return entry


def _answer(row: Any) -> Any:
    """The answer in a row, whatever the connection makes of rows."""
    (told,) = row.values() if isinstance(row, Mapping) else row
    return None if told is None else json.loads(told)


def _check(connection: Any) -> None:
    if commits_by_itself(connection):
        raise NotInTransaction("the connection commits each statement by itself: begin a transaction first")
