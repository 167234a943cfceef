"""The definitions of the kill loop: branches, one lock for many runs of three of them, people who are asked."""

from __future__ import annotations

from typing import Final


def _step(name: str, *more: str) -> str:
    return "{" + ", ".join([f"name: {name}, call: svc:/{name}, compensate: svc:/undo/{name}", *more]) + "}"


_PATIENCE = "retry: {attempts: 3, backoffMs: 10, factor: 1, jitter: 0}\ntimeoutMs: 20000\n"

SAGAS: Final = {
    "transfer": f"""
id: transfer.v1
trigger: transfer.go
lock: data.account
steps:
  - {_step("reserve")}
  - parallel: true
    steps:
      - {_step("debit")}
      - steps:
          - {_step("credit")}
          - {_step("note")}
  - {_step("settle")}
{_PATIENCE}""",
    "audit": f"""
id: audit.v1
trigger: [transfer.go, audit.go]
lock: data.account
steps:
  - {_step("look")}
  - {_step("sign")}
{_PATIENCE}""",
    "payout": f"""
id: payout.v1
trigger: payout.go
lock: data.account
steps:
  - {_step("prepare")}
  - {{name: boss, approval: {{prompt: "pay out of ${{data.account}}?"}}}}
  - {_step("pay", "onExhausted: hitl")}
{_PATIENCE}""",
    "order": f"""
id: order.v1
trigger: order.go
steps:
  - {_step("open")}
  - parallel: true
    onSiblingFailure: cancel
    steps:
      - {_step("pack")}
      - steps:
          - {{name: buyer, approval: {{prompt: "order of ${{data.account}}?"}}}}
          - {_step("bill")}
      - parallel: true
        steps:
          - {_step("label")}
          - {_step("insure")}
  - {_step("ship")}
{_PATIENCE}""",
}
"""File -> text."""

TRIGGERED: Final = {
    "transfer.go": ("transfer.v1", "audit.v1"),
    "audit.go": ("audit.v1",),
    "payout.go": ("payout.v1",),
    "order.go": ("order.v1",),
}
"""Type of an event -> the definitions that it starts."""

ACCOUNTS: Final = 2
"""Locks that all runs contend for."""
