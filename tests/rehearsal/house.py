"""Tests of tests: sagas and their test files as texts, and what comes of them."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import yaml

from hms_orch_cli.cli.narration import spoken
from hms_orch_cli.errors import NotFound
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.rehearsal.outcome import Outcome, said
from hms_orch_cli.rehearsal.playing import Rehearsal, Result

CEL = CelExpressions()

ORDER = """\
id: shop.order.v1
trigger: order.placed
retry: {backoffMs: 1000, jitter: 0.5}
timeoutMs: 5000
steps:
  - {name: pay, call: "pay-svc:/pay", compensate: "pay-svc:/refund"}
  - {name: ship, call: "ship-svc:/ship", compensate: "ship-svc:/return"}
"""
"""The saga of most tests: two steps, three attempts a second and two apart, five seconds each."""


class Plain(yaml.SafeDumper):
    """Writes out what is there twice: test files have no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def played(tests: str | dict[str, Any], *sagas: str) -> Outcome:
    """What comes of a test file beside `ORDER`, or beside the sagas given (`saga.yaml`, `saga-2.yaml` and so on)."""
    written = tests if isinstance(tests, str) else yaml.dump(tests, Dumper=Plain, allow_unicode=True, sort_keys=False)
    files = dict(zip(["saga.yaml", *(f"saga-{n}.yaml" for n in range(2, 9))], sagas or (ORDER,), strict=False))

    def read(name: str) -> bytes:
        if name not in files:
            raise NotFound(f"no such file or folder: {name}")
        return files[name].encode()

    rehearsal = Rehearsal(CEL, read, spoken)
    file = rehearsal.check("saga.test.yaml", dedent(written).encode())
    assert not file.checked.findings, file.checked.findings
    return Outcome([file], list(rehearsal.play(file, lambda name: True)), rehearsal.coverage)


def one(given: dict[str, Any], expect: dict[str, Any], *sagas: str) -> Result:
    """The result of one test. Of several sagas all are there."""
    content: dict[str, Any] = {"tests": [{"name": "it", "given": given, "expect": expect}]}
    if len(sagas) > 1:
        content["saga"] = ["saga.yaml", *(f"saga-{n}.yaml" for n in range(2, len(sagas) + 1))]
    (result,) = played(content, *sagas).results
    return result


def passes(given: dict[str, Any], expect: dict[str, Any], *sagas: str) -> None:
    """The test is as expected."""
    result = one(given, expect, *sagas)
    assert not result.failures, "\n".join(said(result))


def failure(given: dict[str, Any], expect: dict[str, Any], *sagas: str) -> list[str]:
    """Why it is not, without the console."""
    lines = said(one(given, expect, *sagas))
    return lines[: lines.index("the console:")] if "the console:" in lines else lines
