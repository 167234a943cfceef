"""The names of the orchestrator's own events in the log (CloudEvents `type`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Closed,
    Compensate,
    Compensating,
    Completed,
    Decided,
    Failed,
    FilterFailed,
    LockAcquired,
    LockQueued,
    LockReleased,
    MatchFailed,
    Paused,
    Queued,
    Redriven,
    Replaced,
    Resumed,
    RunFact,
    Skipped,
    Started,
    StepAccepted,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepSkipped,
    StepStarted,
    StepStuck,
    StepSucceeded,
    StepWaiting,
    Stuck,
)

RUN_FACTS: Final[Mapping[str, type[RunFact]]] = {
    "saga.started": Started,
    "saga.skipped": Skipped,
    "saga.filter.failed": FilterFailed,
    "saga.lock.queued": LockQueued,
    "saga.lock.acquired": LockAcquired,
    "saga.lock.released": LockReleased,
    "saga.step.started": StepStarted,
    "saga.step.accepted": StepAccepted,
    "saga.step.doubted": StepDoubted,
    "saga.step.retrying": StepRetrying,
    "saga.step.waiting": StepWaiting,
    "saga.match.failed": MatchFailed,
    "saga.step.succeeded": StepSucceeded,
    "saga.step.failed": StepFailed,
    "saga.step.held": StepHeld,
    "saga.step.skipped": StepSkipped,
    "saga.compensating": Compensating,
    "saga.compensate": Compensate,
    "saga.step.compensated": StepCompensated,
    "saga.step.stuck": StepStuck,
    "saga.completed": Completed,
    "saga.failed": Failed,
    "saga.cancelled": Cancelled,
    "saga.stuck": Stuck,
    "saga.abandoned": Abandoned,
    "saga.paused": Paused,
    "saga.resumed": Resumed,
    "saga.redriven": Redriven,
    "saga.replaced": Replaced,
    "hitl.queued": Queued,
    "hitl.decided": Decided,
    "hitl.closed": Closed,
}
"""Name in the log -> fact, for the facts about a run (streams `run/…`)."""

TYPES: Final[Mapping[type[RunFact], str]] = {fact: name for name, fact in RUN_FACTS.items()}
"""Fact -> name in the log."""

DEPLOYED: Final = "saga.deployed"
"""A revision of a definition holds from this position on; `content` is the YAML as plain values."""

UNDEPLOYED: Final = "saga.undeployed"
"""From this position on the definition starts no run; runs in flight keep their revision."""

HELD_BACK: Final = "saga.definition.paused"
"""The events of a definition behind the position `from` wait in the log until it is resumed."""

LET_GO: Final = "saga.definition.resumed"
"""The definition meets the events that have waited, and those to come."""
