"""The tables are the law: every pair of a status or a phase with a fact is walked; what is not there is refused."""

from __future__ import annotations

from typing import Any

import pytest

from hms_orch_cli.saga.changes import IllegalFactError
from hms_orch_cli.saga.event_types import RUN_FACTS, TYPES
from hms_orch_cli.saga.events import Closed, Decided, Redriven, Replaced, Resumed, RunFact
from hms_orch_cli.saga.machine import RUN_TABLE, STEP_TABLE, evolve
from hms_orch_cli.saga.state import Claim, HitlItem, Phase, Progress, Run, Status

from ..specs import EVENT, NOW, saga_of, step
from .facts import SAMPLES

SAGA = saga_of(step("pay"), step("ship"))
STEP_FACTS = {kind for _, kind in STEP_TABLE}

ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.ABANDONED, Status.SKIPPED)


def at(status: Status, call: Phase = Phase.PENDING, undo: Phase = Phase.PENDING) -> Run:
    """A run in a state, however it came there."""
    calls = {} if call is Phase.PENDING else {"pay": Progress(call, attempt=1)}
    undos = {} if undo is Phase.PENDING else {"pay": Progress(undo, attempt=1)}
    return Run(SAGA, "run-1", status, 3, EVENT, calls=calls, undos=undos)


def before(fact: RunFact, status: Status, phase: Phase) -> Run:
    """A run in a state, with what the fact speaks of: an open item, a lock that is held, a pause."""
    run = at(status, *((Phase.SUCCEEDED, phase) if is_undo(fact) else (phase, Phase.PENDING)))
    if isinstance(fact, Decided | Closed):
        run = run._replace(items={fact.id: HitlItem(fact.id, fact.kind, "pay", "", NOW)})
    return run._replace(claim=Claim("1", NOW, 8), paused=isinstance(fact, Resumed))


def moves_step(fact: RunFact) -> bool:
    """Whether the table of the steps has a say; of a decision it has only in the one to try again."""
    return type(fact) in STEP_FACTS and getattr(fact, "decision", "retry") == "retry"


def is_undo(fact: RunFact) -> bool:
    """Whether a step's fact is about its undo."""
    if isinstance(fact, Decided):
        return fact.kind == "undo"
    name = TYPES[type(fact)]
    return name.startswith(("saga.compensate", "saga.step.compensated", "saga.step.stuck")) or (
        getattr(fact, "op", "call") == "compensate"
    )


AGAIN = [Decided(NOW, "run-1.1", kind, "retry", "ann", "now it works") for kind in ("hold", "undo")]
FACTS = [*SAMPLES, *AGAIN]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: TYPES[type(fact)])
@pytest.mark.parametrize("status", Status, ids=lambda status: status.value)
def test_a_run_takes_the_facts_of_its_table_and_no_others(status: Status, fact: RunFact) -> None:
    for phase in Phase:
        run = before(fact, status, phase)
        step_allows = not moves_step(fact) or (phase, type(fact)) in STEP_TABLE
        expected = RUN_TABLE.get((status, type(fact)))
        if expected is None or not step_allows:
            with pytest.raises(IllegalFactError):
                evolve(run, fact)
            assert run == before(fact, status, phase)
        else:
            after = evolve(run, fact)
            assert after.status is expected
            assert after.version == run.version + 1


@pytest.mark.parametrize("fact", [fact for fact in FACTS if moves_step(fact)], ids=lambda f: TYPES[type(f)])
@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.value)
def test_a_step_takes_the_facts_of_its_table_and_no_others(phase: Phase, fact: RunFact) -> None:
    undo = is_undo(fact)
    run = before(fact, Status.COMPENSATING, phase)
    if (Status.COMPENSATING, type(fact)) not in RUN_TABLE:
        run = run._replace(status=Status.RUNNING)
    expected = STEP_TABLE.get((phase, type(fact)))
    if expected is None:
        with pytest.raises(IllegalFactError, match="pay"):
            evolve(run, fact)
        return
    after = evolve(run, fact)
    moved = (after.undos if undo else after.calls)["pay"].phase
    in_doubt = expected is Phase.FAILED and getattr(fact, "outcome", "") == "unknown"
    assert moved is (Phase.UNKNOWN if in_doubt else expected)
    assert (after.calls if undo else after.undos) == (run.calls if undo else run.undos)


