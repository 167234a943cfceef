"""Every input in every state: what does not fit changes nothing, what fits makes facts that fold, and a person is told
why something cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

import pytest

from hms_orch_cli.saga.attention import DECISIONS
from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.saga.due import due
from hms_orch_cli.saga.inputs import (
    Abandon,
    Answered,
    Asked,
    Attempt,
    Cancel,
    Checked,
    CutOff,
    Decide,
    Expired,
    Granted,
    Heard,
    Input,
    Mismatched,
    Pause,
    Redrive,
    Released,
    Resume,
    Tick,
    Trigger,
)
from hms_orch_cli.saga.outcome import Verdict
from hms_orch_cli.saga.people import objection
from hms_orch_cli.saga.state import PENDING, Claim, HitlItem, Phase, Progress, Run, Status

from ..specs import EVENT, NOW, approval, given, saga_of, step, wait

SAGAS = {
    "plain": saga_of(step("pay", check="svc:/paid"), step("ship"), deadlineMs=10_000),
    "held": saga_of(step("pay"), step("ship"), onExhausted="hitl"),
    "announced": saga_of(step("pay", compensate="event"), step("ship")),
    "waits": saga_of(wait("pay", 5_000, compensate="svc:/undo"), step("ship"), onExhausted="hitl"),
    "asks": saga_of(approval("pay", 5_000, "continue"), step("ship")),
    "locked": saga_of(step("pay"), step("ship"), lock={"key": "1", "waitMs": 5_000}),
    "proud": saga_of(step("pay"), step("ship"), lock={"key": "1", "onConflict": "abort"}),
}
WISHES: list[Input] = [
    Cancel("no", "ann"),
    Abandon("no", "ann"),
    Pause("ann"),
    Resume("ann"),
    Redrive("ann"),
    Redrive("ann", by="run-2"),
    Released("ann", "it hangs"),
    *[
        Decide("run-1.1", decision, "ann", "", error=error)
        for decision in sorted({each for some in DECISIONS.values() for each in some} | {"perhaps"})
        for error in ("", "output n: no such key")
    ],
]
INPUTS: list[Input] = [
    Trigger(EVENT),
    *[Asked("1", fence, "run-0", error) for fence, error in ((0, ""), (8, ""), (0, "no key"))],
    Granted(9),
    *[
        Attempt("pay", op, skip, error)  # type: ignore[arg-type]
        for op in ("call", "compensate")
        for skip in (False, True)
        for error in ("", "x")
    ],
    CutOff("pay", 1),
    *[
        Answered("pay", op, 1, verdict, reported=reported)  # type: ignore[arg-type]
        for op in ("call", "compensate")
        for verdict in Verdict
        for reported in (False, True)
    ],
    *[Checked("pay", 1, verdict) for verdict in (Verdict.SUCCESS, Verdict.FAILED, Verdict.UNKNOWN)],
    *[Heard("pay", seq, error=error) for seq in (EVENT.seq, 9) for error in ("", "output n")],
    Mismatched("pay", 9, "no such key"),
    *[Expired("pay", error=error) for error in ("", "output n")],
    Tick(),
    *WISHES,
]
TIMES = (NOW + 1_000, NOW + 10**9)


@cache
def states(name: str) -> tuple[Run, ...]:
    """Every state that the first step of a run can be in, and the run with it."""
    return tuple(_states(SAGAS[name]))


def _states(saga: Saga) -> Iterator[Run]:
    claims = [None] if saga.lock is None else [None, Claim("1", NOW), Claim("1", NOW, 8), Claim("1", NOW, 8, True)]
    for status, call, undo, paused, claim in product(Status, Phase, Phase, (False, True), claims):
        run = Run(saga, "run-1", status, 3, EVENT, started_at=NOW, clock_from=NOW, claim=claim, paused=paused)
        undos = told(undo, 1, False)
        for calls in variants(saga, call):
            full = run._replace(
                calls={} if call is Phase.PENDING else {"pay": calls},
                undos={} if undo is Phase.PENDING else {"pay": undos},
                cause="" if status in (Status.NEW, Status.RUNNING) else "step",
            )
            if is_possible(full, call, undo):
                yield full._replace(items=items_of(full, calls, undos), asked=1)


def variants(saga: Saga, phase: Phase) -> Iterator[Progress]:
    """A phase with what is told besides: in doubt or not, before the first attempt or behind it."""
    if phase is Phase.PENDING:
        yield PENDING
        return
    attempts = (0, 1) if phase in (Phase.HELD, Phase.RETRYING, Phase.FAILED) else (1,)
    for attempt, unknown in product(attempts if saga.steps["pay"].call else (0,), (False, True)):
        yield told(phase, attempt, unknown)


def told(phase: Phase, attempt: int, unknown: bool) -> Progress:
    """A step that has come so far; an undo has failed three times."""
    return Progress(phase, attempt, unknown, undo=unknown, sent_at=NOW, due_at=NOW + 5_000, status=202, failures=3)


def is_possible(run: Run, call: Phase, undo: Phase) -> bool:
    """Whether the machine ever makes such a run. A call is never stuck, an undo is never checked, skipped or given up;
    a run turns back with the fact that fails a step, and is stuck only once nothing moves."""
    step_ = run.saga.steps["pay"]
    progress = run.calls.get("pay", Progress())
    if call is Phase.STUCK or undo in (Phase.CHECKING, Phase.FAILED, Phase.UNKNOWN, Phase.SKIPPED):
        return False
    if undo in (Phase.WAITING, Phase.HELD) or (call is Phase.WAITING) > (step_.call is None):
        return False
    if (call is Phase.HELD) > (step_.on_exhausted == "hitl"):
        return False
    if call in (Phase.RUNNING, Phase.ACCEPTED, Phase.CHECKING) and not progress.attempt:
        return False
    if undo is not Phase.PENDING and (step_.compensate is None or not (call is Phase.SUCCEEDED or progress.undo)):
        return False
    if run.paused and run.status not in (Status.RUNNING, Status.COMPENSATING, Status.STUCK):
        return False
    match run.status:
        case Status.NEW | Status.SKIPPED:
            return call is undo is Phase.PENDING and run.claim is None
        case Status.RUNNING:
            return undo is Phase.PENDING and call not in (Phase.FAILED, Phase.UNKNOWN)
        case Status.STUCK:
            return undo is Phase.STUCK and not call.moving
        case Status.COMPENSATING:
            settles = call not in (Phase.WAITING, Phase.HELD) and (call is not Phase.RETRYING or progress.attempt > 0)
            return settles and (undo is Phase.PENDING or not call.moving)
        case Status.ABANDONED:
            return undo is Phase.PENDING or not call.moving
        case Status.COMPLETED:
            return undo is Phase.PENDING and call in (Phase.SUCCEEDED, Phase.SKIPPED)
        case _:
            return undo in (Phase.PENDING, Phase.SUCCEEDED) and not call.moving


def items_of(run: Run, call: Progress, undo: Progress) -> dict[str, HitlItem]:
    """The question that stands open in such a run."""
    kind, expires = "", None
    if run.status is Status.RUNNING and call.phase is Phase.HELD:
        kind = "hold"
    elif run.status is Status.RUNNING and call.phase is Phase.WAITING and run.saga.steps["pay"].approval:
        kind, expires = "approval", call.due_at
    elif run.status in (Status.COMPENSATING, Status.STUCK) and (undo.phase.moving or undo.phase is Phase.STUCK):
        kind = "undo"
    return {"run-1.1": HitlItem("run-1.1", kind, "pay", "", NOW, expires)} if kind else {}


@pytest.mark.parametrize("happened", INPUTS, ids=lambda happened: str(happened)[:90])
@pytest.mark.parametrize("name", SAGAS)
def test_an_input_is_decided_in_every_state_without_breaking_a_table(name: str, happened: Input) -> None:
    """What is made folds (`Story` folds it), and leaves a run that is owed something, or rests for a reason."""
    for run, now in product(states(name), TIMES):
        story = given(run.saga)
        story.run, story.now = run, now
        story.when(happened)
        if story.latest and story.run.status in (Status.RUNNING, Status.COMPENSATING) and not story.run.paused:
            waits = story.run.claim is not None and story.run.claim.waits
            assert due(story.run, now) or story.run.items or waits, (run, story.latest)


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: str(wish)[:90])
@pytest.mark.parametrize("name", SAGAS)
def test_a_wish_is_granted_or_refused_in_words(name: str, wish: Input) -> None:
    for run, now in product(states(name), TIMES):
        story = given(run.saga)
        story.run, story.now = run, now
        story.when(wish)
        assert bool(story.latest) is not bool(objection(run, wish, now)), (run, story.latest)


@pytest.mark.parametrize("happened", INPUTS, ids=lambda happened: str(happened)[:90])
def test_only_a_redrive_moves_a_run_that_has_ended(happened: Input) -> None:
    for name, saga in SAGAS.items():
        for run in states(name):
            if run.status.ended:
                story = given(saga)
                story.run = run
                story.when(happened)
                assert not story.latest or isinstance(happened, Redrive)


def test_a_stuck_run_moves_only_by_a_person() -> None:
    """And a retry alone has something called again."""
    for run, happened in product(states("plain"), INPUTS):
        if run.status is Status.STUCK:
            story = given(run.saga)
            story.run, story.now = run, NOW + 10**9
            story.when(happened)
            assert not story.latest or isinstance(happened, Abandon | Resume | Decide), happened
            again = isinstance(happened, Decide) and happened.decision == "retry" and not run.paused
            assert bool(due(story.run, story.now)) is again


def test_the_states_are_many_and_each_wish_is_granted_in_some() -> None:
    """Tests over no state would prove nothing."""
    found = [run for name in SAGAS for run in states(name)]
    assert {run.status for run in found} == set(Status)
    for wish in WISHES:
        if getattr(wish, "decision", "") not in ("perhaps",):
            assert any(not objection(run, wish, NOW) for run in found), wish
