"""The times of a run, line by line."""

from __future__ import annotations

from typing import Any

from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.views.timings import Line, Stretch, timings

BEGIN = 1_800_000_000_000


def told(*events: tuple[int, str, dict[str, Any]]) -> list[Line]:
    """The lines of a timeline; times from its beginning, in milliseconds."""
    lines = timings({"time": rfc3339(BEGIN + at), "type": kind, "data": data} for at, kind, data in events)
    return [
        line._replace(
            stretches=[
                each._replace(begin=each.begin - BEGIN, end=None if each.end is None else each.end - BEGIN)
                for each in line.stretches
            ]
        )
        for line in lines
    ]


def step(name: str, **more: Any) -> dict[str, Any]:
    """The data of an event about a step."""
    return {"step": {"name": name}, **more}


def test_attempts_and_pauses_follow_one_another() -> None:
    assert told(
        (0, "saga.started", {}),
        (1, "saga.step.started", step("pay", attempt=1)),
        (5, "saga.step.retrying", step("pay", op="call", attempt=1, outcome="unknown", reason="closed", status=503)),
        (9, "saga.step.started", step("pay", attempt=2)),
        (12, "saga.step.succeeded", step("pay", attempt=2, summary="paid", status=200)),
    ) == [
        Line(
            "pay",
            "call",
            [
                Stretch(1, 5, "unknown", "503 closed"),
                Stretch(5, 9, "pause", "503 closed"),
                Stretch(9, 12, "success", "200 paid"),
            ],
        )
    ]


def test_an_undo_has_a_line_of_its_own() -> None:
    lines = told(
        (0, "saga.step.started", step("pay")),
        (1, "saga.step.succeeded", step("pay")),
        (2, "saga.compensate", step("pay")),
        (4, "saga.step.retrying", step("pay", op="compensate", outcome="retry", reason="busy")),
        (6, "saga.compensate", step("pay")),
        (7, "saga.step.compensated", step("pay")),
    )
    assert [(line.what, [each.kind for each in line.stretches]) for line in lines] == [
        ("call", ["success"]),
        ("undo", ["failed", "pause", "undone"]),
    ]


def test_what_goes_on_has_no_end() -> None:
    (line,) = told((3, "saga.step.waiting", step("approve", what="approval")))
    assert line.stretches == [Stretch(3, None, "wait")]
    (line,) = told((3, "saga.step.started", step("pay")))
    assert line.stretches == [Stretch(3, None, "attempt")]


def test_a_202_is_an_answer_and_then_a_wait() -> None:
    (line,) = told(
        (0, "saga.step.started", step("assess")),
        (2, "saga.step.accepted", step("assess", op="call", status=202)),
        (90, "saga.step.succeeded", step("assess", status=200)),
    )
    assert [(each.begin, each.end, each.kind) for each in line.stretches] == [(0, 2, "success"), (2, 90, "wait")]


def test_an_attempt_that_was_cut_off_ends_with_the_next_one() -> None:
    (line,) = told(
        (0, "saga.step.started", step("pay", attempt=1)),
        (50, "saga.step.started", step("pay", attempt=1, interrupted=True)),
    )
    assert line.stretches == [Stretch(0, 50, "unknown", "cut off"), Stretch(50, None, "attempt")]


def test_a_held_step_waits_for_a_person() -> None:
    (line,) = told(
        (0, "saga.step.started", step("print")),
        (2, "saga.step.held", step("print", outcome="failed", reason="no paper")),
        (70, "saga.step.started", step("print")),
    )
    assert [(each.kind, each.end) for each in line.stretches] == [("failed", 2), ("wait", 70), ("attempt", None)]


def test_a_lock_is_waited_for() -> None:
    (line,) = told((0, "saga.lock.queued", {"key": "1"}), (30, "saga.lock.acquired", {"key": "1"}))
    assert line == Line("", "lock", [Stretch(0, 30, "wait")])
    assert told((0, "saga.lock.acquired", {"key": "1"})) == []


def test_the_end_of_the_run_ends_everything() -> None:
    (line,) = told((0, "saga.step.waiting", step("approve")), (9, "saga.abandoned", {}))
    assert line.stretches == [Stretch(0, 9, "wait")]
