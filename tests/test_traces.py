"""Traces of runs, as a collector gets them from OpenTelemetry's exporter."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from hms_orch_cli import traces, wiring
from hms_orch_cli.errors import HmsError
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.saga.identity import attempt_span, span_id, trace_id
from hms_orch_cli.traces import Traces
from tests.acceptance.services import closed_port
from tests.collector import Collector

from .orchestrator.house import SAGA, Doors, House, Services, content, event_id, ok, said, until
from .specs import ARRIVAL, step, wait

CAME_WITH = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def traced(house: House, url: str) -> Traces:
    """The house's next process sends its traces there."""
    sender = Traces(url, house.store)
    house.heard = sender  # type: ignore[assignment]  # an observer as the other one
    return sender


async def one_life(house: House, url: str) -> None:
    """A process from its start to its end."""
    sender = traced(house, url)
    await house.run()
    await sender.stop()


async def test_a_run_that_is_undone(collector: Collector) -> None:
    services = Services(lambda request: said(422) if request.step == "ship" else ok())
    house = House(content(step("pay"), step("ship")), services=services)
    house.publish("e-1", data={"id": 1})
    await one_life(house, collector.url)
    (saga_id,) = house.ids()
    run = collector.named(SAGA)
    assert {span.trace for span in collector.spans} == {trace_id(saga_id)}
    assert (run.parent, run.kind, run.error, run.about["hms.state"]) == ("", "CONSUMER", "ship: 422 says 422", "FAILED")
    assert run.about["cloudevents.event_id"] == "e-1"
    assert [(span.name, span.kind, span.parent, span.error) for span in collector.spans if span is not run] == [
        ("pay", "CLIENT", run.id, None),
        ("ship", "CLIENT", run.id, "says 422"),
        ("undo pay", "CLIENT", run.id, None),
    ]
    assert collector.named("ship").about["http.response.status_code"] == 422
    (row,) = house.rows()
    assert (run.began, run.ended) == (row.started_at * 1_000_000, (row.ended_at or 0) * 1_000_000)
    assert run.events == ["turned back"]


async def test_it_says_who_sends(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=ours")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=s3cr3t")
    house = House(content(step("pay")))
    house.publish("e-1")
    await one_life(house, collector.url)
    (resource,) = collector.resources
    assert resource["service.name"] == "ours"
    assert resource["deployment.environment.name"] == "test"
    ((path, headers),) = collector.requests
    assert path == "/v1/traces"
    assert headers["x-key"] == "s3cr3t"


async def test_by_default_it_sends_as_hms_orch(collector: Collector) -> None:
    house = House(content(step("pay")))
    house.publish("e-1")
    await one_life(house, f"{collector.url}/v1/traces")
    assert collector.resources[0]["service.name"] == "hms-orch"
    assert [path for path, _ in collector.requests] == ["/v1/traces"]


async def test_a_trace_goes_on_after_a_restart(collector: Collector) -> None:
    """The wait began in a process that is gone; the attempt before it is not told again."""
    house = House(content(step("pay"), wait("hear")))
    house.publish("e-1")
    await one_life(house, collector.url)
    assert [span.name for span in collector.spans] == ["pay"]
    house.publish("e-2", kind=ARRIVAL)
    await one_life(house, collector.url)
    assert [span.name for span in collector.spans] == ["pay", "hear: wait for an event", SAGA]
    (began,) = [event.time for event in house.events("saga.step.waiting")]
    waited = collector.spans[1]
    assert waited.parent == span_id("run")
    assert waited.began // 1_000_000 == traces.from_rfc3339(began)


