"""What the world is still owed: read off the state alone, so a run that was cut off anywhere goes on from there."""

from __future__ import annotations

from hms_orch_cli.saga.commands import Begin, Check, Command, Poll, Send, Wake
from hms_orch_cli.saga.compensation import next_undos
from hms_orch_cli.saga.definition import Call, Group, Item, Step, Undo
from hms_orch_cli.saga.outcome import Op
from hms_orch_cli.saga.state import PENDING, Phase, Progress, Run, Status


def due(run: Run, now: int) -> list[Command]:
    """What the world is still owed, in the order of the structure. An ended or stuck run is owed nothing."""
    owed: list[Command] = []
    if run.status is Status.RUNNING:
        _forward(run.saga.body, run, now, owed)
        deadline = deadline_of(run)
        if deadline is not None:
            owed.append(Wake(deadline))
    elif run.status is Status.COMPENSATING:
        if in_flight(run):
            for name, call in run.calls.items():
                if call.phase.moving:
                    _owe(run.saga.steps[name], "call", call, now, owed)
        else:
            for step in next_undos(run.saga.body, run.calls, run.undos):
                _owe(step, "compensate", run.undos.get(step.name, PENDING), now, owed)
    return owed


def _forward(item: Item, run: Run, now: int, owed: list[Command]) -> bool:
    """Adds what the item still owes; returns whether it is done."""
    if isinstance(item, Step):
        call = run.calls.get(item.name, PENDING)
        if call.phase is Phase.SUCCEEDED or call.phase is Phase.SKIPPED:
            return True
        _owe(item, "call", call, now, owed)
        return False
    if isinstance(item, Group):
        done = [_forward(inner, run, now, owed) for inner in item.items]  # side by side: each is asked
        return all(done)
    for inner in item.items:
        if _forward(inner, run, now, owed):
            continue
        return False
    return True


def _owe(step: Step, op: Op, progress: Progress, now: int, owed: list[Command]) -> None:
    match progress.phase:
        case Phase.PENDING:
            owed.append(Begin(step.name, op))
        case Phase.RUNNING if is_announced(step, op):
            owed.append(Wake(progress.sent_at + patience(step, op).timeout_ms))
        case Phase.RUNNING:
            owed.append(Send(step.name, op, progress.attempt))
        case Phase.RETRYING if now >= progress.due_at:
            owed.append(Begin(step.name, op))
        case Phase.RETRYING:
            owed.append(Wake(progress.due_at))
        case Phase.ACCEPTED:
            owed.append(Poll(step.name, op, progress.attempt, progress.status, progress.location))
            owed.append(Wake(progress.sent_at + patience(step, op).timeout_ms))
        case Phase.CHECKING:
            owed.append(Check(step.name, progress.attempt))
        case _:
            pass  # decided: SUCCEEDED, FAILED, UNKNOWN, SKIPPED, STUCK


def in_flight(run: Run) -> bool:
    """Whether a forward call is still going on, so that nothing may be undone yet."""
    return any(call.phase.moving for call in run.calls.values())


def deadline_of(run: Run) -> int | None:
    """When the run turns back by itself (milliseconds since 1970), None if never."""
    return None if run.saga.deadline_ms is None else run.started_at + run.saga.deadline_ms


def patience(step: Step, op: Op) -> Call | Undo:
    """The retry policy and the timeout that hold for the call, or for the undo, of a step."""
    found = step.call if op == "call" else step.compensate
    assert found is not None, f"step {step.name} has no {op}"  # noqa: S101  # an owed op exists by construction
    return found


def is_announced(step: Step, op: Op) -> bool:
    """Whether the undo is an event that a participant hears and acknowledges, and no request."""
    return op == "compensate" and step.compensate is not None and step.compensate.mode == "event"
