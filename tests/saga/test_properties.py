"""What holds whatever happens: random sagas, random answers, random times, crashes anywhere."""

from __future__ import annotations

from itertools import pairwise, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hms_orch_cli.saga.definition import Group, Item, Saga, Step, walk
from hms_orch_cli.saga.due import due
from hms_orch_cli.saga.event_types import RUN_FACTS
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
    LockReleased,
    Paused,
    Queued,
    Redriven,
    Replaced,
    Resumed,
    RunFact,
    Skipped,
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
from hms_orch_cli.saga.machine import begin, fold
from hms_orch_cli.saga.state import Phase, Status

from ..specs import EVENT
from .walks import MOST_REDRIVES, Walk, random_saga

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


def lives(log: list[RunFact]) -> list[list[RunFact]]:
    """The log cut before each redrive: in each part the run goes from a beginning to its rest."""
    found: list[list[RunFact]] = [[]]
    for fact in log:
        if isinstance(fact, Redriven):
            found.append([])
        found[-1].append(fact)
    return found


def items_about(log: list[RunFact], step: str) -> set[str]:
    """The items that were queued about a step."""
    return {fact.id for fact in log if isinstance(fact, Queued) and fact.step == step}


@EXAMPLES
@given(SEEDS)
def test_every_run_comes_to_its_end_or_waits_for_a_person(seed: int) -> None:
    walk_ = walked(seed)
    run = walk_.run
    if walk_.attended or not (run.items or run.paused):
        assert run.status.ended
    if run.status is Status.STUCK or (run.status.ended and run.status is not Status.ABANDONED):
        assert not any(call.phase.moving for call in run.calls.values())
        assert not any(undo.phase.moving for undo in run.undos.values())


@EXAMPLES
@given(SEEDS)
def test_at_most_one_end_between_redrives_and_it_is_the_last_fact(seed: int) -> None:
    parts = lives(walked(seed).log)
    assert len(parts) <= MOST_REDRIVES + 1
    for part in parts:
        ends = [place for place, fact in enumerate(part) if isinstance(fact, TERMINAL)]
        assert len(ends) <= 1
        assert not ends or all(isinstance(fact, Replaced) for fact in part[ends[0] + 1 :])
        assert sum(isinstance(fact, Compensating) for fact in part) <= 1
        assert sum(isinstance(fact, Replaced) for fact in part) <= 1
    assert all(isinstance(fact, TERMINAL) for part in parts[:-1] for fact in part[-1:])


@EXAMPLES
@given(SEEDS)
def test_a_stuck_run_moves_only_by_a_person(seed: int) -> None:
    for stuck, following in pairwise(walked(seed).log):
        if isinstance(stuck, Stuck):
            assert isinstance(following, Decided | Abandoned | Closed | LockReleased | Resumed)


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
    for part in lives(walked(seed).log):
        turned = False
        for fact in part:
            turned = turned or isinstance(fact, Compensating)
            if turned and isinstance(fact, StepStarted):
                assert fact.attempt > 1 or fact.interrupted
            assert not (turned and isinstance(fact, StepSkipped | StepWaiting | StepHeld | Completed))


@EXAMPLES
@given(SEEDS)
def test_a_step_begins_only_after_what_comes_before_it(seed: int) -> None:
    walk_ = walked(seed)
    for first, second in before(walk_.saga):
        for begun in filter(None, (place_of(walk_.log, kind, second) for kind in (StepStarted, StepWaiting))):
            settled = place_of(walk_.log, StepSucceeded, first)
            settled = place_of(walk_.log, StepSkipped, first) if settled is None else settled
            assert settled is not None and settled < begun


@EXAMPLES
@given(SEEDS)
def test_undo_is_the_exact_reverse_of_the_structure(seed: int) -> None:
    walk_ = walked(seed)
    for part, (first, second) in product(lives(walk_.log), before(walk_.saga)):
        undone_first = place_of(part, Compensate, first)
        tried = place_of(part, Compensate, second), place_of(part, StepStuck, second)
        if any(place is not None for place in tried) and undone_first is not None:
            finished = place_of(part, StepCompensated, second)
            assert finished is not None and finished < undone_first, "a stuck undo holds back what came before it"


