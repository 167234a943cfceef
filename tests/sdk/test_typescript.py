"""`@hms-sme/bus` with node: the same two verbs as in Python, against a fake orchestrator and a real `up`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.house import House
from tests.acceptance.services import Services, problem
from tests.documents import ROOT, document, marked
from tests.participant.fake_service import Recorded, Reply
from tests.sdk.node import PACKAGE, Program, Workshop, workshop

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

PATIENCE = 100
"""Looks at what is to come about."""

TAKEN = Reply(202, json={"position": 7, "duplicate": False, "positions": [7]})


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return workshop(tmp_path_factory.mktemp("typescript"))


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as running:
        yield running


def test_it_has_no_dependency_at_run_time() -> None:
    package = json.loads((PACKAGE / "package.json").read_text())
    assert package.get("dependencies", {}) == package.get("peerDependencies", {}) == {}
    for path in (PACKAGE / "src").glob("*.ts"):
        for line in path.read_text().splitlines():
            if line.startswith(("import", "export")) and " from " in line:
                assert line.rpartition(" from ")[2].startswith(('"./', '"node:')), line


def test_the_two_verbs_against_a_real_orchestrator(bus: Workshop, tmp_path: Path, services: Services) -> None:
    """The lines of docs/sdk.md: killed between two runs they go on where they were, each undo is acknowledged."""
    house = House(tmp_path)
    house.address_book(**dict.fromkeys(("care_svc", "aids_svc", "insurer_svc"), services.url))
    house.deploy((ROOT / "sagas/undo-by-event.yaml").read_text())
    services.on("/levels", Reply(json={"level": "\u2028€"}))
    services.on("/notices", problem(422, "unknown insurer"))
    program = bus.compile(marked(document("sdk.md"), "example: typescript"), "lines")
    position = tmp_path / ".hms/positions/lines.saga.compensate"

    def is_over(count: int) -> bool:
        """Every undo is acknowledged, and the position stands behind the last of them."""
        if [row["state"] for row in house.runs()] != ["FAILED"] * count:
            return False
        return int(position.read_text()) == max(row["seq"] for row in house.log() if row["type"] == "saga.compensate")

    with house.up() as up:
        for count in (1, 2):
            with Program(program, tmp_path, HMS_URL=up.url):
                services.arrived("/notices", count)
                until(lambda count=count: is_over(count))
    told = (tmp_path / "told").read_text().rstrip("\n").split("\n")
    assert told == ["lowered again: order_aids {}", "lowered again: raise_care_level { level: '\u2028€' }"] * 2


def until(done: Callable[[], bool]) -> None:
    """Looks again and again; each look starts a command, so this is no busy loop."""
    for _ in range(PATIENCE):
        if done():
            return
    raise AssertionError("it does not come about")


EMITS = """
import { emit, Refused, Unreachable } from "@hms-sme/bus";

for (const [data, options] of JSON.parse(process.env.EMITS)) {
  try {
    console.log(JSON.stringify(await emit("policy.changed", data, options)));
  } catch (error) {
    console.log(error instanceof Refused, error instanceof Unreachable, error.status, error.message);
  }
}
"""


def emitted(bus: Workshop, folder: Path, url: str, *emits: Any) -> list[str]:
    """What a program tells that emits these, one after another."""
    with Program(bus.script(EMITS, "emits"), folder, HMS_URL=url, HMS_TOKEN="t", EMITS=json.dumps(emits)) as program:
        assert program.ended() == 0, program.told
        return program.told.splitlines()


def test_doubt_is_sent_again_with_the_same_id(bus: Workshop, tmp_path: Path, services: Services) -> None:
    again = [Reply(act="reset"), Reply(act="drop"), Reply(503), Reply(429, headers={"Retry-After": "1"})]
    services.on("/v1/events", *again, TAKEN)
    told = emitted(bus, tmp_path, services.url + "/", [{"text": "ü\u2028"}, {}])
    assert [json.loads(line) for line in told] == [{"position": 7, "duplicate": False}]
    assert len(services.requests) == 5
    assert len({request.body for request in services.requests}) == 1
    sent = services.requests[0]
    assert sent.headers["authorization"] == "Bearer t"
    assert sent.headers["content-type"] == "application/cloudevents+json"
    assert len(sent.json.pop("id")) == 36
    assert {**sent.json, "id": 0} == {
        "specversion": "1.0",
        "id": 0,
        "source": "hms-sdk",
        "type": "policy.changed",
        "data": {"text": "ü\u2028"},
    }


def test_a_no_is_a_no_and_impatience_is_told(bus: Workshop, tmp_path: Path, services: Services) -> None:
    services.on(
        "/v1/events", Reply(400, json={"title": "No", "detail": "too long"}), Reply(503, json={"title": "Away"})
    )
    told = emitted(bus, tmp_path, services.url, [{}, {"id": "e1", "subject": "s"}], [None, {"patienceMs": 0}])
    assert told == [
        "true false 400 400 No: too long",
        f"false true undefined {services.url}: 503 Away; HMS_URL says where to look",
    ]
    assert (services.requests[0].json["id"], services.requests[0].json["subject"]) == ("e1", "s")


HEARS = """
import { NotMine, on } from "@hms-sme/bus";

