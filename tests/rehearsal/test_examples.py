"""The tests of the example sagas pass, and exercise every way through them."""

from __future__ import annotations

from typing import Any

import pytest

from hms_orch_cli.cli.narration import spoken
from hms_orch_cli.rehearsal.outcome import said
from hms_orch_cli.rehearsal.playing import Rehearsal
from tests.documents import SAGAS

from .house import CEL


@pytest.mark.parametrize("saga", SAGAS, ids=lambda file: file.stem)
def test_an_example_has_tests_that_leave_nothing_out(saga: Any) -> None:
    rehearsal = Rehearsal(CEL, lambda name: (saga.parent / name).read_bytes(), spoken)
    tests = saga.with_suffix(".test.yaml")
    file = rehearsal.check(tests.name, tests.read_bytes())
    assert not file.checked.findings
    results = list(rehearsal.play(file, lambda name: True))
    assert [line for result in results for line in said(result)] == []
    assert [branch for each in rehearsal.coverage.sagas for branch in rehearsal.coverage.missing(each)] == []
