"""Two thousand seeds, and that a seed is one story."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .seeds import chunk
from .simulation import simulate

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")  # of processes that were killed

CHUNKS = 20
SEEDS = 100


@pytest.mark.parametrize("number", range(CHUNKS))
def test_no_seed_violates_an_invariant(number: int) -> None:
    tally = chunk(number * SEEDS, SEEDS)
    assert tally.failures == [], "python -m tests.simulation --from SEED --trace tells the story of a seed"
    assert tally.passed > SEEDS // 2, "a seed counts only if each of its faults was seen to strike"


def test_a_seed_is_one_story() -> None:
    for seed in range(40, 50):
        assert simulate(seed).trace == simulate(seed).trace


def test_a_seed_is_the_same_story_in_another_process() -> None:
    told = {simulate(seed).trace for seed in (7, 8, 9)}
    script = "from tests.simulation.simulation import simulate; print(*(simulate(s).trace for s in (7, 8, 9)))"
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert set(done.stdout.split()) == told
