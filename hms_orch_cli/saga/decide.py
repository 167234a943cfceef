"""What follows from something that happened: an input meets a run, and facts come out.

An input that does not fit the state (a late answer, a cancel of a run that has ended) makes no fact. `decide` never
makes a fact that `machine.evolve` would refuse: each is folded before the next is thought of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from hms_orch_cli.saga.compensation import is_undone, needs_undo, next_undos
from hms_orch_cli.saga.definition import Group, Item, Step
from hms_orch_cli.saga.due import deadline_of, in_flight, is_announced, patience
from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Compensate,
    Compensating,
    Completed,
    Failed,
    RunFact,
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
from hms_orch_cli.saga.inputs import Abandon, Answered, Attempt, Cancel, Checked, CutOff, Input, Tick, Trigger
from hms_orch_cli.saga.machine import evolve, fold
from hms_orch_cli.saga.outcome import Op, Verdict
from hms_orch_cli.saga.retry import is_exhausted, pause_ms
from hms_orch_cli.saga.state import PENDING, Phase, Progress, Run, Status

REASON_LIMIT = 500
"""Characters of a reason that are kept."""


def decide(run: Run, happened: Input, now: int) -> list[RunFact]:
    """The facts that follow from an input, empty if it does not fit the state. `now` is milliseconds since 1970."""
    return advance(run, happened, now)[1]


def advance(run: Run, happened: Input, now: int) -> tuple[Run, list[RunFact]]:
    """`decide`, and the run after those facts."""
    if run.status.ended:
        return run, []
    facts = _RULES[type(happened)](run, happened, now)
    run = fold(run, facts)
    if facts and type(facts[-1]) in _INTENTS:
        return run, facts  # something has just begun, so nothing can be over
    while (fact := _conclusion(run, now)) is not None:
        facts.append(fact)
        run = evolve(run, fact)
        if isinstance(fact, Compensating):
            ended = list(_end_waits(run, now))
            facts += ended
            run = fold(run, ended)
    return run, facts


def key_of(run: Run, step: str, op: Op) -> str:
    """The idempotency key: one for all attempts of a call or an undo; a new round only after a person's decision."""
    round_ = (run.calls if op == "call" else run.undos).get(step, PENDING).round
    return f"{run.id}:{step}:{op}" if round_ == 1 else f"{run.id}:{step}:{op}:{round_}"


def _on_trigger(run: Run, happened: Trigger, now: int) -> list[RunFact]:
    if run.status is not Status.NEW:
        return []
    return [Started(now, run.saga.revision, happened.event, happened.depth)]


def _on_attempt(run: Run, happened: Attempt, now: int) -> list[RunFact]:
    step = run.saga.steps[happened.step]
    if happened.op == "compensate":
        return _on_undo_attempt(run, step, happened, now)
    before = run.calls.get(step.name, PENDING)
    if run.status is not Status.RUNNING and before.phase is Phase.PENDING:
        return []
    cut_off = _sends(before)
    if not cut_off and before.phase not in (Phase.PENDING, Phase.RETRYING):
        return []
    if cut_off and _hurries(run, step.name):
        reason = "cut off by a stop, and the run has turned back"
        return [StepFailed(now, step.name, before.attempt, _word(True), True, reason)]
    if happened.error:
        unknown = before.unknown or cut_off
        return [StepFailed(now, step.name, before.attempt, _word(unknown), unknown, happened.error)]
    if happened.skip and before.phase is Phase.PENDING:
        return [StepSkipped(now, step.name, "its condition is false")]
    attempt = before.attempt if cut_off else before.attempt + 1
    return [StepStarted(now, step.name, attempt, key_of(run, step.name, "call"), True if cut_off else None)]


def _on_undo_attempt(run: Run, step: Step, happened: Attempt, now: int) -> list[RunFact]:
    before = run.undos.get(step.name, PENDING)
    if run.status is not Status.COMPENSATING or in_flight(run):
        return []
    if step.compensate is None or not needs_undo(step, run.calls.get(step.name, PENDING)):
        return []
    cut_off = _sends(before)
    if not cut_off and before.phase not in (Phase.PENDING, Phase.RETRYING):
        return []
    if happened.error:
        return [StepStuck(now, step.name, before.attempt, happened.error)]
    attempt = before.attempt if cut_off else before.attempt + 1
    key = key_of(run, step.name, "compensate")
    context, mode = run.output_of(step.name), step.compensate.mode
    return [Compensate(now, step.name, context, mode, key, attempt, True if cut_off else None)]


def _on_cut_off(run: Run, happened: CutOff, now: int) -> list[RunFact]:
    call = run.calls.get(happened.step, PENDING)
    if not _sends(call) or call.attempt != happened.attempt:
        return []
    return [StepDoubted(now, happened.step, happened.attempt, "cut off by a stop of the orchestrator")]


