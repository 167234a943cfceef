"""How a run looks to an operator: its state, why it does not move, and its steps."""

from __future__ import annotations

from typing import Any

from hms_orch_cli.saga.attention import DECISIONS, reason_of_step
from hms_orch_cli.saga.commands import Command, Listen, Poll, Wake
from hms_orch_cli.saga.due import due, holds_lock
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.saga.state import PENDING, Phase, Progress, Run, Status

_CALL_STATES = {
    Phase.PENDING: "PENDING",
    Phase.RUNNING: "RUNNING",
    Phase.ACCEPTED: "WAITING",
    Phase.CHECKING: "RUNNING",
    Phase.RETRYING: "RETRYING",
    Phase.WAITING: "WAITING",
    Phase.HELD: "WAITING",
    Phase.SUCCEEDED: "SUCCEEDED",
    Phase.FAILED: "FAILED",
    Phase.UNKNOWN: "UNKNOWN",
    Phase.SKIPPED: "SKIPPED",
}
_UNDO_STATES = {Phase.SUCCEEDED: "COMPENSATED", Phase.STUCK: "STUCK"}


def state_of(run: Run) -> str:
    """The state of the contract: WAITING is a running one with nothing in flight."""
    if run.paused:
        return "PAUSED"
    if run.status is Status.RUNNING and _waits(run):
        return "WAITING"
    return run.status.value


def reason_of(run: Run) -> str:
    """Why it ended as it did, or what it waits for; empty while it moves."""
    if run.stuck or run.reason or run.status.ended:
        return run.stuck or run.reason
    if not holds_lock(run):
        return f"waits for lock {run.claim.key}" if run.claim is not None else ""
    return next(filter(None, (_waits_for(run, name, call) for name, call in run.calls.items())), "")


def _waits_for(run: Run, name: str, call: Progress) -> str:
    match call.phase:
        case Phase.RETRYING:
            status = f"{call.status} " if call.status else ""
            return f"{name}: {status}{call.reason}, retry at {rfc3339(call.due_at)}"
        case Phase.ACCEPTED:
            return f"{name}: the participant works on it (status {call.status})"
        case Phase.HELD:
            return f"{reason_of_step(name, call)}, a person has to decide"
        case Phase.WAITING:
            awaits = run.saga.steps[name].awaits
            until = f" until {rfc3339(call.due_at)}" if call.due_at else ""
            what = f"event {awaits.event}" if awaits is not None else "a person who approves"
            return f"{name}: waits for {what}{until}"
        case _:
            return ""


def items_of(run: Run) -> list[dict[str, Any]]:
    """The open items of a run, as `hitl list -o json` shows them."""
    return [
        {
            "id": item.id,
            "kind": item.kind,
            "sagaId": run.id,
            "saga": run.saga.id,
            "step": item.step,
            "reason": item.reason,
            "since": rfc3339(item.since),
            "expiresAt": None if item.expires_at is None else rfc3339(item.expires_at),
            "decisions": list(DECISIONS[item.kind]),
        }
        for item in run.items.values()
    ]


def awaits_of(run: Run) -> list[str]:
    """The types of event that steps of the run wait for now."""
    return [command.event_type for command in due(run, 0) if isinstance(command, Listen)]


def steps_of(run: Run) -> list[dict[str, Any]]:
    """Every step of the definition in the order of the file: `name`, `state`, `attempts`, `summary`."""
    steps = []
    for name in run.saga.steps:
        call, undo = run.calls.get(name, PENDING), run.undos.get(name)
        attempts = call.attempt
        steps.append(
            {"name": name, "state": _step_state(call, undo), "attempts": attempts, "summary": _summary(call, undo)}
        )
    return steps


def due_at(run: Run) -> int | None:
    """When the run wants to move next (milliseconds since 1970): 0 now, None if only the world can move it."""
    owed = [command for command in due(run, 0) if isinstance(command, Wake) or not _is_others(command)]
    if not owed:
        return None
    if all(isinstance(command, Wake) for command in owed):
        return min(command.at for command in owed if isinstance(command, Wake))
    return 0


def waits_for_others(run: Run) -> bool:
    """Whether only a person, an event or a callback would move it before some timeout does."""
    in_line = run.status is Status.RUNNING and not holds_lock(run)  # nothing is tried again before it has its lock
    pauses = any(step.phase is Phase.RETRYING for step in (*run.calls.values(), *run.undos.values()))
    return (run.paused or in_line or not pauses) and all(map(_is_others, due(run, 0)))


def _is_others(command: Command) -> bool:
    """Whether the next move is somebody else's, until a time comes."""
    if isinstance(command, Wake | Listen):
        return True
    return isinstance(command, Poll) and command.status == 202 and not command.location


def _waits(run: Run) -> bool:
    if not holds_lock(run):
        return run.claim is not None
    moving = [call.phase for call in run.calls.values() if call.phase.moving]
    return bool(moving) and all(phase in _AT_REST for phase in moving)


_AT_REST = frozenset({Phase.RETRYING, Phase.ACCEPTED, Phase.WAITING, Phase.HELD})


def _step_state(call: Progress, undo: Progress | None) -> str:
    if undo is None or undo.phase is Phase.PENDING:
        return _CALL_STATES[call.phase]
    return _UNDO_STATES.get(undo.phase, "COMPENSATING")


def _summary(call: Progress, undo: Progress | None) -> str | None:
    if undo is not None and undo.phase is Phase.STUCK:
        return undo.reason or None
    return call.summary or call.reason or None
