"""States that are built field by field, for speed, are what `_replace` would give: no field is forgotten or swapped."""

from __future__ import annotations

from typing import Any

from hms_orch_cli.saga.events import StepStarted, StepSucceeded
from hms_orch_cli.saga.machine import evolve
from hms_orch_cli.saga.state import Phase, Progress, Run, Status


def marked(kind: Any, **known: Any) -> Any:
    """A value each of whose fields is another text, but for those that are known."""
    return kind(**{**{name: f"its {name}" for name in kind._fields}, **known})


def test_a_run_one_fact_later() -> None:
    run: Run = marked(Run, version=7)
    assert run.moved({"a": Progress()}, {"b": Progress()}) == run._replace(
        version=8, calls={"a": Progress()}, undos={"b": Progress()}
    )


def test_an_attempt_begins() -> None:
    before: Progress = marked(Progress, phase=Phase.RETRYING, unknown=False, began_at=5)
    run: Run = marked(Run, status=Status.RUNNING, version=1, calls={"pay": before}, undos={})
    after = evolve(run, StepStarted(9, "pay", 2, "key", True)).calls["pay"]
    assert after == before._replace(
        phase=Phase.RUNNING, attempt=2, unknown=True, sent_at=9, location=None, refused=False
    )


def test_an_attempt_succeeds() -> None:
    before: Progress = marked(Progress, phase=Phase.RUNNING)
    run: Run = marked(Run, status=Status.RUNNING, version=1, calls={"pay": before}, undos={})
    after = evolve(run, StepSucceeded(9, "pay", 2, 200, {"a": 1}, {"b": 2}, "done", 7)).calls["pay"]
    assert after == before._replace(
        phase=Phase.SUCCEEDED,
        unknown=False,
        status=200,
        reason="",
        summary="done",
        answer={"a": 1},
        output={"b": 2},
        refused=False,
        heard=7,
    )