FACTS_BY_PHASE = {
    Phase.PENDING: "step.started step.skipped step.failed step.held step.waiting compensate step.stuck",
    Phase.RUNNING: "step.started step.accepted step.doubted step.retrying step.succeeded step.failed step.held "
    "compensate step.compensated step.stuck hitl.decided",
    Phase.ACCEPTED: "step.started step.accepted step.doubted step.retrying step.succeeded step.failed step.held "
    "compensate step.compensated step.stuck hitl.decided",
    Phase.CHECKING: "step.retrying step.succeeded step.failed step.held",
    Phase.RETRYING: "step.started step.skipped step.waiting step.succeeded step.failed step.held "
    "compensate step.compensated step.stuck hitl.decided",
    Phase.WAITING: "match.failed step.succeeded step.failed step.held",
    Phase.HELD: "hitl.decided step.succeeded step.skipped step.failed step.held",
    Phase.STUCK: "hitl.decided step.compensated",
}
FACTS_BY_STATUS = {
    Status.NEW: "started skipped filter.failed",
    Status.RUNNING: "lock.queued lock.acquired lock.released step.started step.accepted step.doubted step.retrying "
    "step.waiting match.failed step.succeeded step.skipped step.failed step.held completed compensating "
    "hitl.queued hitl.decided hitl.closed paused resumed abandoned",
    Status.COMPENSATING: "lock.queued lock.acquired lock.released step.started step.accepted step.doubted "
    "step.retrying step.succeeded step.failed compensate step.compensated step.stuck failed cancelled stuck "
    "hitl.queued hitl.decided hitl.closed paused resumed abandoned",
    Status.STUCK: "lock.released hitl.decided hitl.closed resumed abandoned",
    Status.FAILED: "redriven replaced",
    Status.CANCELLED: "redriven replaced",
    Status.ABANDONED: "redriven replaced",
}


def test_the_tables_say_what_is_written_here_a_second_time() -> None:
    """A transition is added on purpose, in two places, or not at all."""

    def told(table: Any) -> dict[Any, set[str]]:
        found: dict[Any, set[str]] = {}
        for state, kind in table:
            found.setdefault(state, set()).add(TYPES[kind].removeprefix("saga."))
        return found

    assert told(STEP_TABLE) == {phase: set(names.split()) for phase, names in FACTS_BY_PHASE.items()}
    assert told(RUN_TABLE) == {status: set(names.split()) for status, names in FACTS_BY_STATUS.items()}


def test_only_a_redrive_follows_an_end() -> None:
    assert {kind for status, kind in RUN_TABLE if status in ENDED} == {Redriven, Replaced}
    assert not [pair for pair in RUN_TABLE if pair[0] in (Status.COMPLETED, Status.SKIPPED)]
    assert {status for status in Status if status.ended} == set(ENDED)


def test_every_fact_of_a_run_is_in_a_table() -> None:
    assert {kind for _, kind in RUN_TABLE} == set(RUN_FACTS.values())
    assert {kind for _, kind in RUN_TABLE} >= STEP_FACTS


def test_no_forward_step_is_skipped_or_completed_on_the_way_back() -> None:
    assert (Status.COMPENSATING, RUN_FACTS["saga.step.skipped"]) not in RUN_TABLE
    assert (Status.COMPENSATING, RUN_FACTS["saga.step.waiting"]) not in RUN_TABLE
    assert (Status.COMPENSATING, RUN_FACTS["saga.completed"]) not in RUN_TABLE
