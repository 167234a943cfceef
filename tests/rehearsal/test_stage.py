"""What happens around a run: events, people, locks, other sagas; and the time of it."""

from __future__ import annotations

from typing import Any

import pytest

from .house import ORDER, failure, one, passes, played

APPROVAL = """\
id: shop.refund.v1
trigger: refund.wanted
steps:
  - {name: reserve, call: "pay-svc:/reserve", compensate: "pay-svc:/free"}
  - name: second_eyes
    approval: {prompt: Pay?, ttlMs: 60000}
  - {name: pay, call: "pay-svc:/pay", onExhausted: hitl}
"""
WAIT = """\
id: shop.paid.v1
trigger: [order.placed, order.changed]
steps:
  - name: money
    await: {event: payment.received, match: event.data.order == data.order && event.source == "bank"}
  - {name: ship, call: "ship-svc:/ship"}
"""
LOCKED = ORDER.replace("steps:", "lock: data.n\nsteps:")
AUDIT = """\
id: audit.v1
trigger: [saga.completed, saga.failed]
filter: data.saga == "shop.order.v1"
steps:
  - {name: write, call: "audit-svc:/write"}
"""


# -- the event


def test_the_event_has_defaults() -> None:
    call = {
        "step": "pay",
        "body": {"event": {"id": "event-1", "source": "hms-bus", "type": "order.placed"}, "data": None},
    }
    passes({}, {"state": "COMPLETED", "calls": [call, "ship"]})


def test_the_event_is_as_it_is_written() -> None:
    written = {"type": "order.changed", "id": "e", "source": "s", "subject": "x", "time": "2027-01-01T00:00:00Z"}
    saga = ORDER.replace("trigger: order.placed", "trigger: [order.placed, order.changed]").replace(
        '"pay-svc:/pay"', '{service: p, path: /, body: {all: "${event}", data: "${data}"}}'
    )
    call = {"step": "pay", "body": {"all": {**written, "tenant": "north"}, "data": [1]}}
    passes({"event": {**written, "extensions": {"tenant": "north"}, "data": [1]}}, {"calls": [call, "ship"]}, saga)


def test_what_holds_for_every_test_is_laid_under_each() -> None:
    outcome = played(
        """\
        given:
          event: {id: e-9, data: {n: 1}}
          answers: {pay: 503, ship: 422}
        tests:
          - name: as it is
            expect: {state: FAILED, calls: [{step: pay, attempts: 3, body: {data: {n: 1}}}]}
          - name: but for one answer, and the data
            given: {event: {data: {n: 2}}, answers: {pay: 200}}
            expect: {state: FAILED, calls: [{step: pay, attempts: 1, body: {data: {n: 2}, event: {id: e-9}}}, ship]}
        """
    )
    assert [result.failures for result in outcome.results] == [[], []]


def test_an_event_that_is_awaited_comes_when_the_test_says() -> None:
    paid: dict[str, Any] = {"type": "payment.received", "source": "bank", "data": {"order": 1}, "afterMs": 5000}
    expect = {"state": "COMPLETED", "durationMs": 5000, "context": {"money": {"order": 1}}}
    passes({"event": {"data": {"order": 1}}, "events": [{**paid, "source": "x"}, paid]}, expect, WAIT)
    passes({"event": {"data": {"order": 2}}, "events": [paid]}, {"state": "WAITING", "calls": []}, WAIT)


# -- people


def test_a_decision_goes_to_the_question_that_it_fits() -> None:
    decisions = [
        {"step": "pay", "decision": "skip", "afterMs": 1000},
        {"kind": "approval", "decision": "approve", "afterMs": 2000, "output": {"by": "eve"}},
    ]
    passes(
        {"answers": {"pay": 422}, "decisions": decisions},
        {
            "state": "COMPLETED",
            "durationMs": 3000,
            "context": {"second_eyes": {"by": "eve"}},
            "hitl": [{"kind": "approval", "decided": "approve"}, {"kind": "hold", "step": "pay", "decided": "skip"}],
        },
        APPROVAL,
    )


