"""Which ways there are through a saga, and which of them a test takes."""

from __future__ import annotations

from typing import Any

import pytest

from hms_orch_cli.rehearsal.coverage import branches

from .house import CEL, played

EVERYTHING = """\
id: shop.all.v1
trigger: order.placed
filter: data.n > 0
lock: {key: data.n, waitMs: 1000}
deadlineMs: 100000
steps:
  - {name: pay, call: "p:/", compensate: "p:/undo", check: "p:/check", when: data.n > 1}
  - {name: once, call: "p:/", retry: {attempts: 1}, irreversible: true}
  - {name: wait, await: {event: paid, timeoutMs: 500}, compensate: event}
  - {name: wait_on, await: {event: paid}, when: data.n > 1}
  - {name: ask, approval: {prompt: Well?, ttlMs: 500}, onExhausted: hitl}
  - {name: ask_on, approval: {prompt: Well?}, when: data.n > 1}
"""
WAYS = [
    ("", "the filter lets an event in"), ("", "the filter keeps an event out"), ("", "the lock is taken"),
    ("", "the deadline passes"), ("pay", "is skipped"), ("pay", "is done"), ("pay", "is tried again"),
    ("pay", "is checked"), ("pay", "fails"), ("pay", "is undone"), ("once", "is done"), ("once", "fails"),
    ("wait", "is done"), ("wait", "expires"), ("wait", "is undone"), ("wait_on", "is skipped"), ("wait_on", "is done"),
    ("ask", "is done"), ("ask", "is rejected"), ("ask", "expires"), ("ask_on", "is skipped"), ("ask_on", "is done"),
    ("ask_on", "is rejected"),
]  # fmt: skip


def test_every_way_is_listed_in_the_order_of_the_file() -> None:
    from hms_orch_cli.sagafile.check import check

    (document,) = check(EVERYTHING.encode(), "x", CEL).documents
    assert [tuple(branch) for branch in branches(document.saga)] == WAYS


def taken(given: dict[str, Any], expect: dict[str, Any]) -> set[tuple[str, str]]:
    """The ways that one test takes, of those that are not there anyway."""
    outcome = played({"tests": [{"name": "it", "given": given, "expect": expect}]}, EVERYTHING)
    assert not outcome.results[0].failures, outcome.results
    assert outcome.coverage is not None
    return set(WAYS) - {tuple(branch) for branch in outcome.coverage.missing("shop.all.v1")}


IN = ("", "the filter lets an event in")
ONE = {"event": {"data": {"n": 1}}}
TWO = {"event": {"data": {"n": 2}}}
PAID = {"events": [{"type": "paid"}]}


@pytest.mark.parametrize(
    ("given", "state", "ways"),
    [
        ({"event": {"data": {"n": 0}}}, "NONE", {("", "the filter keeps an event out")}),
        ({"event": {"data": {}}}, "SKIPPED", set()),
        ({**ONE, "locks": [{"key": 1}]}, "FAILED", {IN, ("", "the lock is taken")}),
        ({**ONE, "locks": [{"key": 1, "forMs": 1}]}, "FAILED", {
            IN, ("", "the lock is taken"), ("pay", "is skipped"), ("once", "is done"), ("wait", "expires")}),
        ({**TWO, "answers": {"pay": "lost", "pay.check": 404}}, "FAILED", {
            IN, ("pay", "is checked"), ("pay", "is tried again"), ("pay", "fails")}),
        ({**TWO, "answers": {"pay": "lost", "pay.check": 500}}, "FAILED", {
            IN, ("pay", "is checked"), ("pay", "is tried again"), ("pay", "fails"), ("pay", "is undone")}),
        ({**TWO, "answers": {"once": 503}}, "FAILED", {
            IN, ("pay", "is done"), ("once", "fails"), ("pay", "is undone")}),
        ({**ONE, **PAID, "decisions": [{"decision": "reject"}]}, "WAITING", set()),
        ({**ONE, **PAID}, "FAILED", {
            IN, ("pay", "is skipped"), ("once", "is done"), ("wait", "is done"), ("wait_on", "is skipped"),
            ("ask", "expires"), ("wait", "is undone")}),
        ({**TWO, **PAID}, "FAILED", {
            IN, ("pay", "is done"), ("once", "is done"), ("wait", "is done"), ("", "the deadline passes"),
            ("wait", "is undone"), ("pay", "is undone")}),
    ],
    ids=lambda value: str(value)[:50] if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_test_takes_the_ways_that_it_goes(given: dict[str, Any], state: str, ways: set[tuple[str, str]]) -> None:
    found = taken(given, {"state": state} if state != "WAITING" else {"events": ["hitl.queued", "hitl.decided"]})
    if state == "WAITING":
        assert ("ask", "is rejected") in found
        assert ("ask", "expires") not in found
    else:
        assert found == ways


def test_what_was_given_up_has_not_failed() -> None:
    """Beside a step that fails the others do not count as failures."""
    group = """\
id: shop.group.v1
trigger: order.placed
steps:
  - parallel: true
    onSiblingFailure: cancel
    steps:
      - {name: pay, call: "p:/"}
      - {name: ship, call: "s:/"}
      - {name: wait, await: {event: paid, timeoutMs: 500}}
"""
    given = {"answers": {"pay": 422, "ship": 503}}
    outcome = played({"tests": [{"name": "it", "given": given, "expect": {"state": "FAILED"}}]}, group)
    assert outcome.coverage is not None
    missing = {tuple(branch) for branch in outcome.coverage.missing("shop.group.v1")}
    assert ("pay", "fails") not in missing
    assert {("ship", "fails"), ("wait", "expires")} <= missing


def test_the_percentage_is_of_all_sagas_together() -> None:
    outcome = played({"tests": [{"name": "it", "expect": {"state": "COMPLETED"}}]})
    assert outcome.coverage is not None
    assert outcome.coverage.count("shop.order.v1") == (2, 8)
    assert outcome.coverage.percent == 25
