"""A day at the office, for a browser to look at: runs in every state, told by hand, over a store in memory.

    python -m tests.browser.scenery [PORT]

serves it until it is interrupted.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from math import exp, sin
from pathlib import Path
from random import Random
from typing import Any, Final
from zlib import crc32

import orjson

from hms_orch_cli.dashboard.serve import Server, bind
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.ports.services import Service
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.views.health import Health
from tests.dashboard.house import House, open_house

SAGAS: Final = Path(__file__).parents[2] / "sagas"
NEVER: Final = 86_400.0
"""Seconds of a call whose answer nobody lives to see."""

SAYS: Final[Mapping[str, Any]] = {
    "/recalc": {"message": "117 956 payments updated", "count": 117_956},
    "/broadcast": {"message": "2 001 445 e-mails queued"},
    "/snapshot": {"message": "snapshot #834 saved", "snapshot": 834},
    "/reservations": {"reservationId": "R-20931", "message": "7 400 reserved"},
    "/assessments": {"claimId": "C-4471", "instalments": 6},
    "/rent-allowances/recalc": {"amount": 312.5, "message": "312.50 a month from December"},
    "/moves": {"message": "informed"},
    "/addresses": {"message": "Lindenallee 4, 20457 Harbour"},
    "/pensions/recalc": {"message": "88 210 pensions recalculated"},
}

BROKEN: Final = """
id: shop.label.v1
trigger: label.wanted
steps:
  - name: print_label
    call: print-svc:/labels
    compensate: print-svc:/labels/void
  - name: hand_over
    call: van-svc:/pickups
retry: {attempts: 2, backoffMs: 20}
"""

NAMES = ("payment", "notice", "archive", "assessment", "registry", "insurer", "print", "post", "care", "aids", "van")
BOOK: Final = {
    f"{name}-svc": Service(f"https://{name}.benefits.example" if place % 3 else f"http://10.20.0.{place + 11}:8080")
    for place, name in enumerate(NAMES)
}

Told = int | str | tuple[int, str]
"""A status, a status with the participant's own words, or `lost` (no answer) and `slow` (none ever)."""


