"""One fact of each kind, with every member told, and variants with what may be missing left out."""

from __future__ import annotations

from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Compensate,
    Compensating,
    Completed,
    EventRef,
    Failed,
    FilterFailed,
    RunFact,
    Skipped,
    Started,
    StepAccepted,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepRetrying,
    StepSkipped,
    StepStarted,
    StepStuck,
    StepSucceeded,
    Stuck,
)

AT = 1_800_000_000_123
REF = EventRef(7, "e-1", "hms-bus", "order.placed", "2027-01-15T08:00:00.000Z")
ANSWER = {"id": 1, "parts": [1, 2.5, None, True, "ü"]}

SAMPLES: list[RunFact] = [
    Started(AT, "r" * 64, REF, 2),
    Skipped(AT, "r" * 64, REF, "11 sagas in a chain"),
    FilterFailed(AT, "r" * 64, REF, "no such key"),
    StepStarted(AT, "pay", 1, "run-1:pay:call", True),
    StepAccepted(AT, "pay", "call", 1, 202, "/jobs/1"),
    StepAccepted(AT, "pay", "compensate", 1, 202, "/jobs/1"),
    StepDoubted(AT, "pay", 1, "reset", 500),
    StepRetrying(AT, "pay", "call", 1, "unknown", "reset", AT + 9, 500),
    StepRetrying(AT, "pay", "compensate", 1, "retry", "reset", AT + 9, 500),
    StepSucceeded(AT, "pay", 1, 200, ANSWER, {"n": 1}, "paid"),
    StepFailed(AT, "pay", 1, "failed", False, "refused", 409),
    StepFailed(AT, "pay", 1, "unknown", True, "reset", 500),
    StepSkipped(AT, "pay", "its condition is false"),
    Compensating(AT, "step", "pay: 409 refused"),
    Compensate(AT, "pay", ANSWER, "http", "run-1:pay:compensate", 1, True),
    StepCompensated(AT, "pay", 1, 200),
    StepStuck(AT, "pay", 10, "refused", 409),
    Completed(AT, 12),
    Failed(AT, "pay: 409 refused", 12),
    Cancelled(AT, "wrong order", 12),
    Stuck(AT, "undo of pay: 409 refused"),
    Abandoned(AT, "by hand", "ann", 12),
]

SPARSE: list[RunFact] = [
    Started(AT, "r" * 64, EventRef(1, "e", "s", "t")),
    StepStarted(AT, "pay", 1, "k"),
    StepAccepted(AT, "pay", "call", 1, 202),
    StepDoubted(AT, "pay", 1, "cut off"),
    StepRetrying(AT, "pay", "call", 1, "retry", "", AT),
    StepSucceeded(AT, "pay", 1),
    StepSucceeded(AT, "pay", 1, 200, [], {}, ""),
    StepSucceeded(AT, "pay", 1, 200, 0, None, None),
    StepSucceeded(AT, "pay", 1, 200, False),
    StepFailed(AT, "pay", 0, "failed", False, ""),
    Compensate(AT, "pay", None, "event", "k", 1),
    Compensate(AT, "pay", {}, "http", "k", 1),
    StepCompensated(AT, "pay", 1),
    StepStuck(AT, "pay", 0, "no secret"),
]
