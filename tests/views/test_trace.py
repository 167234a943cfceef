"""A run as a trace: what becomes a span, and that any life of a run makes a whole tree."""

from __future__ import annotations

import re
from random import Random

import pytest

from hms_orch_cli.saga.events import (
    Abandoned,
    Closed,
    Compensate,
    Compensating,
    Completed,
    Decided,
    Failed,
    LockAcquired,
    LockQueued,
    MatchFailed,
    Queued,
    Redriven,
    RunFact,
    Started,
    StepAccepted,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepStarted,
    StepStuck,
    StepSucceeded,
    StepWaiting,
    Stuck,
)
from hms_orch_cli.saga.identity import attempt_span, span_id
from hms_orch_cli.views.trace import MOST_MOMENTS, Span, Trace
from tests.documents import ROOT, document, rows, section, words

from ..saga.facts import AT, REF
from ..saga.walks import Walk, random_saga
from ..specs import approval, saga_of, step, wait

SAGA = saga_of(step("pay"), step("ship", compensate=None), wait("hear"), approval("ask", None, "compensate"))
STARTED = Started(AT, SAGA.revision, REF)
SEEDS = range(150)


def spans(*facts: RunFact) -> list[Span]:
    """What these facts end, in order."""
    trace = Trace(SAGA, "run-1")
    return [span for fact in (STARTED, *facts) for span in trace.add(fact)]


def test_a_run_and_its_attempts() -> None:
    pay, ship, run = spans(
        StepStarted(AT + 1, "pay", 1, "k"),
        StepSucceeded(AT + 5, "pay", 1, 200),
        StepStarted(AT + 5, "ship", 1, "k"),
        StepFailed(AT + 9, "ship", 1, "failed", False, "no stock", 409),
        Failed(AT + 9, "ship: 409 no stock", 9),
    )
    assert (pay.name, pay.kind, pay.began, pay.ended, pay.failed) == ("pay", "call", AT + 1, AT + 5, False)
    assert pay.about == {
        "hms.step": "pay", "hms.op": "call", "hms.attempt": 1, "peer.service": "svc",
        "hms.outcome": "success", "http.response.status_code": 200,
    }  # fmt: skip
    assert (ship.failed, ship.reason, ship.about["hms.outcome"]) == (True, "no stock", "failed")
    assert pay.parent == ship.parent == run.id
    assert (run.parent, run.name, run.kind) == (None, SAGA.id, "run")
    assert (run.began, run.ended, run.failed, run.reason) == (AT, AT + 9, True, "ship: 409 no stock")
    assert run.about["hms.state"] == "FAILED"
    assert run.about["hms.saga.id"] == "run-1"
    assert run.about["cloudevents.event_type"] == REF.type


def test_the_id_of_an_attempt_is_the_one_that_its_participant_was_sent() -> None:
    first, second, _ = spans(
        StepStarted(AT, "pay", 1, "k"),
        StepRetrying(AT + 1, "pay", "call", 1, "unknown", "reset", AT + 2, 500),
        StepStarted(AT + 2, "pay", 2, "k"),
        StepSucceeded(AT + 3, "pay", 2, 200),
        Completed(AT + 3, 3),
    )
    assert [first.id, second.id] == [attempt_span("pay", "call", 1), attempt_span("pay", "call", 2)]
    assert (first.failed, first.about["hms.outcome"], first.ended) == (True, "unknown", AT + 1)


def test_an_undo_is_a_span_of_its_own() -> None:
    _, undo, run = spans(
        StepStarted(AT, "pay", 1, "k"),
        StepSucceeded(AT, "pay", 1),
        Compensating(AT, "cancel", "twice", "ann"),
        Compensate(AT, "pay", None, "http", "k", 1),
        StepCompensated(AT + 2, "pay", 1, 200),
        Failed(AT + 2, "twice", 2),
    )
    assert (undo.name, undo.kind, undo.id) == ("undo pay", "call", attempt_span("pay", "compensate", 1))
    assert undo.about["hms.op"] == "compensate"
    assert [(moment.name, moment.about["hms.cause"]) for moment in run.moments] == [("turned back", "cancel")]


def test_an_undo_by_event_calls_nobody() -> None:
    undo, _ = spans(Compensate(AT, "pay", None, "event", "k", 1), StepCompensated(AT, "pay", 1), Failed(AT, "", 0))
    assert undo.kind == "announcement"
    assert "peer.service" not in undo.about


@pytest.mark.parametrize(
    ("begins", "ends", "name"),
    [
        (LockQueued(AT, '"k"', "run-0"), LockAcquired(AT + 7, '"k"', 3, 7), "wait for lock"),
        (StepWaiting(AT, "hear", "event", None, "paid"), StepSucceeded(AT + 7, "hear", 0), "hear: wait for an event"),
        (StepWaiting(AT, "ask", "approval"), StepSucceeded(AT + 7, "ask", 0), "ask: wait for a person"),
        (
            Queued(AT, "pay", "run-1.1", "hold", "no", ["done"]),
            Decided(AT + 7, "run-1.1", "hold", "done", "ann", "paid"),
            "pay: a person is asked",
        ),
        (
            Queued(AT, "pay", "run-1.1", "undo", "no", ["retry"]),
            Closed(AT + 7, "run-1.1", "undo", "undone meanwhile"),
            "pay: a person is asked",
        ),
    ],
    ids=["lock", "event", "approval", "decided", "closed"],
)
def test_a_wait_is_a_span(begins: RunFact, ends: RunFact, name: str) -> None:
    waited, _ = spans(begins, ends, Completed(AT + 9, 9))
    assert (waited.name, waited.kind, waited.began, waited.ended) == (name, "wait", AT, AT + 7)
    assert not waited.failed


