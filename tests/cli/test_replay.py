"""`replay` proves the derived tables, finds what was done to a log, shows a run as it was, and builds a store."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from hms_orch_cli.application.deploy import undeploy_append
from hms_orch_cli.application.rewrite import compare
from hms_orch_cli.event_store.holder import Holder
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.event_store.sqlite_reader import SqliteReader
from hms_orch_cli.ports.store import Append, Derived, NewEvent
from tests.cli.conftest import Ended, Run
from tests.cli.story import COMPLETED, PAUSES, T0, UNDONE, tell
from tests.event_store.making import one

STORE = Path(".hms/events.db")
COMMAND = Path(sys.executable).with_name("hms-orch")


@pytest.fixture
def ids(shop: Path) -> list[str]:
    """A store with one run that completed, one that was undone, one that pauses; 22 events."""
    return tell(shop / STORE, COMPLETED, UNDONE, PAUSES)


def masked(text: str) -> str:
    """Without what differs from one machine to the next."""
    return re.sub(r"in [\d.]+ m?s: \d+ events", "in TIME: RATE events", text)


def change(sql: str) -> None:
    """What the owner of the file can do to it with any tool."""
    with sqlite3.connect(STORE) as db:
        for trigger in ("events_no_update", "events_no_delete", "events_next_only"):
            db.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        db.executescript(sql)
    db.close()


def tables() -> dict[str, Any]:
    """The derived tables."""
    with SqliteReader(STORE) as reader:
        marks = {name: reader.mark(name) for name in ("folded_to", "dispatched", "definitions", "totals")}
        return {"runs": reader.run_rows(limit=1_000), **marks}


class TestRebuild:
    """Without options: every derived table anew, and equal."""

    def test_tables_that_say_what_the_log_says_are_equal(self, orch: Run, ids: list[str]) -> None:
        ended = orch("replay")
        assert (ended.code, ended.err) == (0, "")
        assert masked(ended.out) == (
            "folded 22 events into 3 runs in TIME: RATE events a second\n"
            "equal: the derived tables say what the log says\n"
        )

    def test_as_json(self, orch: Run, ids: list[str]) -> None:
        told = json.loads(orch("replay", "-o", "json").out)
        assert told.pop("seconds") >= 0
        assert told == {
            "equal": True,
            "events": 22,
            "lastPosition": 22,
            "runs": 3,
            "differences": [],
            "differenceCount": 0,
            "rewritten": False,
        }

    def test_events_behind_the_tables_are_no_difference_and_are_folded(self, orch: Run, shop: Path) -> None:
        tell(shop / STORE, COMPLETED, tail=2)
        ended = orch("replay")
        assert ended.code == 0
        assert ended.out.startswith("folded 10 events into 1 run ")
        assert ended.err == "the tables were folded to position 8 of 10, and are now to its end\n"
        assert tables()["folded_to"] == "10"
        assert json.loads(orch("replay", "-o", "json").out)["rewritten"] is False

    def test_events_behind_the_tables_are_left_to_whoever_holds_the_store(self, orch: Run, shop: Path) -> None:
        tell(shop / STORE, COMPLETED, tail=2)
        with Holder.take(STORE):
            ended = orch("replay")
        assert ended.code == 0
        assert ended.err == "the tables were folded to position 8 of 10; `hms-orch up` folds the rest\n"
        assert tables()["folded_to"] == "8"

    def test_an_empty_log_is_equal(self, orch: Run, shop: Path) -> None:
        SqliteStore(shop / STORE).close()
        assert orch("replay").out.endswith("equal: the derived tables say what the log says\n")

    def test_without_a_store_it_says_so(self, orch: Run) -> None:
        ended = orch("replay")
        assert ended.code == 1
        assert ended.err.startswith("error: there is no event store at ")

    def test_each_difference_is_named_and_the_tables_are_written_anew(self, orch: Run, ids: list[str]) -> None:
        before = tables()
        change(
            f"UPDATE runs SET state = 'FAILED', reason = 'made up' WHERE saga_id = '{ids[0]}';"
            f"DELETE FROM runs WHERE saga_id = '{ids[1]}';"
            f"INSERT INTO runs SELECT 'ffff', saga, revision, state, reason, started_at, ended_at, due_at, event_seq,"
            " event_id, event_source, event_type, steps, parked, lock_key, fence, awaits, items"
            f" FROM runs WHERE saga_id = '{ids[2]}';"
            "UPDATE marks SET value = '{}' WHERE name = 'definitions';"
        )
        ended = orch("replay")
        assert ended.code == 1
        first, *named = masked(ended.out).splitlines()
        assert first == "folded 22 events into 3 runs in TIME: RATE events a second"
        definitions, *rows = sorted(named)
        assert definitions.startswith("differs  definitions: is {}, the log says {'current': {'shop.order.v1': ")
        assert rows == [
            f"differs  run {ids[0]}: state is FAILED, the log says COMPLETED; reason is made up, the log says ",
            f"differs  run {ids[1]}: is not stored, the log says FAILED",
            "differs  run ffff: is stored as WAITING, the log has no such run",
        ]
        assert ended.err == "the tables were written anew from the log\n"
        assert tables() == before
        assert orch("replay").code == 0

    def test_differences_as_json(self, orch: Run, ids: list[str]) -> None:
        change("UPDATE marks SET value = '99' WHERE name = 'dispatched'")
        told = json.loads(orch("replay", "-o", "json").out)
        assert (told["equal"], told["rewritten"], told["differenceCount"]) == (False, True, 1)
        assert told["differences"] == [{"what": "dispatched", "stored": "99", "folded": 19}]
        assert tables()["dispatched"] == "18"  # from there the dispatcher looks again; a run that is there is seen

    @pytest.mark.parametrize("mark", ["folded_to", "totals", "dispatched", "definitions"])
    def test_a_mark_that_makes_no_sense_is_a_difference(self, orch: Run, ids: list[str], mark: str) -> None:
        change(f"UPDATE marks SET value = 'x' WHERE name = '{mark}'")
        ended = orch("replay")
        assert ended.code == 1
        assert f"differs  {mark}: is x, the log says " in ended.out
        assert orch("replay").code == 0

    def test_tables_cannot_be_folded_further_than_the_log_goes(self, orch: Run, ids: list[str]) -> None:
        change("UPDATE marks SET value = '99' WHERE name = 'folded_to'")
        assert "differs  folded_to: is 99, the log says 22\n" in orch("replay").out

    def test_definitions_are_those_that_the_last_dispatched_event_met(self, orch: Run, ids: list[str]) -> None:
        """An undeploy that stands behind it changes nothing yet."""
        with SqliteStore(STORE) as store:
            store.append([undeploy_append(store, "shop.order.v1", T0)])
            store.append([], Derived())
        assert orch("replay").code == 0
        change("UPDATE marks SET value = '23' WHERE name = 'dispatched'")
        assert "the log says {'current': {}}" in orch("replay").out

    @pytest.mark.parametrize(
        "sql",
        [
            "DELETE FROM runs; DELETE FROM marks",
            "DROP TABLE runs; DROP TABLE marks",
            "DROP TABLE runs",
            "DROP TABLE marks",
            "DROP INDEX runs_by_saga",
        ],
    )
    def test_tables_that_were_thrown_away_are_folded_anew(self, orch: Run, ids: list[str], sql: str) -> None:
        """Where the dispatcher stood cannot be folded: it looks again, from the last event that a run follows from."""
        before = tables()
        change(sql)
        ended = orch("replay")
        assert (ended.code, ended.err) == (0, "the tables were folded to position 0 of 22, and are now to its end\n")
        assert ended.out.startswith("folded 22 events into 3 runs ")
        assert tables() == {**before, "dispatched": "18"}
        assert orch("replay").code == 0

    def test_where_a_table_is_missing_other_commands_say_what_makes_it(self, orch: Run, ids: list[str]) -> None:
        change("DROP TABLE runs")
        ended = orch("status")
        assert ended.code == 1
        assert ended.err.endswith("hint: `hms-orch replay` rebuilds what is derived from the log\n")

    def test_many_differences_are_counted(self, orch: Run, shop: Path) -> None:
        tell(shop / STORE, *[COMPLETED] * 25)
        change("UPDATE runs SET reason = 'x'")
        out = orch("replay").out.splitlines()
        assert len(out) == 1 + 20 + 1
        assert out[-1] == "         and 5 more"

    def test_text_from_outside_is_made_safe(self, orch: Run, ids: list[str]) -> None:
        change(f"UPDATE runs SET reason = '\x1b[31mred' WHERE saga_id = '{ids[0]}'")
        assert "\x1b" not in orch("replay").out

    def test_while_the_store_is_held_tables_stay_as_they_are(self, orch: Run, ids: list[str]) -> None:
        change("UPDATE runs SET reason = 'x'")
        before = tables()
        with Holder.take(STORE):
            ended = orch("replay")
            assert ended.code == 1
            assert "warning: the tables were left as they are: " in ended.err
            assert "hint: stop it and call replay again\n" in ended.err
            assert tables() == before

    def test_an_event_that_nobody_can_have_recorded_is_named(self, orch: Run, ids: list[str]) -> None:
        """Its link of the chain is right: whoever made the file made it so."""
        with SqliteStore(STORE) as store:
            wrong = NewEvent("x", "hms-orch", "saga.completed", "2026-01-01T00:00:00.000Z", '{"saga": "a"}')
            store.append([Append("run/made-up", (wrong,), 0)])
        change("UPDATE marks SET value = '23' WHERE name = 'folded_to'")
        ended = orch("replay")
        assert ended.code == 1
        assert ended.err.startswith("error: position 23 of the log is not what an orchestrator can have recorded there")

    @pytest.mark.parametrize("data", ["'{'", "'[]'", "NULL", "cast(x'ff' as text)"])
    def test_data_that_is_no_fact_is_named(self, orch: Run, ids: list[str], data: str) -> None:
        change(f"UPDATE events SET data = {data} WHERE seq = 5")
        ended = orch("replay")
        assert ended.code == 1
        assert ended.err.startswith("error: position 5 of the log is not what an orchestrator can have recorded there")

    def test_a_gap_in_the_log_is_named(self, orch: Run, ids: list[str]) -> None:
        change("DELETE FROM events WHERE seq = 2")
        assert orch("replay").err.startswith("error: position 2 of the log is missing\n")


class Moved(SqliteReader):
    """A reader to whose store something happens between the folding and the comparison."""

    def meanwhile(self, happens: Callable[[SqliteStore], object]) -> Self:
        self._happens = happens
        return self

    @contextmanager
    def snapshot(self) -> Iterator[SqliteReader]:
        with SqliteStore(STORE) as store:
            self._happens(store)
        with super().snapshot() as view:
            yield view


class TestBesideAWriter:
    """What is compared is one moment of the store, whatever it does meanwhile."""

    def test_what_came_meanwhile_is_folded_too(self, ids: list[str]) -> None:
        def more(store: SqliteStore) -> None:
            store.append([one("event/bus 1", 0)], Derived(folded_to=23))

        with Moved(STORE) as reader:
            rebuilt, found = compare(reader.meanwhile(more), lambda done: None)
        assert (rebuilt.seq, found) == (23, [])

    def test_tables_that_were_thrown_away_meanwhile_are_compared_as_they_are(self, ids: list[str]) -> None:
        with Moved(STORE) as reader:
            rebuilt, found = compare(reader.meanwhile(SqliteStore.forget_derived), lambda done: None)
        assert (rebuilt.seq, found) == (0, [])


@pytest.mark.process
class TestVerify:
    """`--verify`, as it is installed: what was done to the log is found, and the first place of it named."""

    @staticmethod
    def replay(*words: str) -> Ended:
        done = subprocess.run([COMMAND, "replay", *words], capture_output=True, text=True, timeout=60, check=False)
        return Ended(done.returncode, done.stdout, done.stderr)

    def test_a_log_that_nobody_touched_is_intact(self, ids: list[str]) -> None:
        with SqliteReader(STORE) as reader:
            head = str(reader.head())
        expected = f"intact: 22 events, each chained to the one before\n{head}\n"
        assert self.replay("--verify") == Ended(0, expected, "")
        assert self.replay("--verify", "--against", head) == Ended(0, expected, "")
        assert json.loads(self.replay("--verify", "-o", "json").out) == {"intact": True, "events": 22, "head": head}

    @pytest.mark.parametrize(
        ("done", "said"),
        [
            (
                "UPDATE events SET data = replace(data, 'ship', 'shop') WHERE seq = 6",
                "position 6 is not what was recorded there: it was changed, swapped or inserted",
            ),
            ("DELETE FROM events WHERE seq = 6", "position 6 is missing: the next one is 7"),
            (
                "UPDATE events SET seq = -6 WHERE seq = 6; UPDATE events SET seq = 6 WHERE seq = 7;"
                "UPDATE events SET seq = 7 WHERE seq = -6",
                "position 6 is not what was recorded there: it was changed, swapped or inserted",
            ),
            (
                "UPDATE events SET seq = seq + 1000 WHERE seq > 5; UPDATE events SET seq = seq - 999 WHERE seq > 1000;"
                "INSERT INTO events SELECT 6, stream || 'x', version, id, source, type, time, data, subject,"
                "datacontenttype, dataschema, extensions, hash FROM events WHERE seq = 5",
                "position 6 is not what was recorded there: it was changed, swapped or inserted",
            ),
            (
                "UPDATE events SET data = cast(x'ff' as text) WHERE seq = 6",
                "position 6 was changed: it holds bytes that are not text",
            ),
        ],
        ids=["changed", "removed", "swapped", "inserted", "no text"],
    )
    def test_the_first_position_is_named(self, ids: list[str], done: str, said: str) -> None:
        change(done)
        assert self.replay("--verify") == Ended(
            1,
            "",
            f"error: the log was tampered with: {said}\n"
            "hint: what stands before this position is intact; compare the rest with a backup\n",
        )

    def test_as_json(self, ids: list[str]) -> None:
        change("DELETE FROM events WHERE seq = 6")
        ended = self.replay("--verify", "-o", "json")
        assert ended.code == 1
        assert json.loads(ended.out) == {
            "intact": False,
            "position": 6,
            "message": "the log was tampered with: position 6 is missing: the next one is 7",
        }

    def test_a_cut_tail_is_found_with_an_anchor(self, ids: list[str]) -> None:
        with SqliteReader(STORE) as reader:
            head = str(reader.head())
        change("DELETE FROM events WHERE seq > 20")
        assert self.replay("--verify").code == 0
        ended = self.replay("--against", head)
        assert ended.code == 1
        assert ended.err.startswith(
            "error: the log ends at position 20, before 22: its tail was cut off from position 21 on\n"
        )

    def test_an_anchor_that_is_none_is_wrong_usage(self, ids: list[str]) -> None:
        assert self.replay("--against", "22").code == 2


class TestAsItWas:
    """`--saga ID [--to SEQ]`."""

    def test_a_run_in_the_middle_of_its_undo(self, orch: Run, ids: list[str]) -> None:
        ended = orch("replay", "--saga", ids[1], "--to", "16")
        assert (ended.code, ended.err) == (0, "")
        assert ended.out == (
            f"{ids[1]}  shop.order.v1  COMPENSATING\n"
            "  ship: 409 no room\n"
            "  triggered by order.placed e2 of tests\n"
            "  COMPENSATING pay  done\n"
            "  FAILED       ship  no room\n"
            "      10  2026-01-01T00:00:09.000Z  saga.started  \n"
            "      11  2026-01-01T00:00:09.000Z  saga.step.started  pay attempt 1\n"
            "      12  2026-01-01T00:00:09.250Z  saga.step.succeeded  pay attempt 1, 200, done\n"
            "      13  2026-01-01T00:00:09.250Z  saga.step.started  ship attempt 1\n"
            "      14  2026-01-01T00:00:09.500Z  saga.step.failed  ship attempt 1, 409, no room\n"
            "      15  2026-01-01T00:00:09.500Z  saga.compensating  ship: 409 no room\n"
            "      16  2026-01-01T00:00:09.500Z  saga.compensate  pay attempt 1\n"
        )

    @pytest.mark.parametrize(
        ("to", "state", "steps"),
        [
            ("10", "RUNNING", ["PENDING", "PENDING"]),
            ("11", "RUNNING", ["RUNNING", "PENDING"]),
            ("12", "RUNNING", ["SUCCEEDED", "PENDING"]),
            ("14", "RUNNING", ["SUCCEEDED", "FAILED"]),
            ("17", "COMPENSATING", ["COMPENSATED", "FAILED"]),
            ("18", "FAILED", ["COMPENSATED", "FAILED"]),
            ("22", "FAILED", ["COMPENSATED", "FAILED"]),
        ],
    )
    def test_each_position_as_json(self, orch: Run, ids: list[str], to: str, state: str, steps: list[str]) -> None:
        (told,) = json.loads(orch("replay", "--saga", ids[1], "--to", to, "-o", "json").out)
        assert (told["state"], [step["state"] for step in told["steps"]]) == (state, steps)
        assert [event["seq"] for event in told["timeline"]] == list(range(10, min(int(to), 18) + 1))

    def test_before_it_began_there_is_nothing_to_show(self, orch: Run, ids: list[str]) -> None:
        assert orch("replay", "--saga", ids[1], "--to", "9") == Ended(
            1, "", f"error: run {ids[1]} had not begun at position 9\nhint: it began at position 10\n"
        )

    def test_an_unknown_run_is_named(self, orch: Run, ids: list[str]) -> None:
        assert orch("replay", "--saga", "nope").err.startswith("error: there is no run nope\n")


class TestFromFile:
    """`--from-file`: the same log in another place."""

    @pytest.fixture
    def lines(self, orch: Run, ids: list[str]) -> list[str]:
        """An export; the store is gone."""
        out = orch("export").out.splitlines(keepends=True)
        for file in Path(".hms").iterdir():
            file.unlink()
        return out

    @pytest.fixture
    def build(self, orch: Run) -> Callable[..., Ended]:
        def from_lines(lines: list[str], *words: str) -> Ended:
            Path("log.ndjson").write_text("".join(lines))
            return orch("replay", "--from-file", "log.ndjson", *words)

        return from_lines

    def test_the_store_has_the_same_chain_and_its_tables(
        self, orch: Run, ids: list[str], shop: Path, build: Callable[..., Ended]
    ) -> None:
        lines = orch("export").out.splitlines(keepends=True)
        with SqliteReader(STORE) as reader:
            events, head = list(reader.scan()), reader.head()
        before = tables()
        STORE.rename("old.db")
        ended = build(lines)
        assert ended == Ended(0, f"{head}\n", f"{shop / STORE} holds 22 events and 3 runs\n")
        with SqliteReader(STORE) as reader:
            assert list(reader.scan()) == events
        assert {**tables(), "dispatched": "22"} == {**before, "dispatched": "22"}
        assert orch("replay", "--verify", "--against", str(head)).code == 0
        assert orch("replay").out.endswith("equal: the derived tables say what the log says\n")
        assert orch("export").out == "".join(lines)

    def test_from_stdin_and_as_json(self, orch: Run, lines: list[str], shop: Path) -> None:
        ended = orch("replay", "--from-file", "-", "-o", "json", stdin="".join(lines))
        told = json.loads(ended.out)
        assert (told["store"], told["events"]) == (str(shop / STORE), 22)
        assert told["head"] == f"22:{json.loads(lines[-1])['hash']}"

    def test_lines_that_another_program_wrote_anew_are_as_good(
        self, lines: list[str], build: Callable[..., Ended]
    ) -> None:
        """Blanks between members, another order of members, letters instead of escapes."""
        anew = [json.dumps(dict(reversed(json.loads(line).items())), ensure_ascii=False) + "\r\n" for line in lines]
        first = json.loads(anew[0])
        anew[0] = json.dumps({**first, "data": json.loads(lines[0])["data"]}) + "\n"
        assert build(anew).code == 0

    def test_a_store_with_events_is_never_touched(self, orch: Run, ids: list[str], build: Callable[..., Ended]) -> None:
        lines = orch("export").out.splitlines(keepends=True)
        before = STORE.read_bytes()
        ended = build(lines)
        assert ended.code == 1
        assert re.match(r"error: \S+events.db holds 22 events already\nhint: set \[store\] url", ended.err)
        assert STORE.read_bytes() == before

    def test_an_empty_store_gives_way(self, lines: list[str], build: Callable[..., Ended]) -> None:
        SqliteStore(STORE).close()
        assert build(lines).code == 0

    def test_a_store_that_is_held_is_left_alone(self, lines: list[str], build: Callable[..., Ended]) -> None:
        with Holder.take(STORE):
            ended = build(lines)
        assert ended.code == 1
        assert "is held by process" in ended.err

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            (lambda lines: [*lines[:6], lines[6][:40]], "line 7 is not JSON: "),
            (lambda lines: [*lines[:6], "\n", *lines[6:]], "line 7 is empty: "),
            (lambda lines: [*lines[:6], "[]\n"], "line 7 is no CloudEvent: "),
            (lambda lines: [*lines[:6], '{"specversion":"1.0"}\n'], "line 7 has no stream: "),
            (lambda lines: [*lines[:6], *lines[7:]], "line 7 holds position 8, not 7: the log is not whole"),
            (lambda lines: lines[1:], "line 1 holds position 2, not 1: the log is not whole"),
            (lambda lines: [lines[0], lines[1].replace("e1", "e9"), *lines[2:]], "line 2 does not continue the chain"),
            (lambda lines: [*lines[:6], lines[6].replace('"done"', '"gone"'), *lines[7:]], "line 7 does not continue"),
            (lambda lines: [lines[0], re.sub(r'"n": 1,', '"n": 2,', lines[1])], "line 2 says two different things: "),
            (lambda lines: [lines[0], re.sub('"hash":"..', '"hash":"xx', lines[1])], "line 2 has no hash: "),
            (lambda lines: [lines[0], lines[1].replace('"seq":2', '"seq":"2"')], "line 2 has no place in a log: "),
            (lambda lines: [lines[0], lines[1].replace('"version":1', '"version":0')], "line 2 has no place in a log"),
        ],
        ids=[
            "cut",
            "empty",
            "array",
            "bare",
            "left out",
            "begins late",
            "id",
            "data",
            "text",
            "hash",
            "seq",
            "version",
        ],
    )
    def test_a_bad_line_is_named_and_nothing_is_left(
        self,
        lines: list[str],
        build: Callable[..., Ended],
        wrong: Callable[[list[str]], list[str]],
        said: str,
    ) -> None:
        ended = build(wrong(lines))
        assert ended.code == 1
        assert ended.out == ""
        assert ended.err.startswith(f"error: {said}")
        assert "\nhint: " in ended.err
        assert [file.name for file in Path(".hms").iterdir()] == ["events.db.lock"]

    def test_a_line_without_end_is_read_just_far_enough(
        self, lines: list[str], build: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hms_orch_cli.cli.replay.LINE_BYTES", 1_000)
        monkeypatch.setenv("HMS_LIMITS_EVENT_BYTES", "500")
        ended = build([lines[0], "x" * 2_000_000])
        assert ended.err.startswith("error: line 2 has more than 1000 bytes\n")

    def test_a_cut_export_is_found_with_an_anchor(self, lines: list[str], build: Callable[..., Ended]) -> None:
        head = f"22:{json.loads(lines[-1])['hash']}"
        ended = build(lines[:20], "--against", head)
        assert ended.err.startswith("error: the log ends at position 20, before 22")
        assert not STORE.exists()
        assert build(lines, "--against", head).code == 0

    def test_an_event_out_of_its_streams_order_is_refused(self, lines: list[str], build: Callable[..., Ended]) -> None:
        """A chain that was made for the purpose holds, the order of the stream does not."""
        from hms_orch_cli.application.export import events_of, line_of
        from hms_orch_cli.event_store.chain import link

        *before, last = events_of(line.encode() for line in lines[:4])
        moved = last._replace(version=5)
        moved = moved._replace(hash=link(before[-1].hash, *moved[:-1]))
        ended = build([line_of(event) + "\n" for event in (*before, moved)])
        assert ended.code == 1
        assert ended.err.startswith("error: line 4 is version 5 of 'run/")
        assert not STORE.exists()

    def test_a_file_that_is_not_there(self, orch: Run) -> None:
        assert orch("replay", "--from-file", "nope").err.startswith("error: nope cannot be read: No such file")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--verify", "--saga", "x"), "--verify and --saga do not go together"),
        (("--verify", "--from-file", "x"), "--verify and --from-file do not go together"),
        (("--to", "3"), "--to needs --saga"),
        (("--saga", "x", "--against", "1:0"), "--against does not go with --saga"),
        (("--from-file", "x", "--against", "1:0"), "'1:0' is not a position with its hash"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(orch: Run, words: tuple[str, ...], said: str) -> None:
    ended = orch("replay", *words)
    assert ended.code == 2
    assert ended.err.startswith(f"error: {said}\n")


def test_the_clock_of_the_story_is_fixed() -> None:
    """What the texts above rest on."""
    assert T0 == 1_767_225_600_000
