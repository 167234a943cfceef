"""The saga that every loop runs: three POSTs, one after another, each with the body and headers that hms-orch sends.

The peer's environment imports it too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

SAGA = "dol.benefit.increase.v1"
TRIGGER = "policy.changed"
DATA = {"policyId": "dol.unemployment.v3"}


class Step(NamedTuple):
    """A step as the saga file has it. All three services stand at the one target."""

    name: str
    service: str
    path: str
    undo: str


STEPS = (
    Step("recalc_payments", "payment-svc", "/recalc", "/revert"),
    Step("send_notices", "notice-svc", "/broadcast", "/cancel"),
    Step("archive_rule", "archive-svc", "/snapshot", "/deleteSnapshot"),
)

YAML = """\
id: dol.benefit.increase.v1
trigger:  policy.changed
filter:   data.policyId == "dol.unemployment.v3"
steps:
  - name: recalc_payments
    call:  payment-svc:/recalc
    compensate: payment-svc:/revert
  - name: send_notices
    call:  notice-svc:/broadcast
    compensate: notice-svc:/cancel
  - name: archive_rule
    call:  archive-svc:/snapshot
    compensate: archive-svc:/deleteSnapshot
retry:
  attempts: 3
  backoffMs: 2000
timeoutMs: 300000
"""

GROUP = (
    *STEPS,
    Step("tell_treasury", "payment-svc", "/announce", "/withdraw"),
)
"""Four steps that may stand side by side."""


def group_yaml(parallel: bool) -> str:
    """The saga of `GROUP`: its steps side by side, or one after another."""
    head, _, _ = YAML.partition("steps:\n")
    steps = "".join(
        f"{{name: {s.name}, call: {s.service}:{s.path}, compensate: {s.service}:{s.undo}}}, " for s in GROUP
    )
    items = f"[{{parallel: true, steps: [{steps}]}}]" if parallel else f"[{steps}]"
    return f"{head}steps: {items}\nretry: {{attempts: 3, backoffMs: 2000}}\ntimeoutMs: 300000\n"


TOKEN = "Bearer " + "x" * 470
"""As long as a signed token, but made once: the loops beside the product sign nothing."""

CALLBACK = "http://localhost:58993/v1/callbacks/" + "c" * 118
"""As long as the address that an attempt gets."""


def saga_id(number: int) -> str:
    """An id of the length that a run's has."""
    return f"0199d000-0000-7000-8000-{number:012d}"


def body(run: str, step: Step, context: dict[str, Any], op: str = "call", result: Any = None) -> bytes:
    """The envelope of SPEC section 3."""
    envelope: dict[str, Any] = {
        "sagaId": run,
        "saga": SAGA,
        "step": step.name,
        "op": op,
        "attempt": 1,
        "callback": CALLBACK,
        "data": DATA,
        "event": {"id": run, "source": "hms-bus", "type": TRIGGER, "time": "2026-01-01T00:00:00.000Z"},
        "context": context,
    }
    if op == "compensate":
        envelope["result"] = result
    return orjson.dumps(envelope)


def headers(run: str, step: Step, op: str = "call") -> dict[str, str]:
    """The headers of SPEC section 3."""
    return {
        "Authorization": TOKEN,
        "Idempotency-Key": f'"{run}:{step.name}:{op}"',
        "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        "Content-Type": "application/json",
        "User-Agent": "hms-orch",
        "Accept": "application/json, */*",
        "Accept-Encoding": "identity",
    }