@EXAMPLES
@given(SEEDS)
def test_undone_is_what_succeeded_or_is_in_doubt_and_nothing_else(seed: int) -> None:
    walk_ = walked(seed)
    took: dict[str, bool] = {}
    for fact in walk_.log:
        if isinstance(fact, StepSucceeded):
            took[fact.step] = True
        elif isinstance(fact, StepFailed | StepHeld):
            took[fact.step] = fact.undo
    owed = {name for name, effect in took.items() if effect and walk_.saga.steps[name].compensate is not None}
    undone = {fact.step for fact in walk_.log if isinstance(fact, StepCompensated)}
    *_, now = lives(walk_.log)  # what was tried before a redrive was refused
    begun = {fact.step for fact in now if isinstance(fact, Compensate)}
    stuck = {fact.step for fact in now if isinstance(fact, StepStuck)}
    assert undone <= begun | stuck <= owed
    assert len([fact for fact in walk_.log if isinstance(fact, StepCompensated)]) == len(undone), "each once"
    match walk_.run.status:
        case Status.FAILED | Status.CANCELLED:
            assert undone == owed
        case Status.COMPLETED:
            assert not begun | stuck
        case Status.STUCK:
            assert undone < owed


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
def test_one_key_for_all_attempts_of_a_call_or_an_undo_but_a_new_one_after_a_definite_no(seed: int) -> None:
    log = walked(seed).log
    keys: dict[tuple[str, type[RunFact]], list[str]] = {}
    refused: set[tuple[str, type[RunFact]]] = set()
    for fact in log:
        match fact:
            case StepStarted() | Compensate():
                before = keys.setdefault((fact.step, type(fact)), [fact.key])
                assert (fact.key != before[-1]) is ((fact.step, type(fact)) in refused)
                before.append(fact.key)
                refused.discard((fact.step, type(fact)))
            case StepFailed(step=name, refused=True) | StepHeld(step=name, refused=True):
                refused.add((name, StepStarted))
            case StepStuck(step=name, refused=True):
                refused.add((name, Compensate))
    assert len({key for found in keys.values() for key in found}) == sum(len(set(found)) for found in keys.values())


@EXAMPLES
@given(SEEDS)
def test_a_definite_no_is_told_only_of_what_was_never_in_doubt(seed: int) -> None:
    for fact in walked(seed).log:
        if isinstance(fact, StepFailed | StepHeld) and fact.refused:
            assert fact.outcome == "failed"
            assert not fact.undo or fact.reason.startswith("output"), "unless a person said that it is done"


@EXAMPLES
@given(SEEDS)
def test_attempts_stay_within_the_policy_and_neither_a_crash_nor_an_abandon_uses_one(seed: int) -> None:
    walk_ = walked(seed)
    for name, step in walk_.saga.steps.items():
        about = items_about(walk_.log, name)
        chances = sum(
            isinstance(fact, Redriven) or (isinstance(fact, Decided) and fact.id in about and fact.decision == "retry")
            for fact in walk_.log
        )
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
            assert tokens <= 1 + chances
            assert len(fresh) <= policy.retry.attempts * (1 + chances) + (tokens if op == "call" else 0)


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
            case StepSucceeded(step=name):
                doubt[name] = False
            case StepFailed(step=name) | StepHeld(step=name):
                unreadable = fact.reason.startswith("output")
                if doubt.get(name) and not unreadable and fact.outcome != "unknown":
                    assert settled_by_check(fact), (name, fact)
                assert fact.undo is (fact.outcome == "unknown") or unreadable
                doubt[name] = fact.undo  # it may be tried again


def settled_by_check(fact: StepFailed | StepHeld) -> bool:
    """A check that says `absent` with all attempts used ends the doubt with the failure itself; what only was held is
    told once more with the same words."""
    return fact.reason == "checked" and not fact.undo


@EXAMPLES
@given(SEEDS)
def test_one_outcome_is_recorded_for_each_call_and_each_undo(seed: int) -> None:
    """A second one only after a person had it tried again."""
    walk_ = walked(seed)
    for name in walk_.saga.steps:
        about = items_about(walk_.log, name)
        call = undo = ""
        for fact in walk_.log:
            match fact:
                case Redriven():
                    call, undo = call if call == "done" else "", undo if undo == "done" else ""
                case Decided(decision="retry") if fact.id in about:
                    undo = ""
                case StepSucceeded(step=step) | StepSkipped(step=step) | StepFailed(step=step) if step == name:
                    assert not call
                    call = "failed" if isinstance(fact, StepFailed) else "done"
                case StepCompensated(step=step) if step == name:
                    assert undo in ("", "stuck")
                    undo = "done"
                case StepStuck(step=step) if step == name:
                    assert not undo
                    undo = "stuck"