def _on_answer(run: Run, happened: Answered, now: int) -> list[RunFact]:
    column = run.calls if happened.op == "call" else run.undos
    before = column.get(happened.step, PENDING)
    if before.phase not in (Phase.RUNNING, Phase.ACCEPTED) or before.attempt != happened.attempt:
        return []  # late: another attempt has taken its place, or its outcome is decided
    step = run.saga.steps[happened.step]
    if happened.verdict in (Verdict.IN_PROGRESS, Verdict.AGAIN):
        if happened.op == "call" and _hurries(run, step.name):
            return [_given_up(step, True, happened, now)]
        news = happened.location not in (None, before.location) or (happened.status, before.status) == (202, 425)
        if before.phase is Phase.ACCEPTED and not news:
            return []
        return [StepAccepted(now, step.name, happened.op, happened.attempt, happened.status, happened.location)]
    if happened.op == "call":
        return _call_answered(run, step, before, happened, now)
    return _undo_answered(run, step, before, happened, now)


def _call_answered(run: Run, step: Step, before: Progress, happened: Answered, now: int) -> list[RunFact]:
    match happened.verdict:
        case Verdict.SUCCESS:
            return _effect(step, happened, now)
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
            return [_given_up(step, before.unknown, happened, now)]


def _may_ask_anew(run: Run, step: Step, before: Progress) -> bool:
    """Whether a refused token leads to one more attempt: never of what was accepted, since each poll of a 202 is asked
    with a fresh token as it is, and never in a run that is on its way back in a hurry."""
    polled = before.phase is Phase.ACCEPTED and before.status == 202
    return not before.fresh_token and not polled and not _hurries(run, step.name)


def _undo_answered(run: Run, step: Step, before: Progress, happened: Answered, now: int) -> list[RunFact]:
    status = happened.status or None
    if happened.verdict is Verdict.SUCCESS:
        return [StepCompensated(now, step.name, happened.attempt, status)]
    if happened.verdict is Verdict.FAILED:
        return [StepStuck(now, step.name, happened.attempt, happened.reason, status)]
    return _again(run, step, before, happened, now, "retry")


def _on_check(run: Run, happened: Checked, now: int) -> list[RunFact]:
    before = run.calls.get(happened.step, PENDING)
    if before.phase is not Phase.CHECKING or before.attempt != happened.attempt:
        return []
    step = run.saga.steps[happened.step]
    if happened.verdict is Verdict.SUCCESS:
        return _effect(step, happened, now)
    if happened.verdict is Verdict.FAILED:
        return _again(run, step, before._replace(unknown=False), happened, now, "absent")
    return _again(run, step, before, happened, now, "unknown")


def _effect(step: Step, happened: Answered | Checked, now: int) -> list[RunFact]:
    if happened.error:  # it took effect and its output cannot be read: undone with the rest
        return [StepFailed(now, step.name, happened.attempt, "failed", True, happened.error, happened.status or None)]
    return [
        StepSucceeded(
            now,
            step.name,
            happened.attempt,
            happened.status or None,
            happened.answer,
            happened.output,
            happened.summary,
        )
    ]


def _again(
    run: Run, step: Step, before: Progress, happened: Answered | Checked, now: int, outcome: str
) -> list[RunFact]:
    """A pause before the next attempt, or the end of patience."""
    op: Op = happened.op if isinstance(happened, Answered) else "call"
    policy = patience(step, op).retry
    retry_after = happened.retry_after_ms if isinstance(happened, Answered) else None
    pause = pause_ms(policy, happened.attempt, key_of(run, step.name, op), retry_after)
    if is_exhausted(policy, happened.attempt, now - before.began_at, pause) or (
        op == "call" and _hurries(run, step.name)
    ):
        if op == "compensate":
            return [StepStuck(now, step.name, happened.attempt, happened.reason, happened.status or None)]
        return [_given_up(step, outcome == "unknown" or before.unknown, happened, now)]
    return [
        StepRetrying(
            now, step.name, op, happened.attempt, outcome, happened.reason, now + pause, happened.status or None
        )
    ]


def _given_up(step: Step, unknown: bool, happened: Answered | Checked, now: int) -> StepFailed:
    status = happened.status or None
    return StepFailed(now, step.name, happened.attempt, _word(unknown), unknown, happened.reason, status)


def _on_tick(run: Run, happened: Tick, now: int) -> list[RunFact]:
    facts: list[RunFact] = []
    for name, progress in run.calls.items():
        facts += _late(run, run.saga.steps[name], "call", progress, now)
    for name, progress in run.undos.items():
        facts += _late(run, run.saga.steps[name], "compensate", progress, now)
    deadline = deadline_of(run)
    if deadline is not None and now >= deadline and run.status is Status.RUNNING:
        turned = Compensating(now, "deadline", f"not done within {run.saga.deadline_ms} ms")
        facts += [turned, *_end_waits(fold(run, [*facts, turned]), now)]
    return facts


def _late(run: Run, step: Step, op: Op, progress: Progress, now: int) -> list[RunFact]:
    """What follows when a participant that works on it has used up the attempt's time."""
    waiting = progress.phase is Phase.ACCEPTED or (progress.phase is Phase.RUNNING and is_announced(step, op))
    timeout = patience(step, op).timeout_ms if waiting else 0
    if not waiting or now < progress.sent_at + timeout:
        return []
    reason = f"no answer within {timeout} ms"
    return _on_answer(run, Answered(step.name, op, progress.attempt, Verdict.UNKNOWN, reason=reason), now)