async def test_a_run_that_is_not_kept_is_folded_anew(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MOST_TRACES", 1)
    doors = Doors("e-1", "e-2", "e-3")
    services = Services(doors)
    house = House(content(step("pay"), step("ship")), services=services)
    house.publish("e-1", "e-2", "e-3")
    sender = traced(house, collector.url)
    process = house.up()
    await until(lambda: len(services.calls) == 3)
    doors.open()
    await process.until_idle()
    await process.stop()
    await sender.stop()
    assert sorted(span.name for span in collector.spans) == sorted(["pay", "ship", SAGA] * 3)
    assert len({(span.trace, span.id) for span in collector.spans}) == 9


async def test_a_run_is_linked_to_the_trace_that_its_event_came_with(collector: Collector) -> None:
    house = House(content(step("pay")))
    house.publish("e-1", extensions=json.dumps({"traceparent": CAME_WITH}))
    house.publish("e-2", extensions=json.dumps({"traceparent": "00-nonsense"}))
    house.publish("e-3", extensions=json.dumps({"traceparent": 5}))
    await one_life(house, collector.url)
    runs = {span.about["cloudevents.event_id"]: span for span in collector.spans if span.name == SAGA}
    assert runs["e-1"].links == [("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")]
    assert runs["e-1"].trace != "0af7651916cd43dd8448eb211c80319c"
    assert runs["e-2"].links == runs["e-3"].links == []


async def test_a_run_is_linked_to_the_run_that_led_to_it(collector: Collector) -> None:
    next_saga = {
        **content(step("bill")),
        "id": "next.v1",
        "trigger": "saga.completed",
        "filter": f'data.saga == "{SAGA}"',
    }
    house = House(content(step("pay")), next_saga)
    house.publish("e-1")
    await one_life(house, collector.url)
    first, second = collector.named(SAGA), collector.named("next.v1")
    assert second.links == [(first.trace, first.id)]


async def test_what_is_sent_along_with_a_call_is_the_parent_that_is_collected(collector: Collector) -> None:
    house = House(content(step("pay")))
    house.publish("e-1")
    await one_life(house, collector.url)
    (call,) = house.services.calls
    assert event_id(call) == "e-1"
    assert collector.named("pay").id == attempt_span(call.step, call.op, call.attempt)


@pytest.mark.parametrize(
    ("status", "why"), [(503, "Service Unavailable"), (401, "401, reason: Unauthorized"), (0, "Connection refused")]
)
async def test_a_collector_that_takes_nothing_holds_nothing_up(
    status: int, why: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says what is lost and why, however often it was tried."""
    monkeypatch.setattr(traces, "STOP_S", 0.1)  # the exporter alone would try for ten seconds
    with Collector(status) as away:
        house = House(content(step("pay")))
        house.publish(*(f"e-{n}" for n in range(40)))
        sender = traced(house, away.url if status else f"http://127.0.0.1:{closed_port()}")
        await house.run()
        assert house.states() == ["COMPLETED"] * 40
        await sender.stop()
        async with asyncio.timeout(30):
            while not caplog.records:
                await asyncio.sleep(0.01)
    assert [record.message for record in caplog.records] == [
        f"80 spans could not be sent to 127.0.0.1 and are dropped: {why}"
    ]


async def test_no_run_is_held_up_for_its_trace(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Traces, *_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Traces, "_send", broken)
    house = House(content(step("pay")))
    house.publish("e-1")
    with caplog.at_level(logging.ERROR):
        await one_life(house, collector.url)
    assert house.states() == ["COMPLETED"]
    assert any("is not whole" in record.message for record in caplog.records)


async def test_an_event_that_starts_no_run_has_no_trace(collector: Collector) -> None:
    house = House(content(step("pay"), filter="data.nothing > 1"))
    house.publish("e-1", data={"id": 1})
    await one_life(house, collector.url)
    assert house.kinds() == ["filter.failed"]
    assert collector.requests == []


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "hms_orch_cli.traces")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(HmsError, match=r"\[traces\] url needs .*opentelemetry") as refused:
        wiring._traces("http://127.0.0.1:4318", MemoryStore())
    assert refused.value.hint == "pip install 'hms-orch[otel]'"