# -- locks, questions, pauses, events


@EXAMPLES
@given(SEEDS)
def test_no_call_leaves_a_run_that_has_not_its_lock(seed: int) -> None:
    walk_ = walked(seed)
    if walk_.saga.lock is None:
        assert not any(isinstance(fact, LockAcquired) for fact in walk_.log)
        return
    has, fence = False, 0
    for fact in walk_.log:
        match fact:
            case LockAcquired():
                assert not has and fact.fence > fence
                has, fence = True, fact.fence
            case Redriven():
                has = False
            case StepStarted() | StepWaiting() | StepSkipped() | Compensate():
                assert has


@EXAMPLES
@given(SEEDS)
def test_each_question_is_open_once_and_answered_once_or_closed(seed: int) -> None:
    walk_ = walked(seed)
    open_: dict[str, tuple[str, str]] = {}
    asked: list[str] = []
    for fact in walk_.log:
        match fact:
            case Queued():
                assert (fact.kind, fact.step) not in open_.values()
                open_[fact.id] = (fact.kind, fact.step)
                asked.append(fact.id)
            case Decided() | Closed():
                kind, _ = open_.pop(fact.id)
                assert kind == fact.kind
            case Completed() | Failed() | Cancelled() | Abandoned():
                assert not open_
    assert asked == [f"run-1.{number}" for number in range(1, len(asked) + 1)]
    assert set(open_) == set(walk_.run.items)


@EXAMPLES
@given(SEEDS)
def test_a_person_is_asked_of_each_stuck_undo_and_of_each_that_failed_three_times_in_a_row(seed: int) -> None:
    walk_ = walked(seed)
    run = begin(walk_.saga, "run-1")
    for facts in walk_.appends:
        run = fold(run, facts)
        for name, undo in run.undos.items():
            if undo.phase is Phase.STUCK or (undo.phase.moving and undo.failures >= 3):
                assert run.status.ended or any(item.step == name for item in run.items.values())


@EXAMPLES
@given(SEEDS)
def test_nothing_begins_in_a_pause(seed: int) -> None:
    paused = False
    for fact in walked(seed).log:
        match fact:
            case Paused() | Resumed():
                assert paused is isinstance(fact, Resumed)
                paused = isinstance(fact, Paused)
            case Completed() | Failed() | Cancelled() | Abandoned():
                paused = False
            case StepStarted() | Compensate():
                assert not paused or fact.interrupted
            case StepWaiting() | StepSkipped(reason="its condition is false"):
                assert not paused
            case Compensating(cause="deadline"):
                assert not paused


@EXAMPLES
@given(SEEDS)
def test_each_event_counts_once_and_lies_behind_the_triggering_one(seed: int) -> None:
    heard = [fact.event_seq for fact in walked(seed).log if isinstance(fact, StepSucceeded) and fact.event_seq]
    assert len(set(heard)) == len(heard)
    assert all(seq > EVENT.seq for seq in heard)


@EXAMPLES
@given(SEEDS)
def test_what_is_owed_is_read_off_the_log_alone(seed: int) -> None:
    """A crash at any point: the next process is owed exactly what the one before was."""
    rng = Random(seed)
    walk_ = Walk(random_saga(rng), rng)
    while not walk_.rests:
        assert due(walk_.refolded(), walk_.now) == due(walk_.run, walk_.now)
        walk_.turn()


@pytest.mark.parametrize(
    "wanted",
    [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.ABANDONED, Status.STUCK, Status.RUNNING],
    ids=lambda status: status.value,
)
def test_the_walks_reach_every_end(wanted: Status) -> None:
    """A property over walks that all end alike would prove little."""
    assert any(walked(seed).run.status is wanted for seed in range(300))


def test_the_walks_meet_every_kind_of_fact() -> None:
    kinds = {type(fact) for seed in range(400) for fact in walked(seed).log}
    assert set(RUN_FACTS.values()) - kinds == {Skipped, FilterFailed}, "those of an event that starts no run"
    assert any(isinstance(f, StepStarted) and f.interrupted for seed in range(50) for f in walked(seed).log)
