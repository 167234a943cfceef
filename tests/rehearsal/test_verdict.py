"""What is expected: each key where it holds, and the words of the difference where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from .house import ORDER, failure, passes

REFUSED: dict[str, Any] = {"answers": {"ship": {"status": 422, "body": {"title": "closed"}}}}
"""FAILED: pay is done, ship refused, pay undone."""

RETRIED: dict[str, Any] = {
    "answers": {"pay": {"body": {"id": "p-1", "lines": [{"n": 1}, {"n": 2}]}}, "ship": [503, 200]}
}
"""COMPLETED after one second."""

HOLDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (REFUSED, {"state": "FAILED"}),
    (REFUSED, {"reason": "422 closed"}),
    (REFUSED, {"calls": ["pay", "ship"]}),
    (REFUSED, {"calls": [["ship", "pay"]]}),
    (REFUSED, {"calls": ["pay", {"step": "ship", "service": "ship-svc", "method": "POST", "path": "/ship"}]}),
    (REFUSED, {"calls": ["pay", {"step": "ship", "body": {"sagaId": "${saga.id}", "context": {"pay": {}}}}]}),
    (REFUSED, {"undo": ["pay"]}),
    (REFUSED, {"undo": [{"step": "pay", "body": {"op": "compensate", "result": {}}}]}),
    (REFUSED, {"requests": ["pay", "ship", "pay.undo"]}),
    (REFUSED, {"skipped": []}),
    (REFUSED, {"steps": {"pay": "COMPENSATED", "ship": "FAILED"}}),
    (REFUSED, {"hitl": []}),
    (REFUSED, {"events": ["saga.started", {"type": "saga.step.failed", "data": {"step": {"name": "ship"}}}]}),
    (REFUSED, {"console": ["pay done", "✗ ship 422 closed", "FAILED"]}),
    (REFUSED, {"durationMs": 0, "runs": []}),
    (RETRIED, {"durationMs": 1000}),
    (RETRIED, {"durationMs": {"atLeast": 1000, "atMost": 1000}}),
    (RETRIED, {"calls": ["pay", {"step": "ship", "attempts": 2, "atMs": 0}]}),
    (RETRIED, {"context": {"pay": {"id": "p-1", "lines": [{"n": 1}, {}], "none": None}}}),
    (RETRIED, {"console": "▶ shop.order.v1 START\n✓ pay done\n↻ ship 503 Service Unavailable, attempt 2 in 1.0 s\n"
                          "✓ ship done\n✔ shop.order.v1 COMPLETED (1.0 s)\n"}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expect"), HOLDS, ids=lambda value: str(value)[:60])
def test_it_holds(given: dict[str, Any], expect: dict[str, Any]) -> None:
    passes(given, expect)


HOLDS_NOT: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    (REFUSED, {"state": "COMPLETED"}, ["state: expected COMPLETED, but it is FAILED: ship: 422 closed"]),
    (REFUSED, {"reason": "500"}, ['reason: expected "500" in it, but it is "ship: 422 closed"']),
    (REFUSED, {"calls": ["pay"]}, ["calls: not as expected", "    pay", "  + ship"]),
    (REFUSED, {"calls": ["ship", "pay"]}, ["calls: not as expected", "  + pay", "    ship", "  - pay"]),
    (REFUSED, {"calls": [["ship", "pay"], "pack"]}, ["calls: not as expected", "    pay", "    ship", "  - pack"]),
    (REFUSED, {"calls": ["pay", {"step": "ship", "attempts": 3}]}, [
        "calls: not as expected", "  ship: attempts: expected 3, but it is 1"]),
    (REFUSED, {"undo": []}, ["undo: not as expected", "  + pay"]),
    (REFUSED, {"undo": [{"step": "pay", "path": "/revert", "body": {"result": {"n": 1}, "op": "call"}}]}, [
        "undo: not as expected",
        '  pay: path: expected "/revert", but it is "/refund"',
        "  pay: body.result.n: expected 1, but it is null",
        '  pay: body.op: expected "call", but it is "compensate"']),
    (REFUSED, {"requests": ["pay", "pay.undo"]}, ["requests: not as expected", "    pay", "  + ship", "    pay.undo"]),
    (REFUSED, {"skipped": ["ship"]}, ["skipped: not as expected", "  - ship"]),
    (REFUSED, {"steps": {"pay": "SUCCEEDED"}}, [
        "steps: not as expected", '  pay: expected "SUCCEEDED", but it is "COMPENSATED"']),
    (REFUSED, {"context": {"ship": {"a": 1}, "pay": 1}}, [
        "context: not as expected", '  ship: expected {"a":1}, but it is null', "  pay: expected 1, but it is {}"]),
    (REFUSED, {"hitl": [{"kind": "undo", "step": "pay"}]}, ["hitl: not as expected", "  - undo pay"]),
    (REFUSED, {"events": ["saga.completed"]}, [
        "events: saga.completed is not recorded, or not in this order",
        "  saga.started", "  saga.step.started", "  saga.step.succeeded", "  saga.step.started", "  saga.step.failed",
        "  saga.compensating", "  saga.compensate", "  saga.step.compensated", "  saga.failed"]),
    (REFUSED, {"console": "▶ shop.order.v1 START"}, [
        "console: not as expected", "    ▶ shop.order.v1 START", "  + ✓ pay done", "  + ✗ ship 422 closed",
        "  + ↩ pay compensated", "  + ✖ shop.order.v1 FAILED ship: 422 closed (0 ms)"]),
    (REFUSED, {"durationMs": 5}, ["durationMs: expected 5 ms, but it took 0 ms"]),
    (RETRIED, {"durationMs": {"atMost": 999}}, ["durationMs: expected at most 999 ms, but it took 1000 ms"]),
    (RETRIED, {"durationMs": {"atLeast": 1001}}, ["durationMs: expected at least 1001 ms, but it took 1000 ms"]),
    (RETRIED, {"context": {"pay": {"lines": [{"n": 1}]}}}, [
        "context: not as expected",
        '  pay.lines: expected [{"n":1}], but it is [{"n":1},{"n":2}]']),
    (RETRIED, {"runs": [{"saga": "shop.order.v1"}]}, ["runs: not as expected", "  - shop.order.v1"]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expect", "said"), HOLDS_NOT, ids=lambda value: str(value)[:60])
def test_the_difference_is_told(given: dict[str, Any], expect: dict[str, Any], said: list[str]) -> None:
    never_reached = ORDER + '  - {name: pack, call: "ship-svc:/pack"}\n'
    first, *more = failure(given, expect, never_reached)
    assert [first.split(", ", 1)[1], *more] == said


def test_a_list_of_the_console_has_an_order() -> None:
    said = failure(REFUSED, {"console": ["ship", "pay", "pay"]})
    assert said[0].endswith('console: "pay" is not said, or not in this order')


def test_questions_are_looked_at_one_by_one() -> None:
    stuck = {"answers": {"ship": 422, "pay.undo": {"status": 409, "body": {"title": "too late"}}}}
    item = {"kind": "undo", "step": "pay", "reason": "too late", "decisions": ["retry", "undone", "abandon"]}
    passes(stuck, {"state": "STUCK", "hitl": [{**item, "open": True}]})
    assert failure(stuck, {"hitl": [{"kind": "hold", "reason": "early", "open": False}]})[1:] == [
        '  [0].kind: expected "hold", but it is "undo"',
        "  [0].open: expected false, but it is true",
        '  [0].reason: expected "early" in it, but it is "undo of pay: 409 too late"',
    ]


def test_a_question_about_the_definition_is_one_as_well() -> None:
    saga = ORDER.replace("steps:", "hitlAfter: 1\nsteps:")
    passes(REFUSED, {"hitl": [{"kind": "failures", "reason": "1 runs in a row have failed", "open": True}]}, saga)


def test_what_is_said_of_a_run_that_there_is_not() -> None:
    given, saga = {"event": {"data": {}}}, ORDER.replace("steps:", "filter: has(data.n)\nsteps:")
    passes(given, {"state": "NONE", "calls": [], "hitl": [], "skipped": [], "console": ""}, saga)
    said = failure(given, {"state": "FAILED", "durationMs": 0, "steps": {"pay": "FAILED"}}, saga)
    assert [line.split(", ", 1)[-1] for line in said] == [
        "state: expected FAILED, but there is no run: the event passed by",
        "durationMs: there is no run that could last",
        "steps: not as expected",
        "but it is null",
    ]


@pytest.mark.parametrize(
    ("one", "other", "equal"), [(1, 1.0, True), (1, True, False), (0, False, False), (None, 0, False), ("1", 1, False)]
)
def test_values_are_compared_as_json_values(one: Any, other: Any, equal: bool) -> None:
    from hms_orch_cli.rehearsal.matching import differences

    assert (not list(differences(one, other))) is equal
    assert (not list(differences([{"a": one}], [{"a": other, "b": 1}]))) is equal
