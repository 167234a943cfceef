"""A store as `up` leaves it, its runs made by the machine itself: one completed, one was undone, one pauses."""

from __future__ import annotations

from pathlib import Path

import orjson

from hms_orch_cli.application.deploy import deploy_append
from hms_orch_cli.application.incoming import event_from
from hms_orch_cli.application.publish import append_of
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.orchestrator.history import facts_of
from hms_orch_cli.orchestrator.projection import DEFINITIONS, DISPATCHED, QUESTIONS, TOTALS, row_of
from hms_orch_cli.ports.store import Append, Derived, Event, NewEvent
from hms_orch_cli.saga.commands import Begin
from hms_orch_cli.saga.decide import advance
from hms_orch_cli.saga.due import due
from hms_orch_cli.saga.encoding import to_data
from hms_orch_cli.saga.event_types import TYPES
from hms_orch_cli.saga.events import EventRef
from hms_orch_cli.saga.identity import run_id
from hms_orch_cli.saga.inputs import Answered, Attempt, Input, Trigger
from hms_orch_cli.saga.machine import begin
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.saga.outcome import Verdict
from hms_orch_cli.saga.state import Run
from hms_orch_cli.sagafile.check import check
from hms_orch_cli.views.questions import Questions
from hms_orch_cli.views.totals import Totals
from hms_orch_cli.wiring import expressions

SAGA = b"""\
id: shop.order.v1
trigger: order.placed
steps:
  - {name: pay, call: "pay-svc:/pay", compensate: "pay-svc:/refund"}
  - {name: ship, call: "ship-svc:/ship"}
retry: {attempts: 2, backoffMs: 1000, jitter: 0}
"""
DATA = '{"n": 1,  "who": "Zo\\u00eb", "big": 123456789012345678901234567890}'
"""Text that nobody would write so again."""

T0 = 1_767_225_600_000

_WORDS = {Verdict.SUCCESS: "done", Verdict.FAILED: "no room", Verdict.RETRY: "later"}


def tell(path: Path, *stories: dict[str, Verdict], tail: int = 0) -> list[str]:
    """Writes the store and returns the ids of the runs. A story says what each step answers (`pay`, `ship`); `tail`
    events stand behind the position that the tables are folded to."""
    document = check(SAGA, "saga.yaml", expressions()).documents[0]
    totals, questions, runs = Totals(), Questions(), list[Run]()
    with SqliteStore(path) as store:
        store.append([deploy_append(document.saga.id, document.revision, document.content, 0, T0)])
        for number, story in enumerate(stories, 1):
            event = _published(store, number)
            runs.append(
                _told(
                    store, begin(document.saga, run_id(document.saga.id, event.seq, event.hash)), event, story, totals
                )
            )
        for run in runs:
            for fact in facts_of(store.read(f"run/{run.id}")):
                questions.add(run.saga.id, fact)
        marks = {
            DISPATCHED: str(store.last_seq() if runs else 0),
            DEFINITIONS: orjson.dumps({"current": {document.saga.id: document.revision} if runs else {}}).decode(),
            TOTALS: orjson.dumps(totals.to_json()).decode(),
            QUESTIONS: orjson.dumps(questions.to_json()).decode(),
        }
        if runs:
            store.append([], Derived([row_of(run) for run in runs], marks))
        for number in range(tail):
            _published(store, len(stories) + 1 + number)
    return [run.id for run in runs]


COMPLETED = {"pay": Verdict.SUCCESS, "ship": Verdict.SUCCESS}
UNDONE = {"pay": Verdict.SUCCESS, "ship": Verdict.FAILED}
PAUSES = {"pay": Verdict.RETRY}


def _published(store: SqliteStore, number: int) -> Event:
    attributes = {
        "id": f"e{number}",
        "source": "tests",
        "type": "order.placed",
        "subject": "a\u202eb",
        "trace": "\u00e9",
    }
    (seq,) = store.append([append_of(event_from(attributes, DATA, T0 + number, 1 << 20))])
    assert isinstance(seq, int)
    return store.read_all(seq - 1, 1)[0]


def _told(store: SqliteStore, run: Run, event: Event, story: dict[str, Verdict], totals: Totals) -> Run:
    happened: Input | None = Trigger(EventRef(event.seq, event.id, event.source, event.type, event.time))
    now = T0 + 1_000 * event.seq
    while happened is not None:
        before = run.version
        run, facts = advance(run, happened, now)
        for command in due(run, now):
            if isinstance(command, Begin):
                run, more = advance(run, Attempt(command.step, command.op), now)
                facts += more
        new = [
            NewEvent(f"{run.id}.{before + place}", "hms-orch", TYPES[type(fact)], rfc3339(fact.at), _data(run, fact))
            for place, fact in enumerate(facts, 1)
        ]
        store.append([Append(f"run/{run.id}", new, before)])
        for fact in facts:
            totals.add(run.saga.id, fact)
        happened, now = _answer(run, story), now + 250
    return run


def _answer(run: Run, story: dict[str, Verdict]) -> Input | None:
    for op, column in (("call", run.calls), ("compensate", run.undos)):
        for name, progress in column.items():
            if progress.phase.name == "RUNNING":
                verdict = story[name] if op == "call" else Verdict.SUCCESS
                said = _WORDS[verdict]
                status = 200 if verdict is Verdict.SUCCESS else 409 if verdict is Verdict.FAILED else 429
                return Answered(name, op, progress.attempt, verdict, status, said, summary=said)
    return None


def _data(run: Run, fact: object) -> str:
    return orjson.dumps(to_data(fact, run.id, run.saga.id)).decode()  # type: ignore[arg-type]