def test_a_decision_is_taken_once() -> None:
    """Two questions about one step take two decisions."""
    again = {"step": "pay", "decision": "retry"}
    given = {
        "answers": {"pay": [422, 422, 200]},
        "decisions": [{"kind": "approval", "decision": "approve"}, again, again],
    }
    passes(given, {"state": "COMPLETED", "calls": ["reserve", {"step": "pay", "attempts": 3}]}, APPROVAL)


def test_a_decision_that_nobody_is_asked_for_is_a_mistake() -> None:
    given = {"decisions": [{"decision": "approve"}, {"step": "pay", "decision": "skip"}]}
    assert failure(given, {"state": "COMPLETED"}, APPROVAL) == [
        "line 6, decisions.1: nobody was asked for this decision"
    ]


def test_a_decision_that_is_refused_is_a_mistake_unless_it_is_meant() -> None:
    late = {"decision": "approve", "afterMs": 60000}
    (said,) = failure({"decisions": [late]}, {"state": "FAILED"}, APPROVAL)
    assert said.startswith("line 5, decisions.0: it was refused: item ")
    passes({"decisions": [{**late, "refused": True}]}, {"state": "FAILED"}, APPROVAL)
    in_time = {"decision": "approve", "refused": True}
    assert failure({"decisions": [in_time]}, {"state": "COMPLETED"}, APPROVAL) == [
        "line 5, decisions.0: it was not refused"
    ]


@pytest.mark.parametrize(
    ("operations", "expect"),
    [
        ([{"do": "cancel", "afterMs": 100, "note": "no"}], {"state": "CANCELLED", "undo": ["ship", "pay"]}),
        ([{"do": "abandon", "afterMs": 100, "note": "no"}], {"state": "ABANDONED", "reason": "no", "undo": []}),
        ([{"do": "pause", "afterMs": 100}], {"state": "PAUSED", "calls": ["pay", {"step": "ship", "attempts": 1}]}),
        (
            [{"do": "pause", "afterMs": 100}, {"do": "resume", "afterMs": 60000}],
            {"state": "COMPLETED", "durationMs": 60000},
        ),
    ],
    ids=lambda value: value[-1]["do"] if isinstance(value, list) else "",
)
def test_what_people_do_unasked(operations: list[dict[str, Any]], expect: dict[str, Any]) -> None:
    passes({"answers": {"ship": [503, 200][: 1 + (expect["state"] == "COMPLETED")]}, "operations": operations}, expect)


def test_a_run_that_has_undone_nothing_is_redriven() -> None:
    given = {"answers": {"pay": [422, 200]}, "operations": [{"do": "redrive", "afterMs": 5000}]}
    passes(given, {"state": "COMPLETED", "calls": [{"step": "pay", "attempts": 2}, "ship"], "runs": []})


def test_a_run_that_has_undone_something_is_started_anew() -> None:
    given = {"answers": {"ship": [422, 200]}, "operations": [{"do": "redrive", "afterMs": 5000}]}
    again = {"saga": "shop.order.v1", "state": "COMPLETED", "calls": ["pay", "ship"]}
    passes(given, {"state": "FAILED", "undo": ["pay"], "runs": [again]})


# -- locks


def test_a_lock_is_held_by_another_run() -> None:
    event = {"data": {"n": {"a": 1}}}
    held: dict[str, Any] = {"key": {"a": 1}}
    passes({"event": event, "locks": [held]}, {"state": "WAITING", "reason": 'waits for lock {"a":1}'}, LOCKED)
    passes({"event": event, "locks": [{**held, "forMs": 700}]}, {"state": "COMPLETED", "durationMs": 700}, LOCKED)
    passes({"event": event, "locks": [{"key": 1}, {"key": "x"}]}, {"state": "COMPLETED", "durationMs": 0}, LOCKED)


