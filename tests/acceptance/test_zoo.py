"""Services that break every rule: each call ends as the outcome table says, within its bounds, and `up` goes on.

All animals are met at once by one `up`, each as the service of a call and as the service of an undo. Bytes are counted
and the order of events is compared; how long it took is nobody's concern here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.animals import ANIMALS, STOLEN
from tests.acceptance.house import House
from tests.acceptance.services import Services, problem
from tests.acceptance.zoo import NEVER, REFUSED, SUCCESS, UNKNOWN, Animal, Zoo

pytestmark = pytest.mark.process

EACH = pytest.mark.parametrize("animal", ANIMALS, ids=lambda animal: animal.name)

CALLS = 16
"""Calls that are in flight at a time."""
RESPONSE = 1 << 20
MOST_PUSHED = 2 * RESPONSE + 256_000 + 2 * 65_536 + 6_291_456
"""A whole response with what may be around its body, one read of the loop, and the buffers of both sockets: the
animal's own, which it has asked for, and at most tcp_rmem for the other."""
ALLOWANCE_KIB = 32 << 10
"""What the first use of everything costs `up` apart from bodies: TLS, 173 runs and their tables. Measured are 58 to 66
MiB for it and the bodies together, of which 28 are the values in 1 MiB of empty lists."""


def definition(animal: Animal, op: str) -> dict[str, Any]:
    """A saga file in which the animal is called, or asked to undo."""
    patience = {
        "retry": {"attempts": 2, "backoffMs": 10, "jitter": 0, "budgetMs": 60_000},
        "timeoutMs": animal.timeout_ms,
    }
    lair, home = f"{animal.name.replace('_', '-')}:/ask", f"svc:/{op}/{animal.name}"
    call, undo = (lair, f"{home}/undo") if op == "call" else (f"{home}/do", lair)
    service, path = undo.split(":")
    tested = {"name": "tested", "call": call, "compensate": {"service": service, "path": path, **patience}, **patience}
    return {
        "id": f"{op}.{animal.name}",
        "trigger": "zoo.opens",
        "steps": [
            {"name": "before", "call": f"{home}/before", "compensate": f"{home}/unbefore"},
            tested,
            {"name": "after", "call": f"{home}/after"},
        ],
        "retry": {"attempts": 1},
    }


PLAIN = {
    "id": "plain.work",
    "trigger": "work.asked",
    "steps": [{"name": "work", "call": "svc:/work"}, {"name": "more", "call": "svc:/more"}],
}
PAIRS_ASKED = 5
PAIRS = {
    "id": "pairs",
    "trigger": "pairs.asked",
    "steps": [{"name": f"step_{n}", "call": f"two-answers:/pairs/{n}"} for n in range(PAIRS_ASKED)],
}


class Met:
    """What is left once everybody has been met."""

    def __init__(self, house: House, services: Services, zoo: Zoo) -> None:
        self.services, self.zoo = services, zoo
        self.all_runs = house.runs("--limit", "1000")
        self.runs = {row["saga"]: row for row in self.all_runs}
        self.log = house.log()
        self.console = ""
        self.peaks_kib: list[int] = []

    def facts(self, saga: str) -> list[dict[str, Any]]:
        """The events of a saga's run."""
        saga_id = self.runs[saga]["sagaId"]
        return [event for event in self.log if (event.get("data") or {}).get("sagaId") == saga_id]

    def story(self, saga: str) -> list[str]:
        """The events of a saga's run as `type step`."""
        return [
            f"{fact['type'].removeprefix('saga.')} {fact['data'].get('step', {}).get('name', '')}".strip()
            for fact in self.facts(saga)
            if fact["type"] != "saga.step.accepted"  # a 202 or 425: the attempt goes on
        ]

    def step(self, saga: str) -> dict[str, Any]:
        """The step under test, as status shows it."""
        return next(step for step in self.runs[saga]["steps"] if step["name"] == "tested")


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Met]:
    """Everybody, met by one `up`, with a well-behaved run before and after."""
    house = House(tmp_path_factory.mktemp("zoo"))
    with Services() as services, Zoo(ANIMALS) as zoo:
        house.address_book(svc=services.url, more=f"[limits]\ncalls = {CALLS}\n", **zoo.urls)
        sagas = [PLAIN, PAIRS, *(definition(animal, op) for animal in ANIMALS for op in ("call", "undo"))]
        for saga in sagas:
            house.write(f"sagas/{saga['id']}.yaml", json.dumps(saga))
        for animal in ANIMALS:
            services.on(f"/undo/{animal.name}/after", problem(422, "no"))
        house.ok("hms-orch", "deploy", "sagas")
        with house.up() as up:
            house.ok("hms-bus", "publish", "work.asked", "--wait")
            peaks = [_peak_kib(up.pid)]
            house.bus("publish", "zoo.opens", "--wait", "--timeout", "50")
            house.ok("hms-bus", "publish", "pairs.asked", "--wait", "--timeout", "50")
            peaks.append(_peak_kib(up.pid))
            house.ok("hms-bus", "publish", "work.asked", "--wait", "--timeout", "50")
            assert up.stop() == 130, up.err
        found = Met(house, services, zoo)
        found.console, found.peaks_kib = up.out + up.err, peaks
        yield found


