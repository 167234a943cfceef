"""`up` is killed (SIGKILL) over and over in the middle of its work, and in the end everything is as if it never was.

Branches, one lock that many runs want, people who are asked and undos that fail are all in flight. Each loop publishes
events, lets a person decide some of what is open (by a command that holds the store alone, or over HTTP while `up`
runs), and starts an `up` that dies at its n-th append, before or after the commit, or at the n-th call that the
participants see; n is drawn anew each time. `make test` does 12 loops; the long run, whose figures it prints, is

    HMS_KILL_LOOPS=200 .venv/bin/python -m pytest tests/acceptance/test_kill_loop.py -s

HMS_KILL_SEED draws other points (default 1).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hms_orch_cli.application.alone import Alone, drive
from hms_orch_cli.application.clock import SystemClock
from hms_orch_cli.application.operations import Operations
from hms_orch_cli.application.overview import items_json
from hms_orch_cli.application.publish import publish
from hms_orch_cli.application.replay import Rebuilt, differences
from hms_orch_cli.errors import NotAllowed
from hms_orch_cli.event_store.holder import Holder
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.ports.store import NewEvent, RunRow
from tests.acceptance.house import PATIENCE_S, ROOT, House
from tests.acceptance.kill_sagas import ACCOUNTS, SAGAS, TRIGGERED
from tests.acceptance.ledger import Ledger, luck
from tests.acceptance.services import Services
from tests.lock_story import lock_story
from tests.participant.fake_service import Recorded, Reply

LOOPS = int(os.environ.get("HMS_KILL_LOOPS", "12"))
SEED = int(os.environ.get("HMS_KILL_SEED", "1"))

pytestmark = [pytest.mark.process, pytest.mark.timeout(120 + 15 * LOOPS)]

KILLED = -9
NEVER = 1_000_000
EVENTS = 3
"""Events of each loop."""

ENDED = ("COMPLETED", "FAILED", "CANCELLED")


class Killer:
    """Between `up` and its participants: kills it at the n-th call that they see."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._left = 0
        self._pid = 0

    def at_call(self, pid: int, number: int) -> None:
        """From here on."""
        self._pid, self._left = pid, number

    def __call__(self, request: Recorded) -> Reply:
        self._left -= 1
        if self._left == 0:
            os.kill(self._pid, signal.SIGKILL)
        return self._ledger.answer(request)


