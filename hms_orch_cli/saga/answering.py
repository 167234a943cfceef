"""What follows from an answer: of a call, of an undo, of a check."""

from __future__ import annotations

from hms_orch_cli.saga.definition import Step
from hms_orch_cli.saga.due import patience
from hms_orch_cli.saga.events import (
    RunFact,
    StepAccepted,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepStuck,
    StepSucceeded,
)
from hms_orch_cli.saga.identity import key_of
from hms_orch_cli.saga.inputs import Answered, Checked, Decide, Expired, Heard
from hms_orch_cli.saga.outcome import Op, Verdict
from hms_orch_cli.saga.retry import is_exhausted, pause_ms
from hms_orch_cli.saga.state import PENDING, Phase, Progress, Run, Status
from hms_orch_cli.saga.turning import hurries

_OPEN = (Phase.RUNNING, Phase.ACCEPTED)
_OPEN_TO_REPORTS = (*_OPEN, Phase.RETRYING)


def on_answer(run: Run, happened: Answered, now: int) -> list[RunFact]:
    """The end of an attempt, or of a poll."""
    before = run.progress(happened.step, happened.op)
    if before.phase not in (_OPEN_TO_REPORTS if happened.reported else _OPEN) or before.attempt != happened.attempt:
        return []  # late: another attempt has taken its place, or its outcome is decided
    if before.phase is Phase.RETRYING and happened.verdict not in (Verdict.SUCCESS, Verdict.FAILED):
        return []  # a report that settles nothing: the next attempt comes anyway
    step = run.saga.steps[happened.step]
    if happened.verdict in (Verdict.IN_PROGRESS, Verdict.AGAIN):
        if happened.op == "call" and hurries(run, step.name):
            return [_given_up(run, step, True, happened, now)]
        news = happened.location not in (None, before.location) or (happened.status, before.status) == (202, 425)
        if before.phase is Phase.ACCEPTED and not news:
            return []
        return [StepAccepted(now, step.name, happened.op, happened.attempt, happened.status, happened.location)]
    if happened.op == "call":
        return _call_answered(run, step, before, happened, now)
    return _undo_answered(run, step, before, happened, now)


def on_check(run: Run, happened: Checked, now: int) -> list[RunFact]:
    """What a check said."""
    before = run.calls.get(happened.step, PENDING)
    if before.phase is not Phase.CHECKING or before.attempt != happened.attempt:
        return []
    step = run.saga.steps[happened.step]
    if happened.verdict is Verdict.SUCCESS:
        return effect(run, step, happened.attempt, happened, now, happened.status)
    if happened.verdict is Verdict.FAILED:
        return _again(run, step, before._replace(unknown=False), happened, now, "absent")
    return _again(run, step, before, happened, now, "unknown")


def effect(
    run: Run,
    step: Step,
    attempt: int,
    happened: Answered | Checked | Heard | Decide | Expired,
    now: int,
    status: int = 0,
    event_seq: int | None = None,
) -> list[RunFact]:
    """The step took effect; if its output cannot be read, it is undone with the rest."""
    if happened.error:
        return [fail(run, step, attempt, "failed", True, happened.error, now, status)]
    return [
        StepSucceeded(
            now,
            step.name,
            attempt,
            status or None,
            happened.answer,
            happened.output,
            happened.summary,
            event_seq,
        )
    ]


def fail(
    run: Run,
    step: Step,
    attempt: int,
    outcome: str,
    undo: bool,
    reason: str,
    now: int,
    status: int = 0,
    *,
    refused: bool = False,
) -> StepFailed | StepHeld:
    """The end of a forward step without success, or, where the file wants that, the question to a person."""
    kind = StepHeld if step.on_exhausted == "hitl" and run.status is Status.RUNNING else StepFailed
    return kind(now, step.name, attempt, outcome, undo, reason, status or None, refused or None)


def word(unknown: bool) -> str:
    """The outcome of a step that did not succeed."""
    return "unknown" if unknown else "failed"


def _call_answered(run: Run, step: Step, before: Progress, happened: Answered, now: int) -> list[RunFact]:
    match _meant(before, happened):
        case Verdict.SUCCESS:
            return effect(run, step, happened.attempt, happened, now, happened.status)
        case Verdict.UNKNOWN if step.check is not None:
            return [StepDoubted(now, step.name, happened.attempt, happened.reason, happened.status or None)]
        case Verdict.UNKNOWN:
            return _again(run, step, before, happened, now, "unknown")
        case Verdict.RETRY:
            return _again(run, step, before, happened, now, "retry")
        case Verdict.UNAUTHORIZED if _may_ask_anew(run, step, before):
            status = happened.status or None
            return [
                StepRetrying(now, step.name, "call", happened.attempt, "unauthorized", happened.reason, now, status)
            ]
        case _:
            return [_given_up(run, step, before.unknown, happened, now, refused=True)]


def _meant(before: Progress, happened: Answered) -> Verdict:
    """What an answer says of the call. That the same request, sent again for a 425, was not let through says nothing of
    the one that is being worked on: its outcome is unknown."""
    again = before.phase is Phase.ACCEPTED and happened.verdict is Verdict.RETRY
    return Verdict.UNKNOWN if again else happened.verdict


def _may_ask_anew(run: Run, step: Step, before: Progress) -> bool:
    """Whether a refused token leads to one more attempt: never of what was accepted, since each poll of a 202 is asked
    with a fresh token as it is, and never in a run that is on its way back in a hurry."""
    polled = before.phase is Phase.ACCEPTED and before.status == 202
    return not before.fresh_token and not polled and not hurries(run, step.name)


def _undo_answered(run: Run, step: Step, before: Progress, happened: Answered, now: int) -> list[RunFact]:
    status = happened.status or None
    if happened.verdict is Verdict.SUCCESS:
        return [StepCompensated(now, step.name, happened.attempt, status)]
    if happened.verdict is Verdict.FAILED:
        return [StepStuck(now, step.name, happened.attempt, happened.reason, status, True)]
    return _again(run, step, before, happened, now, "retry")


def _again(
    run: Run, step: Step, before: Progress, happened: Answered | Checked, now: int, outcome: str
) -> list[RunFact]:
    """A pause before the next attempt, or the end of patience."""
    op: Op = happened.op if isinstance(happened, Answered) else "call"
    policy = patience(step, op).retry
    retry_after = happened.retry_after_ms if isinstance(happened, Answered) else None
    used = happened.attempt - before.spent
    pause = pause_ms(policy, used, key_of(run, step.name, op), retry_after)
    if is_exhausted(policy, used, now - before.began_at, pause) or (op == "call" and hurries(run, step.name)):
        if op == "compensate":
            return [StepStuck(now, step.name, happened.attempt, happened.reason, happened.status or None)]
        return [_given_up(run, step, outcome == "unknown" or before.unknown, happened, now)]
    return [
        StepRetrying(
            now, step.name, op, happened.attempt, outcome, happened.reason, now + pause, happened.status or None
        )
    ]


def _given_up(
    run: Run, step: Step, unknown: bool, happened: Answered | Checked, now: int, *, refused: bool = False
) -> StepFailed | StepHeld:
    reason, definite = happened.reason, refused and not unknown
    return fail(run, step, happened.attempt, word(unknown), unknown, reason, now, happened.status, refused=definite)