def _peak_kib(pid: int) -> int:
    """The most memory a process has had so far (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@EACH
def test_the_run_of_a_call_goes_as_the_table_says(met: Met, animal: Animal) -> None:
    """In doubt: undone; a definite no, or definitely not taken: not undone. Each fact in its order, once."""
    saga = f"call.{animal.name}"
    expected = {
        SUCCESS: ("COMPLETED", "SUCCEEDED"),
        REFUSED: ("FAILED", "FAILED"),
        NEVER: ("FAILED", "FAILED"),
        UNKNOWN: ("FAILED", "COMPENSATED"),
    }
    assert (met.runs[saga]["state"], met.step(saga)["state"]) == expected[animal.ends]
    assert met.step(saga)["attempts"] == animal.attempts
    tried = ["step.started tested", "step.retrying tested"] * animal.attempts
    begun = ["started", "step.started before", "step.succeeded before", *tried[:-1]]
    if animal.ends == SUCCESS:
        ended = ["step.succeeded tested", "step.started after", "step.succeeded after", "completed"]
    else:
        undone = ["compensate tested", "step.compensated tested"] * (animal.ends == UNKNOWN)
        ended = [
            "step.failed tested",
            "compensating",
            *undone,
            "compensate before",
            "step.compensated before",
            "failed",
        ]
    assert met.story(saga) == begun + ended
    assert len(met.services.sent(f"/call/{animal.name}/undo")) == (animal.ends == UNKNOWN)


@EACH
def test_the_run_of_an_undo_goes_as_the_table_says(met: Met, animal: Animal) -> None:
    """Done, or as often as it may be tried and then STUCK: a person is asked, and what came before is not undone."""
    saga = f"undo.{animal.name}"
    is_done = animal.ends == SUCCESS
    expected = ("FAILED", "COMPENSATED") if is_done else ("STUCK", "STUCK")
    assert (met.runs[saga]["state"], met.step(saga)["state"]) == expected
    steps = ["step.started before", "step.succeeded before", "step.started tested", "step.succeeded tested"]
    tried = ["compensate tested", "step.retrying tested"] * animal.attempts
    begun = ["started", *steps, "step.started after", "step.failed after", "compensating", *tried[:-1]]
    undone = ["step.compensated tested", "compensate before", "step.compensated before", "failed"]
    assert met.story(saga) == begun + (undone if is_done else ["step.stuck tested", "hitl.queued tested", "stuck"])


@EACH
def test_the_log_says_what_was_wrong(met: Met, animal: Animal) -> None:
    """The last attempt's reason, in the call and in the undo."""
    for saga, kind in ((f"call.{animal.name}", "saga.step.failed"), (f"undo.{animal.name}", "saga.step.stuck")):
        reasons = [
            fact["data"]["reason"]
            for fact in met.facts(saga)
            if fact["type"] == kind and fact["data"]["step"]["name"] == "tested"
        ]
        assert len(reasons) == (animal.ends != SUCCESS)
        assert all(reason and animal.reason in reason for reason in reasons), reasons


@EACH
def test_an_animal_gets_rid_of_no_more_than_the_limit(met: Met, animal: Animal) -> None:
    """Bytes on each connection; those that would go on for ever were cut off, and were read from before."""
    pushed = [visit.pushed for visit in met.zoo.visits_of(animal.name)]
    assert pushed
    assert max(pushed) <= MOST_PUSHED
    if animal.is_endless:
        assert len(pushed) == 2 * animal.attempts, "a connection that was cut off is not used again"


@EACH
def test_an_animal_is_asked_no_more_often_than_the_log_says(met: Met, animal: Animal) -> None:
    """One POST for each attempt at most, polls are none."""
    requests = sum(visit.requests for visit in met.zoo.visits_of(animal.name))
    assert requests <= 2 * animal.attempts + PAIRS_ASKED * (animal.name == "two_answers")


def test_nothing_of_it_reaches_the_console_raw(met: Met) -> None:
    """No control character but the new line, nothing that turns letters around or hides them."""
    assert "owned" in met.console
    assert {sign for sign in met.console if not sign.isprintable()} == {"\n"}


def test_the_orchestrator_goes_on(met: Met) -> None:
    """A well-behaved run ended well before the zoo and after it, and nothing is left open but what needs a person."""
    assert [run["state"] for run in met.all_runs if run["saga"] == "plain.work"] == ["COMPLETED"] * 2
    assert {run["state"] for run in met.all_runs} == {"COMPLETED", "FAILED", "STUCK"}


def test_no_call_gets_the_answer_that_belongs_to_none(met: Met) -> None:
    """Each of five calls in a row got its own, although each came with a second one."""
    answers = [fact["data"]["answer"]["for"] for fact in met.facts("pairs") if fact["type"] == "saga.step.succeeded"]
    assert answers == [f"/pairs/{n}" for n in range(PAIRS_ASKED)]
    assert STOLEN not in json.dumps(met.log)


def test_memory_is_bounded_by_the_calls_in_flight(met: Met) -> None:
    """The peak grows by at most four times the limit of a body for each call in flight, and an allowance."""
    before, after = met.peaks_kib
    assert after - before < CALLS * 4 * (RESPONSE >> 10) + ALLOWANCE_KIB
