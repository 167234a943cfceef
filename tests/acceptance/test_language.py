"""The saga language at work: groups, conditions, outputs, deadlines, and what this version does not run."""

from __future__ import annotations

import pytest

from tests.acceptance.house import House
from tests.acceptance.services import Services, ok, problem
from tests.participant.fake_service import Reply

pytestmark = pytest.mark.process

HEAD = "id: x\ntrigger: go\n"
QUICK = "retry: {attempts: 2, backoffMs: 10, jitter: 0}\n"
NO = problem(422, "no")


def _step(name: str, more: str = "") -> str:
    return f"{{name: {name}, call: 'svc:/{name}', compensate: 'svc:/un{name}'{more}}}"


def _run(house: House, text: str, data: str = "{}") -> dict[str, str]:
    """The state of each step after one run."""
    house.deploy(text)
    house.publish("go", "--data", data)
    house.until_idle()
    return {step["name"]: step["state"] for step in house.run()["steps"]}


def test_a_group_runs_side_by_side_and_is_undone_before_what_came_earlier(house: House, services: Services) -> None:
    """Both branches are asked before either has answered; within a branch the undo is the reverse."""
    for path in ("/b", "/c"):
        services.on(path, Reply(hold="both"))
    services.on("/e", NO)
    house.deploy(
        f"{HEAD}{QUICK}steps:\n  - {_step('a')}\n  - parallel: true\n    steps:\n      - {_step('b')}\n"
        f"      - steps:\n          - {_step('c')}\n          - {_step('d')}\n  - {_step('e')}\n"
    )
    house.publish("go")
    with house.up("--until-idle") as up:
        services.arrived("/b")
        services.arrived("/c")
        services.release("both")
        assert up.ended() == 0
    order = services.order()
    assert order[0] == "/a" and order[-1] == "/una"
    assert order.index("/unc") > order.index("/und") > order.index("/e")
    assert order.index("/unb") > order.index("/e")
    assert house.run()["state"] == "FAILED"


def test_a_group_that_says_cancel_ends_the_retries_of_siblings(house: House, services: Services) -> None:
    """The sibling in doubt is undone at once, though its next attempt was a minute away."""
    services.on("/b", Reply(500))
    services.on("/c", Reply(422, hold="c"))
    house.deploy(
        f"{HEAD}retry: {{attempts: 5, backoffMs: 60000, jitter: 0}}\nsteps:\n  - parallel: true\n"
        f"    onSiblingFailure: cancel\n    steps:\n      - {_step('b')}\n      - {_step('c')}\n"
    )
    house.publish("go")
    with house.up("--until-idle") as up:
        services.arrived("/b")
        services.release("c")
        assert up.ended() == 0
    assert {step["name"]: step["state"] for step in house.run()["steps"]} == {"b": "COMPENSATED", "c": "FAILED"}


def test_a_condition_that_is_false_skips_its_step(house: House, services: Services) -> None:
    """It is neither called nor undone."""
    services.on("/c", NO)
    condition = _step("a", ", when: 'data.n > 1'")
    states = _run(house, f"{HEAD}{QUICK}steps:\n  - {condition}\n  - {_step('b')}\n  - {_step('c')}\n", '{"n": 1}')
    assert states == {"a": "SKIPPED", "b": "COMPENSATED", "c": "FAILED"}
    assert services.order() == ["/b", "/c", "/unb"]


def test_outputs_are_read_by_later_steps_and_keep_their_type(house: House, services: Services) -> None:
    """As `context.<step>.<name>`, in a path and in a body."""
    services.on("/a", ok(items=[1, 2, 3]))
    output = _step("a", ", output: {n: 'response.items.size()'}, summary: '${response.items.size()} items'")
    call = "{service: svc, path: '/b/${context.a.n}', body: {n: '${context.a.n}', text: 'n=${context.a.n}'}}"
    states = _run(house, f"{HEAD}steps:\n  - {output}\n  - {{name: b, call: {call}}}\n")
    assert set(states.values()) == {"SUCCEEDED"}
    (asked,) = services.sent("/b/3")
    assert asked.json == {"n": 3, "text": "n=3"}
    assert house.run()["steps"][0]["summary"] == "3 items"


def test_past_its_deadline_a_run_turns_back(house: House, services: Services) -> None:
    """A retry that waits is given up, and everything is undone."""
    services.on("/b", Reply(500))
    retry = "deadlineMs: 300\nretry: {attempts: 5, backoffMs: 60000, jitter: 0}\n"
    states = _run(house, f"{HEAD}{retry}steps:\n  - {_step('a')}\n  - {_step('b')}\n")
    assert states == {"a": "COMPENSATED", "b": "COMPENSATED"}
    assert house.run()["reason"] == "not done within 300 ms"


def test_a_budget_ends_the_retries(house: House, services: Services) -> None:
    """Long before the attempts are used up."""
    services.on("/a", Reply(500))
    retry = "retry: {attempts: 1000, backoffMs: 50, factor: 1, jitter: 0, budgetMs: 120}\n"
    assert _run(house, f"{HEAD}{retry}steps:\n  - {_step('a')}\n") == {"a": "COMPENSATED"}
    assert 1 <= len(services.sent("/a")) <= 3


def test_what_is_redacted_is_stored_nowhere(house: House, services: Services) -> None:
    """Neither in the log nor in a derived table."""
    services.on("/a", ok(card={"number": "4111-1111", "kind": "debit"}))
    redacted = _step("a", ", redact: [card.number]")
    _run(house, f"{HEAD}steps:\n  - {redacted}\n")
    succeeded = next(event for event in house.log() if event["type"] == "saga.step.succeeded")
    assert succeeded["data"]["answer"]["card"]["kind"] == "debit"
    stored = b"".join(path.read_bytes() for path in house.store.parent.rglob("*") if path.is_file())
    assert b"4111-1111" not in stored


def test_a_secret_that_is_missing_fails_the_step_and_nothing_is_sent(house: House, services: Services) -> None:
    """The reason names it."""
    call = "{service: svc, path: /a, headers: {X-Key: '${secret.NOT_THERE}'}}"
    assert _run(house, f"{HEAD}steps:\n  - {{name: a, call: {call}}}\n") == {"a": "FAILED"}
    assert services.requests == []
    assert "NOT_THERE" in house.run()["reason"]