@pytest.mark.parametrize(("on_conflict", "state"), [("skip", "SKIPPED"), ("abort", "FAILED")])
def test_a_lock_may_end_a_run_before_it_begins(on_conflict: str, state: str) -> None:
    saga = ORDER.replace("steps:", f"lock: {{key: data.n, onConflict: {on_conflict}}}\nsteps:")
    given = {"event": {"data": {"n": 5}}, "locks": [{"key": 5}]}
    passes(given, {"state": state, "reason": "lock 5 is held by run other-run", "calls": []}, saga)


# -- no run


def test_an_event_that_the_filter_keeps_out_starts_no_run() -> None:
    saga = ORDER.replace("steps:", "filter: data.n > 1\nsteps:")
    passes({"event": {"data": {"n": 1}}}, {"state": "NONE", "calls": [], "console": ""}, saga)
    passes({"event": {"data": {}}}, {"state": "SKIPPED", "reason": 'filter: no such key "n"'}, saga)


# -- several sagas


def test_a_chain_of_sagas() -> None:
    other = {
        "saga": "audit.v1",
        "state": "COMPLETED",
        "calls": [{"step": "write", "body": {"event": {"type": "saga.failed"}}}],
    }
    passes({"answers": {"pay": 400}}, {"state": "FAILED", "calls": ["pay"], "runs": [other]}, ORDER, AUDIT)


def test_the_first_saga_is_the_one_that_a_test_is_about() -> None:
    given = {"event": {"type": "saga.completed", "source": "hms-orch", "data": {"saga": "shop.order.v1"}}}
    passes(given, {"state": "COMPLETED", "calls": ["write"], "runs": []}, AUDIT, ORDER)


# -- time


def test_pauses_have_no_jitter() -> None:
    passes({"answers": {"ship": [503, 503, 200]}}, {"state": "COMPLETED", "durationMs": 3000})
    own = ORDER.replace("/return", '/return", retry: {attempts: 4, jitter: 1}, onExhausted: "hitl')
    passes({"answers": {"ship": [503, 503, 503, 200]}}, {"state": "COMPLETED", "durationMs": 7000}, own)
    undo = ORDER.replace('"pay-svc:/refund"', "{service: p, path: /, retry: {attempts: 3, jitter: 1}}")
    passes({"answers": {"ship": 400, "pay.undo": [503, 503, 200]}}, {"state": "FAILED", "durationMs": 3000}, undo)


def test_it_can_be_looked_at_on_the_way() -> None:
    given = {"answers": {"ship": [503, 200]}}
    passes(given, {"state": "COMPLETED"})
    asked_once, waits = failure(given, {"atMs": 999, "state": "COMPLETED"})
    assert asked_once == "line 5, answers.ship: ship has 2 answers, but was asked once"
    assert waits.startswith("line 10, state: expected COMPLETED, but it is WAITING: ship: 503")
    passes({"answers": {"ship": 503}}, {"atMs": 1000, "calls": ["pay", {"step": "ship", "attempts": 2}]})


def test_a_year_is_over_at_once() -> None:
    saga = APPROVAL.replace("60000", "31536000000")
    passes({}, {"state": "FAILED", "durationMs": 31536000000}, saga)


def test_what_never_ends_is_broken_off() -> None:
    saga = ORDER.replace("timeoutMs: 5000", "timeoutMs: 2592000000")
    given = {"answers": {"pay": {"status": 202}, "pay.poll": {"status": 202, "retryAfterMs": 100}}}
    said = failure(given, {"state": "RUNNING"}, saga)
    assert "line 2, the test: it does not come to an end: the test was broken off" in said


def test_the_same_test_tells_the_same_story_each_time() -> None:
    given = {"answers": {"ship": ["lost", 503, "timeout"]}}
    results = [one(given, {"state": "COMPLETED"}) for _ in range(2)]
    assert results[0] == results[1]
    assert results[0].console