def _on_cancel(run: Run, happened: Cancel, now: int) -> list[RunFact]:
    if run.status is not Status.RUNNING:
        return []
    turned = Compensating(now, "cancel", happened.reason[:REASON_LIMIT])
    return [turned, *_end_waits(evolve(run, turned), now)]


def _on_abandon(run: Run, happened: Abandon, now: int) -> list[RunFact]:
    if run.status is Status.NEW:
        return []
    return [Abandoned(now, happened.reason[:REASON_LIMIT], happened.actor, now - run.started_at)]


_RULES: Final[Mapping[type[Input], Callable[[Run, Any, int], list[RunFact]]]] = {
    Trigger: _on_trigger,
    Attempt: _on_attempt,
    CutOff: _on_cut_off,
    Answered: _on_answer,
    Checked: _on_check,
    Tick: _on_tick,
    Cancel: _on_cancel,
    Abandon: _on_abandon,
}


_INTENTS: Final = frozenset({Started, StepStarted, Compensate})


def _conclusion(run: Run, now: int) -> RunFact | None:
    """What the state itself demands, whatever brought it about."""
    if run.status is Status.RUNNING:
        for name, call in run.calls.items():
            if call.phase is Phase.FAILED or call.phase is Phase.UNKNOWN:
                return Compensating(now, "step", _reason(name, call))
        if len(run.calls) == len(run.saga.steps) and all(
            call.phase is Phase.SUCCEEDED or call.phase is Phase.SKIPPED for call in run.calls.values()
        ):
            return Completed(now, now - run.started_at)
    elif run.status is Status.COMPENSATING and not in_flight(run):
        return _end_of_undo(run, now)
    return None


def _end_of_undo(run: Run, now: int) -> RunFact | None:
    if is_undone(run.saga.body, run.calls, run.undos):
        if run.cause == "cancel":
            return Cancelled(now, run.reason, now - run.started_at)
        return Failed(now, run.reason, now - run.started_at)
    current = [run.undos.get(step.name, PENDING) for step in next_undos(run.saga.body, run.calls, run.undos)]
    if all(undo.phase is Phase.STUCK for undo in current):
        name, undo = next((name, undo) for name, undo in run.undos.items() if undo.phase is Phase.STUCK)
        return Stuck(now, f"undo of {_reason(name, undo)}"[:REASON_LIMIT])
    return None


def _end_waits(run: Run, now: int) -> Iterator[RunFact]:
    """When a run turns back: which forward waits end at once. HTTP attempts in flight are never cut off."""
    for name, call in run.calls.items():
        if call.phase not in (Phase.RETRYING, Phase.ACCEPTED, Phase.CHECKING) or not _hurries(run, name):
            continue
        if run.cause == "step" and call.phase is Phase.CHECKING:
            continue  # a question under way, no wait: it settles
        unknown = call.unknown or call.phase is not Phase.RETRYING
        reason = call.reason or "given up: the run turned back"
        yield StepFailed(now, name, call.attempt, _word(unknown), unknown, reason, call.status or None)


def _hurries(run: Run, name: str) -> bool:
    """Whether a forward step begins no further attempt: a person or the deadline turned the run back, or a sibling
    failed in a group that says `cancel`."""
    return run.cause in ("cancel", "deadline") or (run.cause == "step" and _is_cancelled(run, name))


def _is_cancelled(run: Run, name: str) -> bool:
    """Whether a group around the step says `cancel` and another of its branches has failed."""
    failed = {other for other, call in run.calls.items() if call.phase in (Phase.FAILED, Phase.UNKNOWN)}
    return any(
        group.on_sibling_failure == "cancel" and failed & others for group, others in _around(run.saga.body, name)
    )


def _around(item: Item, name: str) -> list[tuple[Group, frozenset[str]]]:
    """The groups that contain a step, outermost first, each with the steps of its other branches."""
    if isinstance(item, Step):
        return []
    for inner in item.items:
        names = _names(inner)
        if name in names:
            around = _around(inner, name)
            return [(item, _names(item) - names), *around] if isinstance(item, Group) else around
    return []


def _names(item: Item) -> frozenset[str]:
    if isinstance(item, Step):
        return frozenset({item.name})
    return frozenset().union(*(_names(inner) for inner in item.items))


def _sends(step: Progress) -> bool:
    """Whether a request of this attempt may be on its way: its intent is recorded, or a 425 has it sent again."""
    return step.phase is Phase.RUNNING or (step.phase is Phase.ACCEPTED and step.status == 425)


def _word(unknown: bool) -> str:
    return "unknown" if unknown else "failed"


def _reason(step: str, progress: Progress) -> str:
    """The step, the status and the participant's own words."""
    status = f"{progress.status} " if progress.status else ""
    return f"{step}: {status}{progress.reason}".rstrip(": ")[:REASON_LIMIT]