const fails = new Map(JSON.parse(process.env.FAILS));
const subscription = on(process.env.TYPE, async (ev) => {
  console.log("heard", ev.seq, ev.type, ev.step?.name, ev.data.n);
  const left = fails.get(ev.seq) ?? 0;
  fails.set(ev.seq, left - 1);
  if (left === -9) throw new NotMine();
  if (left > 0) throw new Error("the database is away");
  if (ev.seq === Number(process.env.LAST)) setTimeout(() => subscription.stop().then(() => console.log("stopped")));
}, JSON.parse(process.env.OPTIONS));
console.error = (...words) => console.log("error", words.length, words[0]);
console.warn = (...words) => console.log("warning", words[0]);
"""


def message(seq: int, kind: str = "a", **data: Any) -> str:
    told = {"seq": seq, "id": f"e{seq}", "source": "s", "type": kind, "data": {"n": seq, **data}}
    return f"id: {seq}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n"


def undo(seq: int, step: str, mode: str = "event") -> str:
    about = {"sagaId": "r/1", "saga": "a.v1", "step": {"name": step, "context": {}}, "key": "k", "attempt": 1}
    return message(seq, "saga.compensate", **about, mode=mode)


class Orchestrator:
    """Answers streams one after another, and everything else as one does whose log ends at 10."""

    def __init__(self, *streams: Reply) -> None:
        self._streams = list(streams)
        self.asked: list[str] = []
        self.acknowledged: list[str] = []

    def __call__(self, request: Recorded) -> Reply:
        if request.method == "POST":
            self.acknowledged.append(request.path)
            return Reply(409, json={}) if "taken" in request.path else Reply(204)
        if "limit=1" in request.path:
            return Reply(json={"events": [], "next": 0, "last": 10})
        self.asked.append(request.headers["last-event-id"])
        return self._streams.pop(0) if len(self._streams) > 1 else self._streams[0]


def stream(*parts: str) -> Reply:
    return Reply(body="retry: 1000\n\n" + "".join(parts), headers={"content-type": "text/event-stream"}, close=True)


def heard(bus: Workshop, folder: Path, behave: Orchestrator, last: int, kind: str = "a", **options: Any) -> list[str]:
    """What a program tells that hears up to the position `last`; `fails` are positions with how often they fail."""
    fails = options.pop("fails", [])
    with (
        Services(behave) as services,
        Program(
            bus.script(HEARS, "hears"),
            folder,
            HMS_URL=services.url,
            TYPE=kind,
            LAST=str(last),
            FAILS=json.dumps(fails),
            OPTIONS=json.dumps(options),
        ) as program,
    ):
        assert program.ended() == 0, program.told
        assert program.told.endswith("stopped\n")
        return [line for line in program.told.splitlines() if line != "stopped"]


def test_a_stream_that_breaks_goes_on_where_it_broke(bus: Workshop, tmp_path: Path) -> None:
    behave = Orchestrator(
        stream(message(1, text="ü\u2028\x85"), message(2)[:-1]),
        Reply(429, headers={"Retry-After": "1"}),
        Reply(act="reset"),
        stream(message(2), "id: 6\n\n", ":\n\n"),
        stream("id: 7\ndata: no json\n\n"),
        stream(message(7)),
    )
    told = heard(bus, tmp_path, behave, 7, name="one")
    assert [line for line in told if line.startswith("heard")] == [
        f"heard {seq} a undefined {seq}" for seq in (1, 2, 7)
    ]
    assert behave.asked == ["0", "1", "1", "1", "6", "6"]
    assert (tmp_path / ".hms/positions/one").read_text() == "7\n"
    again = Orchestrator(stream(message(8)))
    heard(bus, tmp_path, again, 8, name="one")
    assert again.asked == ["7"]


def test_one_that_throws_is_called_again_and_after_its_attempts_passed_over(bus: Workshop, tmp_path: Path) -> None:
    behave = Orchestrator(stream(message(1), message(2), message(3)))
    told = heard(bus, tmp_path, behave, 3, name="one", attempts=2, fails=[[1, 1], [2, 9]])
    assert [line.split()[1] for line in told if line.startswith("heard")] == ["1", "1", "2", "2", "3"]
    assert 'error 1 one: a "e2" at 2 is passed over' in told


def test_undos_are_acknowledged_if_they_are_mine(bus: Workshop, tmp_path: Path) -> None:
    behave = Orchestrator(
        stream(undo(1, "ship"), undo(2, "pay", "http"), undo(3, "other"), undo(4, "taken"), undo(5, "mail"))
    )
    told = heard(bus, tmp_path, behave, 5, "saga.compensate", saga="a.v1", fails=[[3, -9]])
    mine = [(1, "ship"), (3, "other"), (4, "taken"), (5, "mail")]
    assert told == [f"heard {seq} saga.compensate {step} {seq}" for seq, step in mine]
    paths = [f"/v1/sagas/r%2F1/steps/{step}/compensated" for step in ("ship", "taken", "mail")]
    assert behave.acknowledged == paths


def test_an_undo_that_the_orchestrator_calls_for_is_not_acknowledged(bus: Workshop, tmp_path: Path) -> None:
    behave = Orchestrator(stream(undo(1, "ship", "http"), undo(2, "pay")))
    told = heard(bus, tmp_path, behave, 2, "saga.compensate", allModes=True)
    assert told == ["heard 1 saga.compensate ship 1", "heard 2 saga.compensate pay 2"]
    assert behave.acknowledged == ["/v1/sagas/r%2F1/steps/pay/compensated"]


def test_a_log_that_is_another_is_told_of(bus: Workshop, tmp_path: Path) -> None:
    (tmp_path / ".hms/positions").mkdir(parents=True)
    (tmp_path / ".hms/positions/one").write_text("900\n")
    behave = Orchestrator(stream(message(1)))
    told = heard(bus, tmp_path, behave, 1, name="one")
    assert told[0] == "warning one was at 900, but the log ends at 10: it is another"
    assert behave.asked == ["0"]


def test_one_may_begin_at_the_end(bus: Workshop, tmp_path: Path) -> None:
    behave = Orchestrator(stream(message(11)))
    heard(bus, tmp_path, behave, 11, name="one", start="end")
    assert behave.asked == ["10"]


NAMES = """
import { on } from "@hms-sme/bus";

for (const [types, options] of [[[], {}], [["a"], { name: "../up" }], ["a", {}], ["a", {}]]) {
  try {
    console.log(on(types, () => {}, options).name);
  } catch (error) {
    console.log(error.message);
  }
}
process.exit();
"""


def test_a_subscriber_has_a_name_of_its_own(bus: Workshop, tmp_path: Path) -> None:
    with Program(bus.script(NAMES, "names"), tmp_path) as program:
        assert program.ended() == 0
        assert program.told.splitlines() == [
            "on() needs the types of events to hear",
            'a subscriber cannot be called "../up": give a name of letters, digits, . _ -',
            "names.a",
            "there is a subscriber names.a already: give one of them another name",
        ]
