"""What follows while a run waits: for its lock, for an event, for the time."""

from __future__ import annotations

from hms_orch_cli.saga.answering import effect, fail, on_answer, word
from hms_orch_cli.saga.definition import Step
from hms_orch_cli.saga.due import deadline_of, is_announced, lock_wait_ends, patience
from hms_orch_cli.saga.events import Compensating, LockAcquired, LockQueued, MatchFailed, RunFact, StepWaiting
from hms_orch_cli.saga.inputs import Answered, Asked, Attempt, Expired, Granted, Heard, Mismatched, Tick
from hms_orch_cli.saga.machine import fold
from hms_orch_cli.saga.outcome import Op, Verdict
from hms_orch_cli.saga.state import PENDING, Claim, Phase, Progress, Run, Status
from hms_orch_cli.saga.turning import turn_back


def on_asked(run: Run, happened: Asked, now: int) -> list[RunFact]:
    """The lock is there, or somebody has it, or there is no key to ask for."""
    lock = run.saga.lock
    if lock is None or run.claim is not None or run.status not in (Status.RUNNING, Status.COMPENSATING):
        return []
    turned = run.status is Status.COMPENSATING
    if happened.error and not turned:
        return turn_back(run, Compensating(now, "key", f"lock: {happened.error}"))
    if happened.fence:
        return [LockAcquired(now, happened.key, happened.fence, 0)]
    if lock.on_conflict == "wait" or turned:  # what is to be undone is undone under the lock, however long that takes
        return [LockQueued(now, happened.key, happened.holder)]
    return turn_back(run, Compensating(now, "lock", f"lock {happened.key} is held by run {happened.holder}"))


def on_granted(run: Run, happened: Granted, now: int) -> list[RunFact]:
    """The run's turn has come; too late if its wait is over."""
    if run.claim is None or not run.claim.waits or run.status not in (Status.RUNNING, Status.COMPENSATING):
        return []
    if (over := _lock_wait_over(run, run.claim, now)) is not None:
        return turn_back(run, over)
    return [LockAcquired(now, run.claim.key, happened.fence, now - run.claim.since)]


def begin_wait(step: Step, happened: Attempt, now: int) -> list[RunFact]:
    """The step waits from now on."""
    if step.approval is not None:
        due_at = None if step.approval.ttl_ms is None else now + step.approval.ttl_ms
        return [StepWaiting(now, step.name, "approval", due_at, prompt=happened.prompt)]
    awaits = step.awaits
    assert awaits is not None, f"step {step.name} waits for nothing"  # noqa: S101  # the schema sees to that
    due_at = None if awaits.timeout_ms is None else now + awaits.timeout_ms
    return [StepWaiting(now, step.name, "event", due_at, event_type=awaits.event)]


def on_heard(run: Run, happened: Heard, now: int) -> list[RunFact]:
    """An event that matches, behind the triggering one and in time; each counts at most once in a run."""
    before = run.calls.get(happened.step, PENDING)
    if run.status is not Status.RUNNING or run.paused or before.phase is not Phase.WAITING:
        return []
    if _is_over(before, now) or not _is_behind(run, happened.event_seq) or has_heard(run, happened.event_seq):
        return []
    step = run.saga.steps[happened.step]
    return effect(run, step, before.attempt, happened, now, event_seq=happened.event_seq)


def on_mismatched(run: Run, happened: Mismatched, now: int) -> list[RunFact]:
    """An event that could not be matched; each is noted once."""
    before = run.calls.get(happened.step, PENDING)
    if run.status is not Status.RUNNING or before.phase is not Phase.WAITING or before.heard >= happened.event_seq:
        return []
    if not _is_behind(run, happened.event_seq):
        return []
    return [MatchFailed(now, happened.step, happened.event_seq, happened.reason)]


def _is_over(step: Progress, now: int) -> bool:
    """Whether a step has waited long enough."""
    return bool(step.due_at) and now >= step.due_at


def _is_behind(run: Run, event_seq: int) -> bool:
    """Whether an event came after the triggering one."""
    return run.event is not None and event_seq > run.event.seq


def has_heard(run: Run, event_seq: int) -> bool:
    """Whether a step of the run has taken this event already."""
    return any(call.heard == event_seq and call.phase is Phase.SUCCEEDED for call in run.calls.values())


def on_expired(run: Run, happened: Expired, now: int) -> list[RunFact]:
    """Nobody came in time, or no event did."""
    before = run.calls.get(happened.step, PENDING)
    if run.status is not Status.RUNNING or run.paused or before.phase is not Phase.WAITING:
        return []
    if not _is_over(before, now):
        return []
    step = run.saga.steps[happened.step]
    waited = before.due_at - before.sent_at
    if step.approval is None:
        reason = f"no {step.awaits.event if step.awaits else 'event'} within {waited} ms"
        return [fail(run, step, before.attempt, word(before.unknown), before.unknown, reason, now)]
    if step.approval.on_expire == "continue":
        return effect(run, step, before.attempt, happened, now)
    kept = step._replace(on_exhausted="compensate")  # the file has said already what follows
    reason = f"no decision within {waited} ms"
    return [fail(run, kept, before.attempt, word(before.unknown), before.unknown, reason, now)]


def on_tick(run: Run, happened: Tick, now: int) -> list[RunFact]:
    """Time passed. Of a run that is paused only what is in flight hears of it."""
    facts: list[RunFact] = []
    for name, progress in run.calls.items():
        facts += _late(run, run.saga.steps[name], "call", progress, now)
    for name, progress in run.undos.items():
        facts += _late(run, run.saga.steps[name], "compensate", progress, now)
    if run.status is not Status.RUNNING or run.paused:
        return facts
    deadline, turn = deadline_of(run), None
    if deadline is not None and now >= deadline:
        turn = Compensating(now, "deadline", f"not done within {run.saga.deadline_ms} ms")
    elif run.claim is not None:
        turn = _lock_wait_over(run, run.claim, now)
    return facts if turn is None else [*facts, *turn_back(fold(run, facts), turn)]


def _lock_wait_over(run: Run, claim: Claim, now: int) -> Compensating | None:
    """The turn back of a run that has stood in line long enough."""
    ends = lock_wait_ends(run)
    if ends is None or now < ends or run.status is not Status.RUNNING or run.paused:
        return None
    return Compensating(now, "lock", f"waited {now - claim.since} ms for lock {claim.key}")


def _late(run: Run, step: Step, op: Op, progress: Progress, now: int) -> list[RunFact]:
    """What follows when a participant that works on it has used up the attempt's time."""
    waiting = progress.phase is Phase.ACCEPTED or (progress.phase is Phase.RUNNING and is_announced(step, op))
    timeout = patience(step, op).timeout_ms if waiting else 0
    if not waiting or now < progress.sent_at + timeout:
        return []
    reason = f"no answer within {timeout} ms"
    return on_answer(run, Answered(step.name, op, progress.attempt, Verdict.UNKNOWN, reason=reason), now)
