"""A stop of the real `up`, and what comes while it stops."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hms_orch_cli.application.replay import Rebuilt, differences
from hms_orch_cli.event_store.sqlite_reader import SqliteReader
from tests.acceptance.house import ROOT, House

pytestmark = pytest.mark.process

SAGA = """
id: shop.approval.v1
trigger: order.placed
steps:
  - name: agree
    approval: {prompt: "Ship it?"}
"""

DECIDED_LATE = """
import sys
from hms_orch_cli.application.operations import Operations
from hms_orch_cli.cli.main import run
from hms_orch_cli.dashboard.serve import Server
from hms_orch_cli.orchestrator.orchestrator import Orchestrator

item = sys.argv.pop()
sys.argv = ["hms-orch", "up", "--port", "0", "--until-idle"]
stop_server, stop, ups = Server.stop, Orchestrator.stop, []

async def stopped(self):
    ups.append(self)
    await stop(self)

async def decided(self):
    await stop_server(self)
    (up,) = ups
    await Operations(up, up._reader, up.clock.now_ms).decide(item, "approve", "eve", "so be it")

Orchestrator.stop, Server.stop = stopped, decided
run()
"""


def test_a_decision_that_is_answered_last_is_in_what_is_derived(house: House) -> None:
    """Requests under way are answered when nothing begins any more, and what they change is written down as well."""
    house.deploy(SAGA)
    house.publish("order.placed")
    house.until_idle()
    item = house.run()["sagaId"] + ".1"
    subprocess.run(
        [sys.executable, "-c", DECIDED_LATE, item],
        cwd=house.folder,
        env={**house.env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    with SqliteReader(house.store) as reader:
        rebuilt = Rebuilt()
        rebuilt.fold(reader.contents())
        assert differences(rebuilt, reader) == []
        (row,) = reader.run_rows()
    assert row.state == "COMPLETED"
