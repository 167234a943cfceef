"""Whatever a test that is right says, playing it ends in a result."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .house import played

SAGA = """\
id: shop.any.v1
trigger: order.placed
filter: data.n >= 0
lock: {key: data.n, waitMs: 700}
deadlineMs: 90000
retry: {attempts: 3, backoffMs: 500}
timeoutMs: 4000
steps:
  - {name: pay, call: "p:/${data.n}", compensate: "p:/undo", check: "p:/check", output: {id: response.id}}
  - parallel: true
    onSiblingFailure: cancel
    steps:
      - {name: ship, call: "s:/", compensate: event, onExhausted: hitl, when: data.n != 2}
      - {name: wait, await: {event: paid, match: event.data.n == data.n, timeoutMs: 60000}, compensate: "w:/"}
      - {name: ask, approval: {prompt: "Well ${data.n}?", ttlMs: 30000, onExpire: continue}}
  - {name: post, call: "p:/post", irreversible: true}
"""
CALLS = ["pay", "ship", "post"]
TARGETS = [*CALLS, *(f"{call}.poll" for call in CALLS), "pay.undo", "pay.undo.poll", "pay.check", "wait.undo"]

MS = st.sampled_from([0, 1, 499, 500, 4000, 29999, 30000, 60000, 90000, 10**7])
JSON = st.sampled_from([None, 0, 2, "x", [], {}, {"id": "p"}, {"n": 1}, {"title": "no", "type": "about:in-flight"}])
STATUS = st.sampled_from([100, 200, 202, 204, 303, 400, 401, 404, 409, 410, 425, 429, 500, 503, 599])
WORD = st.sampled_from(["timeout", "lost", "refused", "slow"])
CALLBACK = st.fixed_dictionaries(
    {}, optional={"afterMs": MS, "outcome": st.sampled_from(["success", "failed"]), "result": JSON}
)
ACCEPTED = st.fixed_dictionaries(
    {"status": st.just(202)}, optional={"location": st.just("/jobs/1"), "callback": CALLBACK}
)
SAID = st.fixed_dictionaries({}, optional={"status": STATUS, "body": JSON, "afterMs": MS, "retryAfterMs": MS})
ANSWER = st.one_of(STATUS, WORD, SAID, ACCEPTED)
ANSWERS = st.one_of(ANSWER, st.lists(ANSWER, min_size=1, max_size=4))
EVENT = st.fixed_dictionaries({}, optional={"data": st.one_of(JSON, st.just({"n": 2})), "subject": st.just("s")})
LATER = st.fixed_dictionaries(
    {"type": st.sampled_from(["paid", "order.placed"])},
    optional={"afterMs": MS, "data": JSON, "id": st.just("event-1")},
)
DECISION = st.fixed_dictionaries(
    {"decision": st.sampled_from(["approve", "reject", "retry", "done", "skip", "compensate", "undone", "abandon"])},
    optional={"step": st.sampled_from(["ship", "ask", "pay"]), "afterMs": MS, "output": JSON, "refused": st.booleans()},
)
OPERATION = st.fixed_dictionaries(
    {"do": st.sampled_from(["cancel", "abandon", "pause", "resume", "redrive"])}, optional={"afterMs": MS}
)
GIVEN = st.fixed_dictionaries(
    {"event": EVENT},
    optional={
        "answers": st.dictionaries(st.sampled_from(TARGETS), ANSWERS, max_size=6).map(
            lambda found: {**found, "ship.undo": 200}
        ),
        "events": st.lists(LATER, max_size=4),
        "decisions": st.lists(DECISION, max_size=4),
        "operations": st.lists(OPERATION, max_size=4),
        "locks": st.lists(
            st.fixed_dictionaries({"key": st.sampled_from([1, 2, "x"])}, optional={"forMs": MS}), max_size=2
        ),
        "secrets": st.just({"KEY": "k"}),
    },
)
REQUESTS = st.lists(st.sampled_from(CALLS), max_size=3, unique=True)
EXPECT = st.fixed_dictionaries(
    {"state": st.sampled_from(["COMPLETED", "NONE"])},
    optional={
        "atMs": MS,
        "calls": REQUESTS,
        "undo": st.just([["pay", "wait"], {"step": "ship", "body": {"a": 1}, "headers": {"X": "y"}}]),
        "requests": st.just(["pay", {"step": "pay.poll", "path": "/", "query": {"a": "1"}, "body": None}]),
        "hitl": st.lists(st.just({"kind": "hold", "reason": "x"}), max_size=2),
        "events": st.just(["saga.completed", {"type": "saga.step.failed", "data": {"status": 422}}]),
        "console": st.one_of(st.just("x"), st.just(["x"])),
        "context": st.just({"pay": {"id": "p"}}),
        "steps": st.just({"pay": "FAILED"}),
        "durationMs": st.one_of(st.just(0), st.just({"atLeast": 1})),
        "runs": st.just([]),
    },
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(GIVEN, EXPECT)
def test_a_test_that_is_right_has_a_result(given: dict[str, Any], expect: dict[str, Any]) -> None:
    """The same one twice: nothing of a test is left to chance, or to the one before it."""
    once, twice = ({"name": name, "given": given, "expect": expect} for name in ("once", "twice"))
    first, second = played({"tests": [once, twice]}, SAGA).results
    assert [each.message for each in first.failures] == [each.message for each in second.failures]
    assert [each.lines for each in first.failures] == [each.lines for each in second.failures]
    assert (first.console, first.virtual_ms) == (second.console, second.virtual_ms)
