"""Traces of a real `up`: what participants were sent and what a collector gets are one tree."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.house import ROOT, House
from tests.acceptance.services import Services, closed_port, ok, problem
from tests.collector import Collector
from tests.participant.fake_service import Reply

pytestmark = pytest.mark.process

OTELCOL = shutil.which("otelcol") or shutil.which("otelcol-contrib")

SAGA = """
id: shop.order.v1
trigger: order.placed
steps:
  - name: pay
    call: svc:/pay
    compensate: svc:/refund
  - name: ship
    call: svc:/ship
retry: {attempts: 2, backoffMs: 10}
"""


def test_what_participants_trace_hangs_below_what_is_collected(house: House, services: Services) -> None:
    services.on("/ship", problem(429, "busy"), problem(422, "no stock"))
    house.deploy(SAGA)
    with Collector() as collector, house.up(env={"HMS_TRACES_URL": collector.url}) as up:
        assert house.orch("publish", "order.placed", "--wait", "--timeout", "30").code == 1
        assert up.stop(signal.SIGTERM) == 0
    assert len(up.err.splitlines()) == 2, f"nothing but where it is: {up.err}"
    run = collector.named("shop.order.v1")
    assert run.trace == house.run()["sagaId"].replace("-", "")
    assert [(span.name, span.about.get("hms.outcome")) for span in collector.spans] == [
        ("pay", "success"),
        ("ship", "retry"),
        ("ship", "failed"),
        ("undo pay", "success"),
        ("shop.order.v1", None),
    ]
    sent = [tuple(request.headers["traceparent"].split("-")[1:3]) for request in services.requests]
    assert sent == [(span.trace, span.id) for span in collector.spans if span.kind == "CLIENT"]


def test_an_attempt_that_was_cut_off_by_a_kill_is_one_span(house: House, services: Services) -> None:
    """Its participant heard of it twice, under one id; it began in the process that is gone."""
    services.on("/pay", Reply(hold="never"), ok())
    house.deploy(SAGA)
    with Collector() as collector:
        with house.up(env={"HMS_TRACES_URL": collector.url}) as up:
            house.publish("order.placed")
            services.arrived("/pay")
            up.stop(signal.SIGKILL)
        house.ok("hms-orch", "up", "--port", "0", "--until-idle", env={"HMS_TRACES_URL": collector.url})
        pay = collector.named("pay")
    assert pay.events == ["cut off and sent again"]
    assert {request.headers["traceparent"].split("-")[2] for request in services.sent("/pay")} == {pay.id}
    assert collector.named("shop.order.v1").error is None


@pytest.mark.skipif(OTELCOL is None, reason="no collector of OpenTelemetry is installed (otelcol)")
def test_the_collector_of_opentelemetry_takes_it(house: House, services: Services, tmp_path: Path) -> None:
    """With the configuration that the docs name, on another port."""
    port = closed_port()
    told = (ROOT / "observability/otel-collector.yaml").read_text(encoding="utf-8")
    config = tmp_path / "collector.yaml"
    config.write_text(told.replace("4318", str(port)))
    house.deploy(SAGA)
    house.publish("order.placed")
    with subprocess.Popen([str(OTELCOL), "--config", str(config)], stderr=subprocess.PIPE, text=True) as collector:
        try:
            assert collector.stderr is not None
            said = next(line for line in collector.stderr if "Everything is ready" in line or "rror" in line)
            assert "Everything is ready" in said
            house.ok(
                *("hms-orch", "up", "--port", "0", "--until-idle"), env={"HMS_TRACES_URL": f"http://127.0.0.1:{port}"}
            )
        finally:
            collector.terminate()
        taken = collector.stderr.read()
    assert re.findall(r"^    Name +: (.*)$", taken, re.MULTILINE) == ["pay", "ship", "shop.order.v1"]
    trace = house.run()["sagaId"].replace("-", "")
    assert set(re.findall(r"^    Trace ID +: (.*)$", taken, re.MULTILINE)) == {trace}


def test_without_a_collector_nothing_of_it_is_loaded(house: House) -> None:
    done = house.orch("up", "--port", "0", "--until-idle", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.code == 0
    assert "hms_orch_cli.orchestrator.runner" in done.err
    assert "opentelemetry" not in done.err
    assert "hms_orch_cli.traces" not in done.err
