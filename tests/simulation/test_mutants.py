"""The planted bugs can still be planted: `make mutants` shows that each is found."""

from __future__ import annotations

import subprocess

import pytest

from .mutants.__main__ import PATCHES, ROOT

PLANTED = sorted(PATCHES.glob("*.patch"))


@pytest.mark.parametrize("patch", PLANTED, ids=lambda patch: patch.stem)
def test_a_planted_bug_fits_the_code(patch: object) -> None:
    said = subprocess.run(
        ["git", "apply", "--check", str(patch)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr


def test_there_are_as_many_as_promised() -> None:
    assert len(PLANTED) >= 15
    for patch in PLANTED:
        assert " Found by " in patch.read_text().splitlines()[0]
