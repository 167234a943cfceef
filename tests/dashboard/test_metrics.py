"""/metrics, read back by the parsers of Prometheus."""

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from hms_orch_cli.saga.outcome import Answer, Wire
from tests.dashboard.house import House, event, saga

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
    assert names == {"saga", "outcome", "op", "state", "kind", "le"}


async def test_openmetrics_is_spoken_too(house: House) -> None:
    await some_runs(house)
    answer = await house.client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "saga_fail" in {family.name for family in read_openmetrics(answer.text)}


async def test_an_orchestrator_that_has_done_nothing_has_metrics(house: House) -> None:
    found = await samples(house)
    assert found["saga_ready", ()] == 1
    assert found["saga_oldest_unfinished_seconds", ()] == 0
