"""What holds whatever happens: random sagas, random answers, random times, crashes anywhere."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hms_orch_cli.saga.definition import Group, Item, Saga, Step, walk
from hms_orch_cli.saga.due import due
from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Compensate,
    Compensating,
    Completed,
    Failed,
    RunFact,
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
from hms_orch_cli.saga.machine import begin, fold
from hms_orch_cli.saga.state import Phase, Status

from .walks import Walk, random_saga

TERMINAL = (Completed, Failed, Cancelled, Abandoned)
SEEDS = st.integers(0, 2**64 - 1)
EXAMPLES = settings(max_examples=250, deadline=None)


def walked(seed: int) -> Walk:
    """A random run, gone to its end."""
    rng = Random(seed)
    return Walk(random_saga(rng), rng).to_its_end()


def before(saga: Saga) -> set[tuple[str, str]]:
    """Pairs of steps of which the first comes before the second: an earlier item of a sequence that holds both."""

    def pairs(item: Item) -> set[tuple[str, str]]:
        if isinstance(item, Step):
            return set()
        found = set().union(*(pairs(inner) for inner in item.items))
        if not isinstance(item, Group):
            for place, earlier in enumerate(item.items):
                for later in item.items[place + 1 :]:
                    found |= {(first.name, second.name) for first in walk(earlier) for second in walk(later)}
        return found

    return pairs(saga.body)


def place_of(log: list[RunFact], kind: type[RunFact], step: str, *, last: bool = False) -> int | None:
    """Where the first (or last) fact of a kind about a step stands in the log."""
    places = [place for place, fact in enumerate(log) if isinstance(fact, kind) and fact.step == step]  # type: ignore[union-attr]
    return places[-1 if last else 0] if places else None


@EXAMPLES
@given(SEEDS)
def test_every_run_comes_to_its_end_or_is_stuck(seed: int) -> None:
    run = walked(seed).run
    assert run.status.ended or run.status is Status.STUCK
    assert not any(call.phase.moving for call in run.calls.values())
    assert not any(undo.phase.moving for undo in run.undos.values())


@EXAMPLES
@given(SEEDS)
def test_at_most_one_end_and_it_is_the_last_fact(seed: int) -> None:
    walk_ = walked(seed)
    assert [place for place, fact in enumerate(walk_.log) if isinstance(fact, (*TERMINAL, Stuck))] == [
        len(walk_.log) - 1
    ]
    assert sum(isinstance(fact, Compensating) for fact in walk_.log) <= 1


@EXAMPLES
@given(SEEDS)
def test_every_prefix_of_the_log_folds_and_its_versions_rise_by_one(seed: int) -> None:
    walk_ = walked(seed)
    run = begin(walk_.saga, "run-1")
    states = [run]
    for fact in walk_.log:
        run = fold(run, [fact])
        states.append(run)
    assert [state.version for state in states] == list(range(len(walk_.log) + 1))
    assert run == walk_.run
    assert all(earlier.at <= later.at for earlier, later in pairwise(walk_.log))


@EXAMPLES
@given(SEEDS)
def test_no_forward_step_begins_once_the_run_has_turned_back(seed: int) -> None:
    turned = False
    for fact in walked(seed).log:
        turned = turned or isinstance(fact, Compensating)
        if turned and isinstance(fact, StepStarted):
            assert fact.attempt > 1 or fact.interrupted
        assert not (turned and isinstance(fact, StepSkipped | Completed))


@EXAMPLES
@given(SEEDS)
def test_a_step_begins_only_after_what_comes_before_it(seed: int) -> None:
    walk_ = walked(seed)
    for first, second in before(walk_.saga):
        begun = place_of(walk_.log, StepStarted, second)
        if begun is not None:
            settled = place_of(walk_.log, StepSucceeded, first)
            settled = place_of(walk_.log, StepSkipped, first) if settled is None else settled
            assert settled is not None and settled < begun


@EXAMPLES
@given(SEEDS)
def test_undo_is_the_exact_reverse_of_the_structure(seed: int) -> None:
    walk_ = walked(seed)
    for first, second in before(walk_.saga):
        undone_first = place_of(walk_.log, Compensate, first)
        if place_of(walk_.log, Compensate, second) is not None and undone_first is not None:
            finished = place_of(walk_.log, StepCompensated, second)
            assert finished is not None and finished < undone_first
        if place_of(walk_.log, StepStuck, second) is not None:
            assert undone_first is None, "a stuck undo holds back what came before it"


@EXAMPLES
@given(SEEDS)
def test_undone_is_what_succeeded_or_is_in_doubt_and_nothing_else(seed: int) -> None:
    walk_ = walked(seed)
    run = walk_.run
    done = {fact.step for fact in walk_.log if isinstance(fact, StepSucceeded)}
    left = {fact.step for fact in walk_.log if isinstance(fact, StepFailed) and fact.undo}
    owed = {name for name in done | left if walk_.saga.steps[name].compensate is not None}
    undone = {fact.step for fact in walk_.log if isinstance(fact, StepCompensated)}
    begun = {fact.step for fact in walk_.log if isinstance(fact, Compensate)}
    assert undone <= begun <= owed
    if run.status in (Status.FAILED, Status.CANCELLED):
        assert undone == owed
    elif run.status is Status.COMPLETED:
        assert not begun
    else:
        assert run.status is Status.STUCK and undone < owed


@EXAMPLES
@given(SEEDS)
def test_nothing_is_undone_while_a_call_is_in_flight(seed: int) -> None:
    walk_ = walked(seed)
    run = begin(walk_.saga, "run-1")
    for fact in walk_.log:
        run = fold(run, [fact])
        if isinstance(fact, Compensate):
            assert not any(call.phase.moving for call in run.calls.values())


@EXAMPLES
@given(SEEDS)
def test_one_key_for_all_attempts_of_a_call_or_an_undo(seed: int) -> None:
    keys: dict[tuple[str, type[RunFact]], set[str]] = {}
    for fact in walked(seed).log:
        if isinstance(fact, StepStarted | Compensate):
            keys.setdefault((fact.step, type(fact)), set()).add(fact.key)
    assert all(len(found) == 1 for found in keys.values())
    assert len({key for found in keys.values() for key in found}) == len(keys), "and no two share one"


@EXAMPLES
@given(SEEDS)
def test_attempts_stay_within_the_policy_and_a_crash_uses_none(seed: int) -> None:
    walk_ = walked(seed)
    for name, step in walk_.saga.steps.items():
        for op, kind in (("call", StepStarted), ("compensate", Compensate)):
            begun = [fact for fact in walk_.log if isinstance(fact, kind) and fact.step == name]
            fresh = [fact.attempt for fact in begun if not fact.interrupted]
            assert fresh == list(range(1, len(fresh) + 1)), "attempts are counted without a gap"
            assert len(begun) - len(fresh) <= walk_.crashes
            policy = step.call if op == "call" else step.compensate
            if policy is None:
                assert not begun
                continue
            tokens = sum(
                isinstance(fact, StepRetrying) and fact.step == name and fact.outcome == "unauthorized"
                for fact in walk_.log
            )
            assert tokens <= 1
            assert len(fresh) <= policy.retry.attempts + (tokens if op == "call" else 0)


@EXAMPLES
@given(SEEDS)
def test_unknown_is_sticky(seed: int) -> None:
    """A second reading of the log, with nothing but the contract: in doubt once, in doubt until a 2xx or a check."""
    doubt: dict[str, bool] = {}
    for fact in walked(seed).log:
        match fact:
            case StepDoubted(step=name):
                doubt[name] = True
            case StepStarted(step=name, interrupted=True):
                doubt[name] = True
            case StepRetrying(step=name, op="call", outcome=outcome):
                doubt[name] = outcome == "unknown" or (doubt.get(name, False) and outcome != "absent")
            case StepFailed(step=name, outcome=outcome, undo=undo, reason=reason):
                if doubt.get(name) and not reason.startswith("output") and outcome != "unknown":
                    assert fact_after_check(fact), (name, fact)
                assert undo is (outcome == "unknown") or reason.startswith("output")


def fact_after_check(fact: StepFailed) -> bool:
    """A check that says `absent` with all attempts used ends the doubt with the failure itself."""
    return fact.reason == "checked" and not fact.undo


@EXAMPLES
@given(SEEDS)
def test_one_outcome_is_recorded_for_each_call_and_each_undo(seed: int) -> None:
    walk_ = walked(seed)
    for name in walk_.saga.steps:
        ends = [f for f in walk_.log if isinstance(f, StepSucceeded | StepFailed | StepSkipped) and f.step == name]
        undos = [f for f in walk_.log if isinstance(f, StepCompensated | StepStuck) and f.step == name]
        assert len(ends) <= 1 and len(undos) <= 1
        assert not ends or walk_.run.calls[name].phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.UNKNOWN, Phase.SKIPPED)


@EXAMPLES
@given(SEEDS)
def test_what_is_owed_is_read_off_the_log_alone(seed: int) -> None:
    """A crash at any point: the next process is owed exactly what the one before was."""
    rng = Random(seed)
    walk_ = Walk(random_saga(rng), rng)
    while due(walk_.run, walk_.now):
        assert due(walk_.refolded(), walk_.now) == due(walk_.run, walk_.now)
        walk_.turn()
        assert walk_.turns < 3_000


@pytest.mark.parametrize(
    "wanted", [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.STUCK], ids=lambda status: status.value
)
def test_the_walks_reach_every_end(wanted: Status) -> None:
    """A property over walks that all end alike would prove little."""
    assert any(walked(seed).run.status is wanted for seed in range(100))


def test_the_walks_meet_every_kind_of_fact() -> None:
    kinds = {type(fact) for seed in range(150) for fact in walked(seed).log}
    assert {StepDoubted, StepRetrying, StepSkipped, StepStuck, StepFailed, Compensate, StepCompensated} <= kinds
    assert any(isinstance(f, StepStarted) and f.interrupted for seed in range(50) for f in walked(seed).log)
