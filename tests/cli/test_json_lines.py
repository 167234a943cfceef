"""The console of `up` as JSON: what the plain lines say, with the members that programs look for."""

from __future__ import annotations

import json

import pytest

from hms_orch_cli.cli.json_lines import TEXT_LIMIT, entries_of
from hms_orch_cli.cli.narration import lines_of
from hms_orch_cli.saga.definition import saga_from
from hms_orch_cli.saga.events import (
    Completed,
    Decided,
    Failed,
    RunFact,
    StepCompensated,
    StepFailed,
    StepRetrying,
    StepStarted,
    StepStuck,
    StepSucceeded,
    Stuck,
)
from hms_orch_cli.saga.machine import begin
from hms_orch_cli.saga.moment import from_rfc3339
from tests.documents import document, marked

from ..saga.facts import SAMPLES, SPARSE

AT = 1_767_225_600_000
ID = "00000000-0002-8728-982c-add602813d7a"
RUN = begin(saga_from({"id": "s.v1", "trigger": "t", "steps": [{"name": "pay", "call": "a:/b"}]}, "r1"), ID)
HOSTILE = "a\x1b[2J\x9b31m\u202eb\n"


def entry(fact: RunFact) -> dict[str, object]:
    """The only line of a fact."""
    (found,) = entries_of(RUN, [fact])
    return found


def test_a_line_has_what_the_console_says_and_the_members_of_the_fact() -> None:
    assert entry(StepRetrying(AT, "pay", "call", 1, "unknown", "reset", AT + 2_000, 500)) == {
        "time": "2026-01-01T00:00:00.000Z",
        "level": "warning",
        "message": "pay: 500 reset, attempt 2 in 2.0 s",
        "event": "saga.step.retrying",
        "sagaId": ID,
        "saga": "s.v1",
        "traceId": "0000000000028728982cadd602813d7a",
        "step": "pay",
        "op": "call",
        "attempt": 1,
        "outcome": "unknown",
        "reason": "reset",
        "dueAt": AT + 2_000,
        "status": 500,
    }


@pytest.mark.parametrize("fact", [*SAMPLES, *SPARSE], ids=lambda fact: type(fact).__name__)
def test_it_says_as_much_as_the_plain_console(fact: RunFact) -> None:
    assert len(list(entries_of(RUN, [fact]))) == len(list(lines_of(RUN, [fact])))


@pytest.mark.parametrize("fact", [*SAMPLES, *SPARSE], ids=lambda fact: type(fact).__name__)
def test_what_participants_and_people_gave_is_not_repeated(fact: RunFact) -> None:
    for line in entries_of(RUN, [fact]):
        assert not {"answer", "output", "context"} & set(line)
        assert "parts" not in json.dumps(line), "a member of the answer"


@pytest.mark.parametrize(
    ("fact", "level"),
    [
        (StepSucceeded(AT, "pay", 1), "info"),
        (Completed(AT, 1), "info"),
        (Decided(AT, "i", "hold", "done", "ann", ""), "info"),
        (StepFailed(AT, "pay", 1, "failed", False, "no"), "warning"),
        (StepCompensated(AT, "pay", 1), "warning"),
        (Failed(AT, "no", 1), "warning"),
        (StepStuck(AT, "pay", 1, "no"), "error"),
        (Stuck(AT, "no"), "error"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_its_level(fact: RunFact, level: str) -> None:
    assert entry(fact)["level"] == level


def test_hostile_text_is_harmless_once_decoded_and_bounded() -> None:
    found = entry(StepSucceeded(AT, "pay", 1, 200, summary=HOSTILE + "x" * 10_000))
    assert str(found["message"]).startswith(r"pay: a\x1b[2J\x9b31m\u202eb\x0a")
    assert len(str(found["message"])) <= TEXT_LIMIT
    assert len(str(found["summary"])) <= TEXT_LIMIT


def test_intents_are_not_told() -> None:
    assert list(entries_of(RUN, [StepStarted(AT, "pay", 1, "k")])) == []


def test_the_page_shows_a_line_as_it_is() -> None:
    told = json.loads(marked(document("observability.md"), "example: json line"))
    at = from_rfc3339(told["time"])
    saga = saga_from({"id": told["saga"], "trigger": "t", "steps": [{"name": told["step"], "call": "a:/b"}]}, "r1")
    fact = StepRetrying(at, told["step"], "call", 1, "unknown", "busy", at + 2_000, 503)
    assert list(entries_of(begin(saga, told["sagaId"]), [fact])) == [told]
