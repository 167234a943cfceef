"""When an attempt is followed by another: backoff, factor, cap, jitter, budget, patience."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hms_orch_cli.saga.definition import Retry
from hms_orch_cli.saga.events import Compensating, Failed, StepFailed, StepRetrying
from hms_orch_cli.saga.retry import is_exhausted, pause_ms

from .. import specs
from ..specs import NOW, answers, begun, fact, later, saga_of, started, step

PLAIN = Retry(jitter=0)
POLICIES = st.builds(
    Retry,
    attempts=st.integers(1, 1_000),
    backoff_ms=st.integers(0, 86_400_000),
    factor=st.one_of(st.integers(1, 100), st.floats(1, 100)),
    max_backoff_ms=st.integers(0, 86_400_000),
    jitter=st.floats(0, 1),
)


def test_each_pause_is_longer_by_the_factor_until_the_longest() -> None:
    pauses = [pause_ms(PLAIN, attempt, "s") for attempt in range(1, 9)]
    assert pauses == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]


def test_a_factor_of_one_without_jitter_is_a_fixed_pause() -> None:
    fixed = Retry(backoff_ms=250, factor=1, jitter=0)
    assert {pause_ms(fixed, attempt, "s") for attempt in range(1, 50)} == {250}


def test_jitter_is_a_pure_function_of_run_step_and_attempt() -> None:
    policy = Retry(factor=1)
    pauses = {pause_ms(policy, 1, f"run-{n}:pay:call") for n in range(200)}
    assert len(pauses) > 100, "runs do not come back all at once"
    assert min(pauses) >= 800 and max(pauses) <= 1_200
    assert pause_ms(policy, 1, "a") == pause_ms(policy, 1, "a") != pause_ms(policy, 2, "a")


@given(POLICIES, st.integers(1, 2_000), st.text())
def test_a_pause_is_never_negative_and_at_most_the_longest_with_its_jitter(
    policy: Retry, attempt: int, seed: str
) -> None:
    pause = pause_ms(policy, attempt, seed)
    assert 0 <= pause <= policy.max_backoff_ms * (1 + policy.jitter) + 1
    assert pause == pause_ms(policy, attempt, seed)


@given(POLICIES, st.integers(1, 2_000), st.integers(-1_000, 10**9))
def test_retry_after_takes_the_place_of_the_backoff_up_to_five_minutes(policy: Retry, attempt: int, asked: int) -> None:
    assert pause_ms(policy, attempt, "s", asked) == min(max(asked, 0), 300_000)


def test_attempts_include_the_first() -> None:
    assert [is_exhausted(Retry(attempts=3), used, 0, 0) for used in (1, 2, 3, 4)] == [False, False, True, True]
    assert is_exhausted(Retry(attempts=1), 1, 0, 0)


def test_no_attempt_begins_past_the_budget() -> None:
    policy = Retry(budget_ms=5_000)
    assert not is_exhausted(policy, 1, 4_000, 1_000)
    assert is_exhausted(policy, 1, 4_000, 1_001)


def test_the_budget_of_a_step_runs_from_its_first_attempt() -> None:
    brief = saga_of(step("pay", retry={"attempts": 9, "budgetMs": 2_500}))
    tries = [begun("pay"), answers("pay", 429), later(1_000)]
    specs.given(brief, later(60_000), started, tries, begun("pay")).when(answers("pay", 429)).then(fact(StepRetrying))
    specs.given(brief, started, tries, tries, begun("pay")).when(answers("pay", 429)).then(
        fact(StepFailed, attempt=3), fact(Compensating), fact(Failed)
    )


def test_the_jitter_of_a_run_is_recorded_with_its_fact() -> None:
    """A fold never computes a pause: what was decided is what holds."""
    saga = saga_of(step("pay"), retry={"jitter": 0.5})
    policy = saga.steps["pay"].call.retry  # type: ignore[union-attr]
    pause = pause_ms(policy, 1, "run-1:pay:call")
    specs.given(saga, started, begun("pay")).when(answers("pay", 500)).then(fact(StepRetrying, due_at=NOW + pause))


def test_a_step_lays_its_keys_over_those_of_the_saga() -> None:
    saga = saga_of(
        step("pay", retry={"attempts": 1}), step("ship"), retry={"attempts": 5, "backoffMs": 70, "jitter": 0}
    )
    pay, ship = saga.steps["pay"], saga.steps["ship"]
    assert pay.call and ship.call and pay.compensate
    assert (pay.call.retry.attempts, pay.call.retry.backoff_ms) == (1, 70)
    assert (ship.call.retry.attempts, ship.call.retry.backoff_ms) == (5, 70)
    assert (pay.compensate.retry.attempts, pay.compensate.retry.backoff_ms) == (10, 70)
