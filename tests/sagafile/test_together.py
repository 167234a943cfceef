"""What shows between sagas, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.project import check_files

PAY = {"name": "pay", "call": "svc:/pay", "compensate": "event"}


def saga(name: str, **keys: Any) -> dict[str, Any]:
    return {"id": name, "trigger": "t", "steps": [PAY], **keys}


def rules(*sagas: dict[str, Any]) -> list[list[str]]:
    """The findings of each, in a file of its own."""
    files = [(f"{number}.yaml", json.dumps(each).encode()) for number, each in enumerate(sagas)]
    return [[found.rule for found in checked.findings] for checked in check_files(files, CelExpressions())]


def after(name: str, of: str, *kinds: str) -> dict[str, Any]:
    """A saga that runs of another start."""
    return saga(name, trigger=list(kinds or ("saga.completed",)), filter=f'data.saga == "{of}"')


def waiting(name: str, match: str, *, event: str = "saga.completed", lock: Any = "data.id") -> dict[str, Any]:
    """A saga with a lock that waits for a run."""
    step = {"name": "heard", "await": {"event": event, "match": match, "timeoutMs": 1000}}
    return saga(name, steps=[PAY, step], **({"lock": lock} if lock else {}))


def test_an_id_in_two_files_is_told_of_in_the_second() -> None:
    assert rules(saga("a"), saga("b"), saga("a")) == [[], [], ["HMS113"]]


def test_an_id_twice_in_one_file_is_another_mistake() -> None:
    text = "---\n".join(json.dumps(saga("a")) + "\n" for _ in range(2))
    (checked,) = check_files([("a.yaml", text.encode())], CelExpressions())
    assert [found.rule for found in checked.findings] == ["HMS052"]


def test_each_saga_of_a_circle_is_told_of() -> None:
    assert rules(after("a", "c"), after("b", "a"), after("c", "b"), after("d", "c")) == [
        ["HMS112"],
        ["HMS112"],
        ["HMS112"],
        [],
    ]
    assert rules(after("a", "b"), after("b", "nobody")) == [[], []]


def test_a_saga_that_starts_itself_is_no_circle_of_several() -> None:
    assert rules(after("a", "a"), after("b", "a")) == [["HMS050"], []]


def test_the_place_is_the_trigger_that_closes_the_circle() -> None:
    own = saga("b", trigger=["t", "hitl.queued", "saga.failed"], filter='event.type == "t" || data.saga == "a"')
    files = [(each["id"], json.dumps(each).encode()) for each in (after("a", "b"), own)]
    (finding,) = check_files(files, CelExpressions())[1].findings
    assert (finding.rule, finding.pointer) == ("HMS112", "/trigger/1")


@pytest.mark.parametrize(
    ("match", "told"),
    [
        ('event.data.saga == "b"', True),
        ("event.data.saga == 'b' && event.data.sagaId == context.pay.run", True),
        ('event.data.saga != "b"', False),
        ('event.data.saga == "b" && false', False),
        ('event.data.saga == "other"', False),
        ("event.data.sagaId == context.pay.run", False),
    ],
)
def test_a_wait_for_a_run_that_waits_for_the_same_lock(match: str, told: bool) -> None:
    found = ["HMS111"] if told else []
    assert rules(waiting("a", match), saga("b", lock="data.id")) == [found, []]
    assert rules(waiting("a", match), saga("b", lock={"key": "data.id"})) == [found, []]
    assert rules(waiting("a", match), saga("b", lock="data.other")) == [[], []]
    assert rules(waiting("a", match), saga("b")) == [[], []]
    assert rules(waiting("a", match, lock=None), saga("b", lock="data.id")) == [[], []]


def test_two_files_that_look_alike_are_told_of_both() -> None:
    match = 'event.data.saga == "c"'
    assert rules(waiting("a", match), waiting("b", match), saga("c", lock="data.id")) == [["HMS111"], ["HMS111"], []]


@pytest.mark.parametrize("event", ["saga.started", "saga.lock.queued", "saga.failed", "saga.cancelled"])
def test_what_a_run_records_without_its_lock_may_be_awaited(event: str) -> None:
    assert rules(waiting("a", 'event.data.saga == "b"', event=event), saga("b", lock="data.id")) == [[], []]


def test_a_wait_for_another_run_of_the_same_saga() -> None:
    assert rules(waiting("a", "event.data.saga == saga.definition")) == [["HMS111"]]
    assert rules(waiting("a", "event.data.saga == saga.definition", lock=None)) == [[]]
