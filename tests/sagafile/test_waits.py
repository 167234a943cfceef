"""Locks and waits: which names their expressions may use, and what is refused although the schema lets it in."""

from __future__ import annotations

import pytest

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.saga.event_types import DEPLOYED, RUN_FACTS, UNDEPLOYED
from hms_orch_cli.sagafile.check import check

NAMES = {"data": "data", "event": "event", "context": "context", "response": "response", "saga": "saga"}
NAMES |= {"secret": "secret.KEY"}
START = {"data", "event", "saga"}
STEP = {*START, "context"}
ANSWER = {*STEP, "response"}

PLACES = {
    "lock": ("lock: string(USE)\nsteps: [{name: a, call: svc:/a}]\n", START),
    "lock.key": ("lock: {key: string(USE)}\nsteps: [{name: a, call: svc:/a}]\n", START),
    "await.match": ("steps: [{name: a, await: {event: e, match: USE == 1}}]\n", STEP),
    "when of await": ("steps: [{name: a, await: {event: e}, when: USE == 1}]\n", STEP),
    "output of await": ("steps: [{name: a, await: {event: e}, output: {x: USE}}]\n", ANSWER),
    "summary of await": ("steps: [{name: a, await: {event: e}, summary: 'x ${USE}'}]\n", ANSWER),
    "compensate of await": ("steps: [{name: a, await: {event: e}, compensate: 'svc:/x/${USE}'}]\n", STEP),
    "approval.prompt": ("steps: [{name: a, approval: {prompt: 'x ${USE}?'}}]\n", STEP),
    "when of approval": ("steps: [{name: a, approval: {prompt: x}, when: USE == 1}]\n", STEP),
    "output of approval": ("steps: [{name: a, approval: {prompt: x}, output: {x: USE}}]\n", ANSWER),
    "summary of approval": ("steps: [{name: a, approval: {prompt: x}, summary: 'x ${USE}'}]\n", ANSWER),
    "compensate of approval": ("steps: [{name: a, approval: {prompt: x}, compensate: 'svc:/x/${USE}'}]\n", STEP),
}


def rules(text: str) -> list[str]:
    """Without the advice of lint, which begins with HMS101."""
    findings = check(f"id: a\ntrigger: t\n{text}".encode(), "x", CelExpressions()).findings
    return [found.rule for found in findings if found.rule < "HMS1"]


@pytest.mark.parametrize("place", PLACES)
def test_an_expression_may_use_the_names_of_its_place_and_no_others(place: str) -> None:
    text, allowed = PLACES[place]
    use = {name: text.replace("USE", f"dyn({written})") for name, written in NAMES.items()}

    assert {name for name, written in use.items() if rules(written) == []} == allowed
    refused = {rule for name in NAMES.keys() - allowed for rule in rules(use[name])}
    assert refused <= {"HMS030", "HMS031"}


@pytest.mark.parametrize("undo", ["event", "{event: true}", "{event: true, retry: {attempts: 2}, timeoutMs: 5}"])
@pytest.mark.parametrize("kind", ["call: svc:/a", "await: {event: e}", "approval: {prompt: x}"])
def test_every_kind_of_step_may_be_undone_by_an_event(kind: str, undo: str) -> None:
    assert rules(f"steps: [{{name: a, {kind}, compensate: {undo}, onExhausted: hitl}}]\n") == []


@pytest.mark.parametrize("kind", [*RUN_FACTS, DEPLOYED, UNDEPLOYED, "hitl.queued", "saga.definition.paused"])
def test_what_the_orchestrator_records_may_be_awaited(kind: str) -> None:
    assert rules(f"steps: [{{name: a, await: {{event: {kind}}}}}]\n") == []


@pytest.mark.parametrize("condition", ["true", "event.data.ok == false", "data.n == null", "!has(data.x)"])
def test_a_match_that_may_be_true_passes(condition: str) -> None:
    assert rules(f"steps: [{{name: a, await: {{event: e, match: '{condition}'}}}}]\n") == []


@pytest.mark.parametrize("key", ["data", "data.x == null ? null : data.x", '"all"', "5", "false"])
def test_a_key_that_may_be_one_passes(key: str) -> None:
    """A constant that is not null is one lock for all runs."""
    assert rules(f"lock: '{key}'\nsteps: [{{name: a, call: svc:/a}}]\n") == []


@pytest.mark.parametrize(("conflict", "found"), [("wait", []), ("abort", ["HMS023"]), ("skip", ["HMS023"])])
def test_a_longest_wait_is_for_those_that_wait(conflict: str, found: list[str]) -> None:
    lock = f"lock: {{key: data.id, onConflict: {conflict}, waitMs: 0}}\n"
    assert rules(lock + "steps: [{name: a, call: svc:/a}]\n") == found
    assert rules(lock.replace(", waitMs: 0", "") + "steps: [{name: a, call: svc:/a}]\n") == []
