"""Where a rule begins to speak, and where it keeps still: what the pages and the broken files leave open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.check import check
from hms_orch_cli.sagafile.lint.advice import MOST_EXPRESSIONS
from hms_orch_cli.sagafile.lint.hosts import is_private
from tests.sagafile.books import book

SENT = {"name": "sent", "call": "svc:/letters", "irreversible": True}
PAY = {"name": "pay", "call": "svc:/pay", "compensate": "svc:/refund"}
SURE = {"name": "sure", "approval": {"prompt": "Sure?", "ttlMs": 1000}}
PAID = {"name": "paid", "await": {"event": "e", "timeoutMs": 1000}}
HELD = {"onExhausted": "hitl"}


def rules(*steps: dict[str, Any], **keys: Any) -> list[str]:
    """The advice on a saga of these steps."""
    text = json.dumps({"id": "a", "trigger": "t", "steps": steps, **keys})
    findings = check(text.encode(), "a.yaml", CelExpressions(), services=book("svc")).findings
    return [finding.rule for finding in findings]


def put(name: str, **request: Any) -> dict[str, Any]:
    """A step that writes to an object."""
    return {"name": name, "call": {"service": "svc", "path": "/a", "method": "PUT", **request}, "compensate": "event"}


@pytest.mark.parametrize(
    ("later", "keys", "told"),
    [
        (PAY, {}, ["HMS102"]),
        ({**PAY, **HELD}, {}, []),
        (PAY, HELD, []),
        (SURE, HELD, ["HMS102"]),  # who rejects turns the run back, whatever the file says of failures
        (PAID, {}, ["HMS102"]),
        (PAID, HELD, []),
        ({"name": "paid", "await": {"event": "e"}}, {}, ["HMS117"]),  # a wait without an end does not fail
        ({"name": "look", "call": {"service": "svc", "path": "/a", "method": "GET"}}, {}, ["HMS102"]),
        ({**SENT, "name": "printed"}, {}, ["HMS118"]),
        ({**SENT, "name": "printed", "compensate": "event"}, {}, ["HMS102"]),  # it says that it can be undone
    ],
)
def test_what_may_turn_back_a_run_that_is_past_an_irreversible_step(
    later: dict[str, Any], keys: dict[str, Any], told: list[str]
) -> None:
    assert rules(SENT, later, **keys) == told


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ((PAY, SENT), []),
        ((SENT, {**PAY, **HELD}), ["HMS120"]),
        ((SENT, PAY), ["HMS102"]),  # said already
        (({**PAY, **HELD},), []),
    ],
)
def test_a_deadline_is_told_of_where_nothing_else_is(steps: tuple[dict[str, Any], ...], told: list[str]) -> None:
    assert rules(*steps, deadlineMs=10**9) == told


def test_an_earlier_step_in_an_item_of_its_own_is_not_beside() -> None:
    first = {**PAY, "name": "first", "call": "svc:/first"}
    inner = {"parallel": True, "steps": [{**PAY, **HELD}, SENT]}
    assert rules(first, inner) == []
    assert rules({"steps": [first, inner]}) == []
    assert rules({"parallel": True, "steps": [first, inner]}) == ["HMS102"]


@pytest.mark.parametrize(
    ("retry", "timeout", "longest"),
    [
        ({"attempts": 1}, 1000, 1000),
        ({"attempts": 3, "backoffMs": 0}, 1000, 3000),
        ({"attempts": 3, "backoffMs": 100, "factor": 1}, 1000, 3200),
        ({"attempts": 4, "backoffMs": 100, "factor": 2}, 1000, 4700),
        ({"attempts": 4, "backoffMs": 100, "factor": 2, "maxBackoffMs": 200}, 1000, 4500),
        ({"attempts": 100, "backoffMs": 0, "budgetMs": 5000}, 1000, 6000),
    ],
)
def test_the_longest_that_a_call_may_take(retry: dict[str, Any], timeout: int, longest: int) -> None:
    step = {**PAY, "retry": retry, "timeoutMs": timeout, "compensate": "event"}
    assert rules(step, deadlineMs=longest) == []
    assert rules(step, deadlineMs=longest - 1) == ["HMS104"]


def test_steps_that_are_as_patient_as_the_saga_says_are_told_of_once() -> None:
    first = {**PAY, "name": "first", "compensate": "event"}
    assert rules(first, {**PAY, "compensate": "event"}, deadlineMs=92_999) == ["HMS104"]
    assert rules(first, {**PAY, "compensate": "event", "timeoutMs": 30_000}, deadlineMs=92_999) == ["HMS104"] * 2


def test_the_wait_for_the_lock_is_part_of_the_way() -> None:
    step = {**PAY, "retry": {"attempts": 1}, "timeoutMs": 1000, "compensate": "event"}
    assert rules(step, lock={"key": "data.id", "waitMs": 1000}, deadlineMs=2000) == []
    assert rules(step, lock={"key": "data.id", "waitMs": 1001}, deadlineMs=2000) == ["HMS104"]


@pytest.mark.parametrize(
    ("undo", "told"),
    [
        ({}, []),
        ({"retry": {"attempts": 3}}, []),
        ({"retry": {"attempts": 2}}, ["HMS103"]),
        ({"timeoutMs": 30000}, []),
        ({"timeoutMs": 29999}, ["HMS103"]),
        ({"retry": {"budgetMs": 93000}}, []),
        ({"retry": {"budgetMs": 92999}}, ["HMS103"]),
    ],
)
def test_an_undo_is_as_patient_as_its_call(undo: dict[str, Any], told: list[str]) -> None:
    """By default: 3 attempts of 30 s, and pauses of 1 s and 2 s."""
    assert rules({**PAY, "compensate": {"service": "svc", "path": "/refund", **undo}}) == told


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (put("a"), put("b"), ["HMS110"]),
        (put("a"), put("b", path="/b"), []),
        (put("a", query={"id": "1"}), put("b", query={"id": "2"}), []),
        (put("a", body={"x": 1}), put("b", body={"x": 2}), ["HMS110"]),
        (put("a"), put("b", method="DELETE"), ["HMS110"]),
        (put("a"), put("b", method="GET"), []),
        (put("a", method="POST"), put("b", method="POST"), ["HMS110"]),
        (put("a", method="POST", body={"x": 1}), put("b", method="POST", body={"x": 2}), []),
        (put("a", method="POST"), put("b", method="POST", headers={"X-A": "1"}), []),
    ],
)
def test_what_is_one_object(one: dict[str, Any], other: dict[str, Any], told: list[str]) -> None:
    assert rules({"parallel": True, "steps": [one, other]}) == told
    assert rules(one, other) == []
    assert rules({"parallel": True, "steps": [{"steps": [one, other]}]}) == []


MAYBE = {**PAY, "name": "maybe", "when": "data.amount > 5"}


@pytest.mark.parametrize(
    ("reader", "told"),
    [
        ({"call": "svc:/a/${context.maybe.id}"}, ["HMS107"]),
        ({"call": "svc:/a/${has(context.maybe) ? context.maybe.id : 1}"}, []),
        ({"call": "svc:/a/${has(context.maybe.id)}"}, ["HMS107"]),
        ({"call": "svc:/a/${has(context.maybe)}"}, []),
        ({"call": "svc:/a/${data.amount > 5 ? context.maybe.id : 1}"}, []),
        ({"summary": "${context.maybe.id}"}, []),
        ({"when": "context.maybe.ok"}, ["HMS107"]),
        ({"when": "has(context.maybe)", "call": "svc:/a/${context.maybe.id}"}, []),
        ({"when": "data.amount > 500", "call": "svc:/a/${context.maybe.id}"}, []),
        ({"when": "data.other", "call": "svc:/a/${context.maybe.id}"}, ["HMS107"]),
        ({"compensate": "svc:/a/${context.maybe.id}"}, ["HMS107"]),
    ],
)
def test_when_a_step_that_may_be_skipped_can_be_read(reader: dict[str, Any], told: list[str]) -> None:
    assert rules(MAYBE, {**PAY, **reader}) == told


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"compensate": "svc:/refund/${context.pay.id}"}, ["HMS119"]),
        ({"compensate": "svc:/refund/${has(context.pay) ? context.pay.id : saga.id}"}, []),
        ({"compensate": "svc:/refund/${has(context.pay.id)}"}, []),
        ({"compensate": "svc:/refund/${context.pay.id}", "check": "svc:/pay/${saga.id}"}, []),
        ({"compensate": "svc:/refund/${context.pay.id}", "when": "data.x"}, ["HMS119"]),
    ],
)
def test_when_an_undo_can_read_its_own_step(step: dict[str, Any], told: list[str]) -> None:
    assert rules({**PAY, **step}) == told


def test_what_a_step_has_waited_for_is_there_when_it_is_undone() -> None:
    assert rules({**PAID, "compensate": "svc:/refund/${context.paid.id}"}) == []


@pytest.mark.parametrize(
    ("approval", "reader", "told"),
    [
        ({"onExpire": "continue"}, "context.sure.actor", ["HMS108"]),
        ({"onExpire": "continue"}, "context.sure.note", ["HMS108"]),
        ({"onExpire": "continue"}, "context.sure.decision", []),
        ({"onExpire": "continue"}, "has(context.sure.actor) ? context.sure.actor : 1", []),
        ({"onExpire": "compensate"}, "context.sure.actor", []),
        ({}, "context.sure.actor", []),
    ],
)
def test_what_is_there_when_nobody_decided(approval: dict[str, Any], reader: str, told: list[str]) -> None:
    sure = {**SURE, "approval": {"prompt": "Sure?", "ttlMs": 1000, **approval}}
    assert rules(sure, {**PAY, "call": f"svc:/a/${{{reader}}}"}) == told
    assert rules({**sure, "output": {"x": reader.replace("context.sure", "response")}}) == told


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://pay.example.com", True),
        ("http://pay.example.com", False),
        ("http://pay", True),
        ("http://localhost:9001", True),
        ("http://127.0.0.1:9001/base", True),
        ("http://[::1]:9001", True),
        ("http://10.1.2.3", True),
        ("http://100.64.1.2", True),
        ("http://93.184.216.34", False),
        ("http://[2606:2800:220:1::1]", False),
        ("http://pay.default.svc.cluster.local", True),
        ("http://pay.default.svc", True),
        ("http://pay.internal", True),
        ("http://local.example.com", False),
        ("http://pay.svc.example.com.", False),
    ],
)
def test_what_nobody_can_listen_to(url: str, private: bool) -> None:
    assert is_private(url) is private


def test_advice_comes_once_a_saga_says_what_it_means() -> None:
    """A misspelt `compensate` is no missing undo."""
    assert rules({"name": "pay", "call": "svc:/pay", "compensat": "svc:/refund"}) == ["HMS010"]
    assert rules({"name": "pay", "call": "svc/pay"}) == ["HMS040"]
    assert rules({"name": "pay", "call": "svc:/pay"}, filter="dta.x") == ["HMS030", "HMS101"]


class Counting(CelExpressions):
    """Counts what is worked out of types, which costs a compilation each."""

    typed = 0

    def type_of(self, *args: Any, **keys: Any) -> Any:
        """See `ports.Expressions.type_of`."""
        self.typed += 1
        return super().type_of(*args, **keys)


def test_the_work_on_a_file_is_bounded() -> None:
    body = "".join(f"${{saga.id + {number}}}" for number in range(3 * MOST_EXPRESSIONS))
    content = {"id": "a", "trigger": "t", "steps": [{**PAY, "call": {"service": "svc", "path": "/a", "body": body}}]}
    expressions = Counting()
    checked = check(json.dumps(content).encode(), "a.yaml", expressions)

    assert {finding.rule for finding in checked.findings} == {"HMS109"}
    assert expressions.typed == MOST_EXPRESSIONS