def test_what_happens_while_a_span_is_open_is_a_moment_of_it() -> None:
    call, _ = spans(
        StepStarted(AT, "pay", 1, "k"),
        StepAccepted(AT + 1, "pay", "call", 1, 202, "/jobs/1"),
        StepStarted(AT + 2, "pay", 1, "k", True),
        StepDoubted(AT + 3, "pay", 1, "reset"),
        StepSucceeded(AT + 4, "pay", 1),
        Completed(AT + 4, 4),
    )
    assert [(moment.at - AT, moment.name) for moment in call.moments] == [
        (1, "accepted"), (2, "cut off and sent again"), (3, "in doubt"),
    ]  # fmt: skip


def test_a_span_keeps_so_many_moments() -> None:
    unmatched = [MatchFailed(AT, "hear", n, "no such key") for n in range(MOST_MOMENTS + 5)]
    heard, _ = spans(StepWaiting(AT, "hear", "event"), *unmatched, StepSucceeded(AT, "hear", 0), Completed(AT, 0))
    assert len(heard.moments) == MOST_MOMENTS


def test_an_end_without_an_open_attempt_is_a_moment_of_the_run() -> None:
    """A held step that a person has seen to, an undo that is done by hand."""
    _, _, undone, run = spans(
        StepStarted(AT, "pay", 1, "k"),
        StepHeld(AT, "pay", 1, "failed", False, "no", 409),
        Queued(AT, "pay", "run-1.1", "hold", "no", ["done"]),
        Decided(AT, "run-1.1", "hold", "done", "ann", ""),
        StepSucceeded(AT, "pay", 1),
        Compensate(AT, "pay", None, "http", "k", 1),
        StepStuck(AT, "pay", 1, "gone", 404),
        Stuck(AT, "undo of pay: gone"),
        StepCompensated(AT, "pay", 1),
        Failed(AT, "", 0),
    )
    assert (undone.failed, undone.reason) == (True, "gone")
    assert [moment.name for moment in run.moments] == ["pay: success", "stuck", "pay: success"]


def test_what_is_open_when_a_run_is_abandoned_is_given_up() -> None:
    call, run = spans(StepStarted(AT, "pay", 1, "k"), Abandoned(AT + 3, "by hand", "ann", 3))
    assert (call.failed, call.ended) == (True, AT + 3)
    assert (run.failed, run.about["hms.state"]) == (True, "ABANDONED")


def test_a_redrive_hangs_below_the_run() -> None:
    _, run, again, redrive = spans(
        StepStarted(AT, "pay", 1, "k"),
        StepFailed(AT, "pay", 1, "failed", False, "no", 409),
        Failed(AT, "no", 0),
        Redriven(AT + 5, "ann", ""),
        StepStarted(AT + 5, "pay", 2, "k"),
        StepSucceeded(AT + 6, "pay", 2),
        Completed(AT + 6, 6),
    )
    assert (redrive.parent, again.parent) == (run.id, redrive.id)
    assert (redrive.began, redrive.ended, redrive.failed) == (AT + 5, AT + 6, False)


def test_a_clock_that_was_put_back_makes_no_negative_span() -> None:
    call, run = spans(StepStarted(AT, "pay", 1, "k"), StepSucceeded(AT - 9, "pay", 1), Completed(AT - 9, 0))
    assert call.ended == call.began
    assert run.ended == run.began


def test_a_run_that_is_none_has_no_span() -> None:
    trace = Trace(SAGA, "run-1")
    assert trace.add(Completed(AT, 0)) == []


def test_the_page_names_every_attribute() -> None:
    source = (ROOT / "hms_orch_cli/views/trace.py").read_text(encoding="utf-8")
    known = set(re.findall(r'"((?:hms|cloudevents|peer|http)\.[a-z._]+)"', source))
    told = rows(section(document("observability.md"), "## Traces"))
    assert {word for row in told for word in words(row[0]) if word in known or "." in word} == known


# -- any life of a run


@pytest.mark.parametrize("seed", SEEDS)
def test_a_trace_is_a_tree_within_its_run(seed: int) -> None:
    rng = Random(seed)
    walk = Walk(random_saga(rng), rng).to_its_end()
    trace = Trace(walk.saga, "run-1")
    ended = [span for fact in walk.log for span in trace.add(fact)]
    ids = {span.id for span in ended}
    assert len(ids) == len(ended), "each span ends once"
    assert all(span.began <= span.ended for span in ended)
    roots = [span for span in ended if span.parent is None]
    if walk.run.status.ended:
        assert [root.id for root in roots] == [span_id("run")]
        assert {span.parent for span in ended} - {None} <= ids
        assert all(span.began >= roots[0].began for span in ended)
        begun = {
            attempt_span(fact.step, "call" if isinstance(fact, StepStarted) else "compensate", fact.attempt)
            for fact in walk.log
            if isinstance(fact, StepStarted | Compensate)
        }
        assert begun <= ids, "no attempt is left out"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_trace_that_is_folded_anew_goes_on_as_it_would_have(seed: int) -> None:
    rng = Random(seed)
    walk = Walk(random_saga(rng), rng).to_its_end()
    whole = Trace(walk.saga, "run-1")
    expected = [whole.add(fact) for fact in walk.log]
    cut = rng.randint(0, len(walk.log))
    resumed = Trace(walk.saga, "run-1")
    for fact in walk.log[:cut]:
        resumed.add(fact)
    assert resumed.version == cut
    assert [resumed.add(fact) for fact in walk.log[cut:]] == expected[cut:]
