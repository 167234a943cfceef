"""What participants answer: each word, each key, to what is asked."""

from __future__ import annotations

from typing import Any

import pytest

from .house import ORDER, failure, one, passes

SLOW_WORK = """\
id: shop.order.v1
trigger: order.placed
retry: {backoffMs: 1000, jitter: 0.5}
timeoutMs: 5000
steps:
  - {name: pay, call: "pay-svc:/pay", compensate: "pay-svc:/refund", check: "pay-svc:/pay/${saga.id}"}
  - {name: ship, call: "ship-svc:/ship", compensate: event}
"""


@pytest.mark.parametrize(
    ("answer", "state", "undo", "duration"),
    [
        (200, "COMPLETED", [], 0),
        (204, "COMPLETED", [], 0),
        (400, "FAILED", ["pay"], 0),
        (503, "FAILED", ["ship", "pay"], 3000),
        ("timeout", "FAILED", ["ship", "pay"], 18000),
        ("lost", "FAILED", ["ship", "pay"], 3000),
        ("refused", "FAILED", ["pay"], 3000),
        ("slow", "COMPLETED", [], 4999),
        ({"afterMs": 4000}, "COMPLETED", [], 4000),
        ({"afterMs": 5000}, "FAILED", ["ship", "pay"], 18000),
        ({"status": 429, "retryAfterMs": 7000}, "FAILED", ["pay"], 14000),
        ([503, 503, 200], "COMPLETED", [], 3000),
        (["refused", 404], "FAILED", ["pay"], 1000),
        ({"status": 202, "callback": {"afterMs": 2000}}, "COMPLETED", [], 2000),
        ({"status": 202, "callback": {"afterMs": 2000, "outcome": "failed"}}, "FAILED", ["pay"], 2000),
        ({"status": 202}, "FAILED", ["ship", "pay"], 18000),
        ({"status": 202, "location": "/jobs/1"}, "COMPLETED", [], 100),
    ],
    ids=str,
)
def test_an_answer_means_what_it_means_in_earnest(answer: Any, state: str, undo: list[str], duration: int) -> None:
    passes({"answers": {"ship": answer}}, {"state": state, "undo": undo, "durationMs": duration})


def test_the_last_answer_is_given_again_and_again() -> None:
    passes({"answers": {"pay": [500, 503]}}, {"state": "FAILED", "calls": [{"step": "pay", "attempts": 3}]})


def test_what_is_not_named_answers_200_with_an_empty_map() -> None:
    passes({}, {"state": "COMPLETED", "context": {"pay": {}, "ship": {}}})


def test_a_reason_is_in_the_words_of_the_participant() -> None:
    problem = {"status": 422, "body": {"title": "No", "detail": "not today"}}
    passes({"answers": {"pay": problem}}, {"state": "FAILED", "reason": "pay: 422 No: not today"})


def test_a_problem_that_says_that_the_key_is_in_flight_leaves_it_open() -> None:
    problem = {"status": 409, "body": {"type": "https://errors.example/idempotency-key-in-flight"}}
    passes({"answers": {"pay": [problem, 400]}}, {"state": "FAILED", "undo": ["pay"]})


def test_undos_checks_and_polls_have_answers_of_their_own() -> None:
    passes(
        {
            "answers": {
                "pay": ["lost", 202],
                "pay.check": 404,
                "pay.poll": [202, {"body": {"paid": 1}}],
                "ship": 400,
                "pay.undo": [503, 200],
            }
        },
        {
            "state": "FAILED",
            "requests": [
                {"step": "pay", "attempts": 2},
                "pay.check",
                {"step": "pay.poll", "attempts": 2},
                "ship",
                {"step": "pay.undo", "attempts": 2, "body": {"result": {"paid": 1}}},
            ],
            "context": {"pay": {"paid": 1}},
        },
        SLOW_WORK,
    )


def test_an_undo_may_take_its_time_as_well() -> None:
    passes(
        {"answers": {"ship": 400, "pay.undo": 202, "pay.undo.poll": [202, 200]}},
        {"state": "FAILED", "requests": ["pay", "ship", "pay.undo", {"step": "pay.undo.poll", "attempts": 2}]},
    )


@pytest.mark.parametrize(
    ("answer", "state", "attempts"), [(200, "FAILED", 1), (["timeout", 200], "FAILED", 2), ("timeout", "STUCK", 10)]
)
def test_an_undo_by_event_is_acknowledged_or_not(answer: Any, state: str, attempts: int) -> None:
    passes(
        {"answers": {"ship": "timeout", "ship.undo": answer}},
        {"state": state, "undo": [{"step": "ship", "attempts": attempts}] + ["pay"] * (state == "FAILED")},
        SLOW_WORK,
    )


def test_an_answer_that_nobody_asks_for_is_a_mistake() -> None:
    """Else a test would pass that never comes to the fault that it is about."""
    assert failure({"answers": {"pay": 400, "ship": 400}}, {"state": "FAILED"}) == [
        "line 6, answers.ship: ship was never asked"
    ]
    assert failure({"answers": {"pay": [503, 200, 400]}}, {"state": "COMPLETED"}) == [
        "line 5, answers.pay: pay has 3 answers, but was asked 2 times"
    ]
    assert failure({"answers": {"pay": [200, 400]}}, {"state": "COMPLETED"}) == [
        "line 5, answers.pay: pay has 2 answers, but was asked once"
    ]


def test_requests_side_by_side_go_out_before_the_first_answer() -> None:
    group = ORDER.replace("steps:\n", "steps:\n  - parallel: true\n    steps:\n").replace("  - {", "      - {")
    result = one({"answers": {"pay": 400, "ship": 200}}, {"state": "FAILED", "calls": ["pay", "ship"]}, group)
    assert not result.failures


def test_a_secret_is_a_stand_in() -> None:
    keyed = ORDER.replace('"pay-svc:/pay"', '{service: pay-svc, path: /pay, headers: {X-Key: "${secret.KEY}"}}')
    call = {"step": "pay", "headers": {"x-key": "secret KEY"}}
    passes({}, {"calls": [call, "ship"]}, keyed)
    passes({"secrets": {"KEY": "k-1"}}, {"calls": [{**call, "headers": {"X-Key": "k-1"}}, "ship"]}, keyed)