class Cast:
    """Participants that play what is written for an event: by path, one line for each attempt, the last repeats."""

    def __init__(self, pace_s: float = 0.0) -> None:
        self.plays: dict[str, dict[str, Sequence[Told]]] = {}
        self._pace_s = pace_s
        self._times: dict[tuple[str, str], int] = {}

    async def call(self, request: CallRequest) -> Answer:
        """The line for this attempt, after a while of acting."""
        envelope = orjson.loads(request.body or b"{}")
        event = envelope.get("event", {}).get("id", "") if isinstance(envelope, dict) else ""
        lines = self.plays.get(event, {}).get(request.path, (200,))
        time = self._times.get((event, request.path), 0)
        self._times[event, request.path] = time + 1
        line = lines[min(time, len(lines) - 1)]
        await asyncio.sleep(self._pace_s * (1 + crc32(request.key.encode()) % 9))
        if line == "slow":
            await asyncio.sleep(NEVER)
        if line == "lost":
            return Answer(Wire.LOST, reason="the connection broke after the request was sent")
        if isinstance(line, tuple):
            return Answer(Wire.ANSWERED, line[0], reason=line[1])
        return Answer(Wire.ANSWERED, int(line), SAYS.get(request.path, {"message": "done"}))

    async def close(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def stage(port: int = 0, pace_s: float = 0.02, **access: Any) -> AsyncIterator[tuple[House, Cast, Server]]:
    """A house on a real port of the loopback, with the definitions of `sagas/` and nothing that has run; `access` is
    that of `open_house`."""
    cast = Cast(pace_s)
    async with open_house(participants=cast, services=BOOK, event_bytes=1 << 20, **access) as house:
        server = bind("127.0.0.1", port)
        await server.start(house.app)
        try:
            for path in sorted(SAGAS.glob("*.yaml")):
                if not path.name.endswith(".test.yaml"):
                    await house.deploy(path.read_text(encoding="utf-8"))
            await house.deploy(BROKEN)
            yield house, cast, server
        finally:
            await server.stop()


async def play(house: House, cast: Cast) -> None:
    """Runs in every state."""
    number = 0

    async def happen(kind: str, data: Any, lines: Mapping[str, Sequence[Told]] | None = None) -> None:
        nonlocal number
        number += 1
        event = {"specversion": "1.0", "id": f"{kind.split('.')[0]}-{4_400 + number}", "source": "case-office"}
        cast.plays[event["id"]] = dict(lines or {})
        await house.publish({**event, "type": kind, "data": data})
        await asyncio.sleep(0.05)

    policy = {"policyId": "dol.unemployment.v3", "validFrom": "2026-12-01", "percent": 4.2}
    moved = {"householdId": "H-7731", "children": 2, "address": "Lindenallee 4"}
    for _ in range(3):
        await happen("policy.changed", policy)
    await happen("label.wanted", {"parcel": "P-1"}, {"/pickups": [(409, "the van has left")],
                 "/labels/void": [(403, "labels of yesterday cannot be voided")]})  # fmt: skip
    await happen("household.moved", moved)
    await happen("policy.changed", policy, {"/broadcast": [(422, "the mail gateway is closed for maintenance")]})
    await happen("household.moved", moved, {"/files/transfer": [(409, "the file is on somebody's desk")]})
    await happen("policy.changed", policy, {"/recalc": [503, 200]})
    await happen("claim.granted", {"personId": "p-17", "office": "north", "amount": 640, "validFrom": "2026-12-01"},
                 {"/decisions": ["slow"]})  # fmt: skip
    await happen("claim.corrected", {"personId": "p-17", "office": "north", "amount": 655, "validFrom": "2026-12-01"})
    await happen("backpayment.requested", {"personId": "p-20", "amount": 7_400})
    await happen("overpayment.found", {"personId": "p-31", "amount": 1_250})
    await happen("pension.adjusted", {"year": 2027}, {"/jobs": [(422, "paper tray 4 is empty")]})
    await happen("care.level.raised", {"personId": "p-40", "level": 3}, {"/notices": [(422, "policy is unknown")]})
    await happen("policy.changed", policy, {"/snapshot": [(503, "the archive is being moved"), "slow"]})
    await happen("policy.changed", policy, {"/broadcast": ["slow"]})
    await happen("backpayment.requested", {"personId": "p-22", "amount": 980})
    claim = {"office": "north", "validFrom": "2026-12-01"}
    await happen("claim.corrected", {**claim, "personId": "p-17", "amount": 661})
    await happen("claim.granted", {**claim, "personId": "p-22", "amount": 310}, {"/decisions": ["slow"]})
    (paused,) = [lock["holder"] for lock in house.office.locks() if lock["key"] == "p-22"]
    told = {"actor": "maria", "note": "the amount is wrong"}
    await house.client.post(f"/v1/sagas/{paused['sagaId']}/pause", json=told)
    text = (SAGAS / "benefit-increase.yaml").read_text(encoding="utf-8")
    await house.deploy(text.replace("attempts: 3", "attempts: 5").replace("/snapshot", "/snapshots"))
    await house.client.post("/v1/definitions/dol.pension.notices.v1/pause", json={"actor": "maria", "note": "no paper"})
    await asyncio.sleep(1)


def remember(house: House) -> None:
    """The hours before, for the charts: a busy day with a bad quarter of an hour."""
    now = house.office.clock.now_ms()
    chance = Random(7)
    for minute in range(1, 60):
        at = now - minute * 60_000
        bad = 18 <= minute <= 24
        for _ in range(int(14 + 9 * sin(minute / 9) + chance.random() * 6)):
            saga = chance.choice(("dol.benefit.increase.v1", "dol.claim.decided.v1", "dol.household.moved.v1"))
            house.heard.began(saga, at)
            took = int(300 * exp(chance.gauss(0, 0.7))) * (4 if bad else 1)
            if chance.random() < (0.4 if bad else 0.03):
                house.heard.ended(saga, "failed", at, took * 2)
                house.heard.failed(saga, "send_decision" if "claim" in saga else "send_notices", at)
            else:
                house.heard.ended(saga, "completed" if chance.random() > 0.01 else "cancelled", at, took)
            for service in ("payment-svc", "notice-svc", "registry-svc"):
                health = house.heard.health.setdefault(service, Health())
                down = service == "notice-svc" and bad and chance.random() < 0.6
                health.answered(at, took // 3, 503 if down else 200, "the gateway is closed" if down else "")


async def _serve(port: int) -> None:
    async with stage(port) as (house, cast, server):
        remember(house)
        await play(house, cast)
        sys.stderr.write(f"{server.shown_url}\n")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]) if len(sys.argv) > 1 else 7_700))