class Story:
    """A store, what is published into it, and what a person does."""

    def __init__(self, house: House, killer: Killer, draw: Random) -> None:
        self.house, self.killer, self.draw = house, killer, draw
        self.published: list[tuple[str, str]] = []
        self.ends: Counter[str] = Counter()
        self.fell: Counter[str] = Counter()
        self.decided: Counter[str] = Counter()

    @contextmanager
    def store(self) -> Iterator[SqliteStore]:
        """The store, held as a command holds it."""
        holder = Holder.take(self.house.store)
        store = SqliteStore(self.house.store)
        try:
            yield store
        finally:
            store.close()
            holder.release()

    def loop(self) -> None:
        """Some events, some decisions, and an `up` that is killed."""
        with self.store() as store:
            self._publish(store)
            over_http = self._decide(store, later=True)
            self._cancel(store)
        where = self.draw.choice(("before append", "after append", "call"))
        number = self.draw.randint(1, 25)
        code = self._up(where, number, over_http)
        self.ends[where if code == KILLED else "idle"] += 1
        if code == KILLED:
            with SqliteReader(self.house.store) as reader:
                last = reader.read_all(reader.last_seq() - 1, 1)
            self.fell[last[0].type] += 1

    def settle(self) -> None:
        """Until nothing is left to be done or decided."""
        for _ in range(60):
            assert self._up("call", NEVER, []) == 0
            with self.store() as store:
                if not items_json(store):
                    return
                self._decide(store, later=False)
        pytest.fail("60 times everything that was open was decided, and there is more")

    def rows(self) -> list[RunRow]:
        """Every run."""
        with SqliteReader(self.house.store) as reader:
            return reader.run_rows(limit=1_000_000)

    def _publish(self, store: SqliteStore) -> None:
        for _ in range(EVENTS):
            kind = self.draw.choice(list(TRIGGERED))
            name = f"{SEED}-{len(self.published)}"
            data = json.dumps({"account": self.draw.randrange(ACCOUNTS)})
            publish(store, [NewEvent(name, "tests", kind, "2027-01-15T08:00:00.000Z", data)])
            self.published.append((name, kind))

    def _decide(self, store: SqliteStore, *, later: bool) -> list[tuple[str, str]]:
        """Decides what is open; with `later` some of it only, and returns what is to be said over HTTP."""
        operations = Operations(Alone(store, CelExpressions, SystemClock().now_ms), store, SystemClock().now_ms)
        over_http = []
        for item in items_json(store):
            id_, decision = item["id"], _decision(item, store)
            how = self.draw.choice(("alone", "alone", "http", "not now")) if later else "alone"
            if decision and how == "alone":
                drive(operations.decide(id_, decision, "eve", "as the test says"))
                self.decided[f"{item['kind']} {decision}"] += 1
            elif decision and how == "http":
                over_http.append((id_, decision))
        return over_http

    def _cancel(self, store: SqliteStore) -> None:
        waiting = store.run_rows(states=["WAITING"], limit=5)
        if waiting and self.draw.random() < 0.2:
            operations = Operations(Alone(store, CelExpressions, SystemClock().now_ms), store, SystemClock().now_ms)
            with suppress(NotAllowed):  # the row may be older than the run
                drive(operations.cancel(self.draw.choice(waiting).saga_id, "eve"))

    def _up(self, where: str, number: int, over_http: list[tuple[str, str]]) -> int:
        """An `up --until-idle` that is killed there; its exit code."""
        at_append = where != "call"
        when = where.partition(" ")[0] if at_append else "before"
        words = ["--kill-at", str(number if at_append else NEVER), "--when", when, "--port", "0", "--until-idle"]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.killing_up", *words],
            cwd=self.house.folder,
            env={**self.house.env, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.killer.at_call(process.pid, NEVER if at_append else number)
        said: list[str] = []
        listener = threading.Thread(target=self._listen, args=(process, said, over_http))
        listener.start()
        try:
            code = process.wait(PATIENCE_S * 2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            listener.join()
        assert code in (0, KILLED), "".join(said)
        if code == 0:
            _prove(self.house)
        return code

    def _listen(self, process: subprocess.Popen[str], said: list[str], over_http: list[tuple[str, str]]) -> None:
        """Reads what `up` says; once it is up, a person decides over HTTP."""
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if line.startswith("hms-orch is up"):
                url = json.loads(self.house.store.with_name("events.db.lock").read_text())["url"]
                for item, decision in over_http:
                    self.decided[f"over HTTP: {_post(f'{url}/v1/hitl/{item}', decision)}"] += 1
        process.stderr.close()


def _post(url: str, decision: str) -> int | str:
    """The status of a decision, `cut off` if there was none."""
    body = json.dumps({"decision": decision, "note": "as the test says"}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return "cut off"


def _decision(item: dict[str, Any], store: SqliteStore) -> str:
    """What a person says to an item, empty for nothing yet."""
    chance = luck(item["id"].rpartition(".")[2], item["step"], item["since"])
    if item["kind"] == "approval":
        return "approve" if chance < 75 else "reject"
    if item["kind"] == "hold":
        return "retry" if chance < 60 else "compensate"
    if item["kind"] == "undo":
        row = store.run_row(item["sagaId"])
        return "retry" if row is not None and row.state == "STUCK" else ""
    return "done"


def test_whatever_it_is_killed_in_the_middle_of(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    ledger = Ledger()
    killer = Killer(ledger)
    began = time.monotonic()
    with Services(killer) as services:
        house = House(tmp_path)
        house.address_book(svc=services.url)
        for name, text in SAGAS.items():
            house.write(f"sagas/{name}.yaml", text)
        house.ok("hms-orch", "deploy", "sagas")
        story = Story(house, killer, Random(SEED))
        for _ in range(LOOPS):
            story.loop()
        story.settle()
    rows = story.rows()
    _check_runs(story, rows, ledger)
    _check_log(house)
    kills = sum(count for where, count in story.ends.items() if where != "idle")
    assert kills > LOOPS / 2, story.ends
    figures = {
        "loops": LOOPS,
        "kills": kills,
        "where": dict(story.ends),
        "last in the log": dict(story.fell.most_common()),
        "runs": dict(Counter(row.state for row in rows)),
        "calls": ledger.calls,
        "decisions": dict(story.decided),
        "seconds": round(time.monotonic() - began, 1),
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
        record_property(name, value)


def _check_runs(story: Story, rows: list[RunRow], ledger: Ledger) -> None:
    """Each event has started its runs once; each has ended, and its effects stand once, or none of them does."""
    began = Counter((row.event_id, row.saga) for row in rows)
    assert began == Counter((name, saga) for name, kind in story.published for saga in TRIGGERED[kind])
    assert {row.state for row in rows} <= set(ENDED)
    for row in rows:
        for step in json.loads(row.steps):
            if step["name"] in ("boss", "buyer"):
                continue
            expected = 1 if row.state == "COMPLETED" else 0
            stands = ledger.stands(row.saga_id, step["name"])
            assert stands == expected, f"{row.saga} {row.event_id} {step['name']}: {stands} effects, {row.state}"
            assert ledger.applied[row.saga_id, step["name"]] <= 1
    assert (ledger.stale, ledger.early) == ([], [])
    for (saga_id, step, op), keys in ledger.keys.items():
        first = f"{saga_id}:{step}:{op}"
        assert keys <= {first, *(f"{first}:{round_}" for round_ in range(2, 9))}, "a key is for ever"


def _prove(house: House) -> None:
    """The derived tables are what the log says."""
    with SqliteReader(house.store) as reader:
        rebuilt = Rebuilt()
        rebuilt.fold(reader.contents())
        assert differences(rebuilt, reader) == []


def _check_log(house: House) -> None:
    """The chain holds, the tables are what the log says, one run at a time held a lock, and no item was lost."""
    assert house.orch("replay", "--verify").code == 0
    assert house.orch("replay").code == 0
    items: dict[str, list[str]] = {}
    rounds: Counter[tuple[str, str, str]] = Counter()
    with SqliteReader(house.store) as reader:
        events = list(reader.scan())
    story = lock_story(events)
    assert len({held.key for held in story}) == ACCOUNTS
    assert all(held.until is not None for held in story)
    for event in events:
        data = json.loads(event.data or "{}")
        if event.type.startswith("hitl."):
            items.setdefault(data["id"], []).append(event.type)
        if event.type in ("saga.step.succeeded", "saga.step.skipped", "saga.step.compensated"):
            undo = event.type == "saga.step.compensated"
            rounds[event.stream, data["step"]["name"], "compensate" if undo else "call"] += 1
    assert set(rounds.values()) == {1}, "one outcome is recorded for each"
    for item, kinds in items.items():
        assert kinds in (["hitl.queued", "hitl.decided"], ["hitl.queued", "hitl.closed"]), item
