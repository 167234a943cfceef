"""What the world is still owed: read off the state alone, so a run that was cut off anywhere goes on from there."""

from __future__ import annotations

from collections.abc import Mapping

from hms_orch_cli.saga.commands import Acquire, Begin, Check, Command, Expire, Listen, Poll, Send, Wake
from hms_orch_cli.saga.compensation import next_undos
from hms_orch_cli.saga.definition import Call, Group, Item, Step, Undo
from hms_orch_cli.saga.outcome import Op
from hms_orch_cli.saga.state import PENDING, Phase, Progress, Run, Status

_DONE = frozenset({Phase.SUCCEEDED, Phase.SKIPPED})
_IN_FLIGHT = frozenset({Phase.RUNNING, Phase.ACCEPTED, Phase.CHECKING})
"""An answer is to come: a request's, or a participant's that works on it."""


def due(run: Run, now: int) -> list[Command]:
    """What the world is still owed, in the order of the structure. An ended or stuck run is owed nothing, one that is
    paused, or past its deadline, only the end of what is in flight."""
    owed: list[Command] = []
    if run.status is Status.RUNNING:
        deadline = deadline_of(run)
        if run.paused or (deadline is not None and now >= deadline):
            _settle(run, now, owed)
        elif holds_lock(run):
            _forward(run.saga.body, run.calls, now, owed)
        else:
            _lock(run, owed)
        if deadline is not None and not run.paused:
            owed.append(Wake(deadline))
    elif run.status is Status.COMPENSATING:
        if run.paused:
            _settle(run, now, owed)
        elif not holds_lock(run):
            _lock(run, owed)
        elif in_flight(run):
            for name, call in run.calls.items():
                _owe(run.saga.steps[name], "call", call, now, owed)
        else:
            for step in next_undos(run.saga.body, run.calls, run.undos):
                _owe(step, "compensate", run.undos.get(step.name, PENDING), now, owed)
    return owed


def _lock(run: Run, owed: list[Command]) -> None:
    """What a run without its lock is owed: to ask for it, or the end of its wait in line."""
    if run.claim is None:
        owed.append(Acquire())
    elif run.status is Status.RUNNING and (ends := lock_wait_ends(run)) is not None:
        owed.append(Wake(ends))


def _settle(run: Run, now: int, owed: list[Command]) -> None:
    """What is in flight goes on although nothing begins; not in a run that was redriven and has not its lock again."""
    if not holds_lock(run):
        return
    for name, call in run.calls.items():
        if call.phase in _IN_FLIGHT:
            _owe(run.saga.steps[name], "call", call, now, owed)
    for name, undo in run.undos.items():
        if undo.phase in _IN_FLIGHT:
            _owe(run.saga.steps[name], "compensate", undo, now, owed)


def _forward(item: Item, calls: Mapping[str, Progress], now: int, owed: list[Command]) -> bool:
    """Adds what the item still owes; returns whether it is done."""
    if isinstance(item, Step):
        return _step(item, calls, now, owed)
    if isinstance(item, Group):
        done = [_forward(inner, calls, now, owed) for inner in item.items]  # side by side: each is asked
        return all(done)
    for inner in item.items:
        # Most items are steps, and this is asked at every turn of every run.
        if type(inner) is Step:
            if not _step(inner, calls, now, owed):
                return False
        elif not _forward(inner, calls, now, owed):
            return False
    return True


def _step(step: Step, calls: Mapping[str, Progress], now: int, owed: list[Command]) -> bool:
    call = calls.get(step.name, PENDING)
    if call.phase in _DONE:
        return True
    _owe(step, "call", call, now, owed)
    return False


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
        case Phase.WAITING:
            _wait(step, progress, now, owed)
        case _:
            pass  # decided, or a person's turn: SUCCEEDED, FAILED, UNKNOWN, SKIPPED, HELD, STUCK


def _wait(step: Step, progress: Progress, now: int, owed: list[Command]) -> None:
    if progress.due_at and now >= progress.due_at:
        owed.append(Expire(step.name))
        return
    if step.awaits is not None:
        owed.append(Listen(step.name, step.awaits.event))
    if progress.due_at:
        owed.append(Wake(progress.due_at))


def in_flight(run: Run) -> bool:
    """Whether a forward call is still going on, so that nothing may be undone yet."""
    return any(call.phase.moving for call in run.calls.values())


def deadline_of(run: Run) -> int | None:
    """When the run turns back by itself (milliseconds since 1970), None if never."""
    return None if run.saga.deadline_ms is None else run.clock_from + run.saga.deadline_ms


def holds_lock(run: Run) -> bool:
    """Whether the run may move as far as its lock is concerned: it has none, or it holds it, or a person took it."""
    return run.saga.lock is None or (run.claim is not None and not run.claim.waits)


def lock_wait_ends(run: Run) -> int | None:
    """When a run in line for its lock gives up (milliseconds since 1970), None if it does not."""
    lock, claim = run.saga.lock, run.claim
    if lock is None or claim is None or not claim.waits or lock.wait_ms is None:
        return None
    return claim.since + lock.wait_ms


def patience(step: Step, op: Op) -> Call | Undo:
    """The retry policy and the timeout that hold for the call, or for the undo, of a step."""
    found = step.call if op == "call" else step.compensate
    assert found is not None, f"step {step.name} has no {op}"  # noqa: S101  # an owed op exists by construction
    return found


def is_announced(step: Step, op: Op) -> bool:
    """Whether the undo is an event that a participant hears and acknowledges, and no request."""
    return op == "compensate" and step.compensate is not None and step.compensate.mode == "event"
