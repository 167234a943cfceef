"""/metrics, read back by the parsers of Prometheus."""

from __future__ import annotations

import asyncio
import re

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from hms_orch_cli.dashboard.metrics import COUNTERS, FAILURES, UNFINISHED
from hms_orch_cli.ports.clock import Clock
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.attention import DECISIONS
from hms_orch_cli.saga.outcome import Answer, Wire
from tests.dashboard.house import House, event, open_house, saga
from tests.documents import document, rows, section, words
from tests.event_store.gate import Gate

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def samples(house: House) -> Samples:
    """name and labels -> value"""
    answer = await house.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def labels(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


async def some_runs(house: House) -> None:
    """Two completed, one failed, one stuck, one that waits, one filter that cannot be evaluated."""
    await house.deploy()
    await house.publish(event(1), event(2))
    await house.settle()
    house.participants.answers["/ship"] = Answer(Wire.ANSWERED, 422)
    await house.publish(event(3))
    await house.settle()
    house.participants.answers["/refund"] = Answer(Wire.ANSWERED, 409)
    await house.publish(event(4))
    await house.settle()
    house.participants.answers["/pay"] = Answer(Wire.ANSWERED, 202)
    await house.publish(event(5), event(6, data={"other": 1}))
    await house.settle()


async def test_counts_are_those_of_the_log(house: House) -> None:
    await some_runs(house)
    found = await samples(house)
    one = "shop.order.v1"
    expected = {
        ("saga_started_total", labels(saga=one)): 5,
        ("saga_duration_ms_count", labels(saga=one, outcome="completed")): 2,
        ("saga_duration_ms_bucket", labels(saga=one, outcome="completed", le="+Inf")): 2,
        ("saga_duration_ms_bucket", labels(saga=one, outcome="completed", le="86400000.0")): 2,
        ("saga_duration_ms_count", labels(saga=one, outcome="failed")): 1,
        ("saga_fail_total", labels(saga=one, outcome="failed")): 1,
        ("saga_fail_total", labels(saga=one, outcome="stuck")): 1,
        ("saga_fail_total", labels(saga=one, outcome="abandoned")): 0,
        ("saga_step_attempts_total", labels(saga=one, op="call", outcome="success")): 6,
        ("saga_step_attempts_total", labels(saga=one, op="call", outcome="failed")): 2,
        ("saga_step_attempts_total", labels(saga=one, op="compensate", outcome="success")): 1,
        ("saga_compensation_failures_total", labels(saga=one)): 1,
        ("saga_filter_errors_total", labels(saga=one)): 1,
        ("saga_calls_in_flight", ()): 0,
        ("saga_event_backlog", ()): 0,
        ("saga_ready", ()): 1,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert found["saga_duration_ms_sum", labels(saga=one, outcome="completed")] >= 0


async def test_buckets_rise(house: House) -> None:
    await some_runs(house)
    found = await samples(house)
    buckets = [(float(dict(key[1])["le"]), value) for key, value in found.items()
               if key[0] == "saga_duration_ms_bucket" and ("outcome", "completed") in key[1]]  # fmt: skip
    assert sorted(buckets) == buckets
    assert [value for _, value in buckets] == sorted(value for _, value in buckets)


async def test_unfinished_runs_are_counted_by_state(house: House) -> None:
    await some_runs(house)
    house.orchestrator.projection.flush()
    await house.deploy(saga("other.v1"))  # a commit that takes the derived rows along
    found = await samples(house)
    states = {dict(key[1])["state"]: value for key, value in found.items() if key[0] == "saga_in_flight"}
    assert states == {"RUNNING": 0, "WAITING": 1, "PAUSED": 0, "COMPENSATING": 0, "STUCK": 1}


async def test_no_label_holds_the_id_of_a_run_or_an_event(house: House) -> None:
    await some_runs(house)
    runs = (await house.client.get("/v1/sagas")).json()["sagas"]
    text = (await house.client.get("/metrics")).text
    assert not [run["sagaId"] for run in runs if run["sagaId"] in text]
    assert "_created" not in text
    names = {name for _, told in await samples(house) for name, _ in told}
    assert names == {"saga", "outcome", "op", "state", "kind", "le", "service", "answer", "version"}


async def test_openmetrics_is_spoken_too(house: House) -> None:
    await some_runs(house)
    answer = await house.client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "saga_fail" in {family.name for family in read_openmetrics(answer.text)}


async def test_an_orchestrator_that_has_done_nothing_has_metrics(house: House) -> None:
    found = await samples(house)
    assert found["saga_ready", ()] == 1
    assert found["saga_oldest_unfinished_seconds", ()] == 0


async def test_what_participants_answer_is_measured(house: House) -> None:
    await some_runs(house)
    found = await samples(house)
    counted = {key[1]: value for key, value in found.items() if key[0] == "saga_call_seconds_count"}
    assert counted == {
        labels(service="pay-svc", answer="2xx"): 6,  # five calls, one undo
        labels(service="pay-svc", answer="4xx"): 1,
        labels(service="ship-svc", answer="2xx"): 2,
        labels(service="ship-svc", answer="4xx"): 2,
    }
    assert found["saga_call_seconds_bucket", labels(service="pay-svc", answer="2xx", le="+Inf")] == 6


async def test_what_runs_wait_for_is_told(house: House) -> None:
    house.participants.answers["/pay"] = Answer(Wire.ANSWERED, 202)
    await house.deploy(saga().replace("trigger:", "lock: data.n\ntrigger:"))
    assert (await samples(house))["saga_lock_line_oldest_seconds", ()] == 0
    await house.publish(event(1), event(2, data={"n": 1}))
    await house.settle()
    house.orchestrator.projection.flush()
    await house.deploy(saga("other.v1"))  # a commit that takes the derived rows along
    house.office.clock = Later(house.office.clock, 90_000)
    found = await samples(house)
    assert found["saga_lock_line", ()] == 1
    assert 90 <= found["saga_lock_line_oldest_seconds", ()] < 300
    assert 90 <= found["saga_oldest_unfinished_seconds", ()] < 300


async def test_a_definition_that_is_paused_is_told(house: House) -> None:
    await house.deploy()
    await house.settle()
    key = "saga_definition_paused", labels(saga="shop.order.v1")
    assert (await samples(house))[key] == 0
    await house.client.post("/v1/definitions/shop.order.v1/pause", json={"note": "later"})
    assert (await samples(house))[key] == 1
    await house.client.post("/v1/definitions/shop.order.v1/resume", json={})
    assert (await samples(house))[key] == 0


async def test_what_is_deployed_counts_from_zero(house: House) -> None:
    """An alarm on a rise needs something to rise from."""
    await house.deploy()
    await house.settle()
    found = await samples(house)
    one = "shop.order.v1"
    zeros = {
        *((f"{name}_total", labels(saga=one)) for name in COUNTERS),
        *(("saga_fail_total", labels(saga=one, outcome=outcome)) for outcome in FAILURES),
        *(("saga_hitl_queued_total", labels(saga=one, kind=kind)) for kind in DECISIONS),
        *(("saga_hitl_open", labels(saga=one, kind=kind)) for kind in DECISIONS),
        *(("saga_in_flight", labels(saga=one, state=state)) for state in UNFINISHED),
    }
    assert {key: found.get(key) for key in zeros} == dict.fromkeys(zeros, 0)


async def test_calls_and_the_places_for_them(house: House) -> None:
    doors = asyncio.Event()

    async def slow(request: CallRequest) -> Answer:
        await doors.wait()
        return Answer(Wire.ANSWERED, 200)

    house.participants.call = slow  # type: ignore[method-assign]
    await house.deploy()
    await house.publish(*(event(n) for n in range(12)))
    async with asyncio.timeout(20):
        while (found := await samples(house))["saga_calls_in_flight", ()] < 8:
            await asyncio.sleep(0)
    assert found["saga_calls_limit", ()] == 8
    assert found["saga_event_backlog", ()] > 0, "what finds no place waits in the log"
    doors.set()
    await house.settle()
    found = await samples(house)
    assert (found["saga_calls_in_flight", ()], found["saga_event_backlog", ()]) == (0, 0)


async def test_events_that_are_refused_are_counted() -> None:
    disk = Gate()
    async with open_house(waiting=2, store=disk) as house:
        disk.open.clear()
        taken = asyncio.ensure_future(house.publish(event(1), event(2)))
        await asyncio.to_thread(disk.entered.acquire)
        assert (await house.publish(event(3), event(4), event(5))).status_code == 429
        found = await samples(house)
        assert (found["saga_events_refused_total", ()], found["saga_appends_waiting", ()]) == (3, 2)
        disk.open.set()
        await taken
        found = await samples(house)
        assert (found["saga_log_events_total", ()], found["saga_appends_waiting", ()]) == (2, 0)
        assert found["saga_append_seconds_count", ()] >= 1


async def test_the_page_names_every_metric(house: House) -> None:
    text = (await house.client.get("/metrics")).text
    known = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    told = {words(row[0])[0]: row[1] for row in rows(section(document("observability.md"), "## Metrics"))}
    assert set(told) == {name for name in known if not name.startswith("process_")}


class Later:
    """A clock that is ahead of another one."""

    def __init__(self, clock: Clock, ms: int) -> None:
        self._clock = clock
        self._ms = ms

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return self._clock.now_ms() + self._ms
