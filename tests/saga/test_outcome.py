"""The outcome table of the contract, row by row: what an answer means for a call and for an undo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_orch_cli.saga.outcome import (
    Answer,
    Verdict,
    Wire,
    classify,
    classify_check,
    classify_poll,
    key_in_flight,
)

SUCCESS, UNKNOWN, RETRY, FAILED = Verdict.SUCCESS, Verdict.UNKNOWN, Verdict.RETRY, Verdict.FAILED
IN_PROGRESS, AGAIN, UNAUTHORIZED = Verdict.IN_PROGRESS, Verdict.AGAIN, Verdict.UNAUTHORIZED


def said(status: int, **members: object) -> Answer:
    """An answer that arrived."""
    return Answer(Wire.ANSWERED, status, **members)  # type: ignore[arg-type]


IN_FLIGHT = "https://errors.example/idempotency-key-in-flight"

ROWS = [
    # answer, call, compensate
    (said(200), SUCCESS, SUCCESS),
    (said(201, body={"id": 1}), SUCCESS, SUCCESS),
    (said(204), SUCCESS, SUCCESS),
    (said(226), SUCCESS, SUCCESS),
    (said(202), IN_PROGRESS, IN_PROGRESS),
    (said(202, location="/jobs/1"), IN_PROGRESS, IN_PROGRESS),
    (said(425), AGAIN, AGAIN),
    (said(408), UNKNOWN, RETRY),
    (said(500), UNKNOWN, RETRY),
    (said(501), UNKNOWN, RETRY),
    (said(502), UNKNOWN, RETRY),
    (said(503), UNKNOWN, RETRY),
    (said(504), UNKNOWN, RETRY),
    (said(599), UNKNOWN, RETRY),
    (said(303), UNKNOWN, RETRY),
    (Answer(Wire.LOST), UNKNOWN, RETRY),
    (said(200, broken=True), UNKNOWN, RETRY),
    (said(204, broken=True), UNKNOWN, RETRY),
    (said(429), RETRY, RETRY),
    (said(429, retry_after_ms=1_000), RETRY, RETRY),
    (said(503, retry_after_ms=1_000), RETRY, RETRY),
    (said(503, retry_after_ms=0), RETRY, RETRY),
    (Answer(Wire.NOT_SENT), RETRY, RETRY),
    (said(401), UNAUTHORIZED, RETRY),
    (said(403), UNAUTHORIZED, RETRY),
    (said(409), FAILED, FAILED),
    (said(409, problem_type="https://errors.example/out-of-stock"), FAILED, FAILED),
    (said(404), FAILED, FAILED),
    (said(410), FAILED, SUCCESS),
    *[(said(status), FAILED, FAILED) for status in (300, 301, 302, 304, 305, 307, 308)],
    *[(said(status), FAILED, FAILED) for status in (400, 402, 405, 406, 411, 412, 413, 415, 418, 422, 423, 428, 431)],
    # no status of HTTP: every doubt is unknown
    (said(101), UNKNOWN, RETRY),
    (said(600), UNKNOWN, RETRY),
    (said(999), UNKNOWN, RETRY),
]


@pytest.mark.parametrize(("answer", "call", "compensate"), ROWS, ids=lambda value: str(value)[:60])
def test_an_answer_means_what_the_table_says(answer: Answer, call: Verdict, compensate: Verdict) -> None:
    assert classify("call", answer) is call
    assert classify("compensate", answer) is compensate


def test_a_404_on_an_undo_says_that_nothing_is_there_only_if_the_call_was_in_doubt() -> None:
    assert classify("compensate", said(404), call_unknown=True) is SUCCESS
    assert classify("compensate", said(404), call_unknown=False) is FAILED


@pytest.mark.parametrize(
    "problem",
    [
        IN_FLIGHT,
        "urn:problem:idempotency-key:in-progress",
        "https://example.org/IdempotencyKeyInProgress",
        "about:request_outstanding",
        "https://example.org/concurrent-request",
    ],
)
def test_a_409_that_says_the_key_is_in_flight_leads_to_another_attempt(problem: str) -> None:
    """The request before it is still at work, so the call is in doubt until a later answer settles it."""
    assert key_in_flight(problem)
    assert classify("call", said(409, problem_type=problem)) is UNKNOWN
    assert classify("compensate", said(409, problem_type=problem)) is RETRY


@pytest.mark.parametrize("problem", ["", "about:blank", "https://example.org/out-of-stock"])
def test_any_other_problem_type_says_nothing_of_the_key(problem: str) -> None:
    assert not key_in_flight(problem)


@pytest.mark.parametrize("op", ["call", "compensate"])
@pytest.mark.parametrize("verdict", ["success", "failed", "unknown", "retry"])
@pytest.mark.parametrize("status", [200, 202, 303, 404, 409, 425, 429, 500, 503])
def test_the_file_overrides_any_row(op: str, verdict: str, status: int) -> None:
    answer = said(status, retry_after_ms=5, problem_type=IN_FLIGHT)
    assert classify(op, answer, {status: verdict}) is Verdict(verdict)  # type: ignore[arg-type]


def test_an_override_holds_for_its_own_status_alone() -> None:
    assert classify("call", said(409), {404: "success"}) is FAILED
    assert classify("call", Answer(Wire.LOST), {0: "success"}) is UNKNOWN
    assert classify("call", Answer(Wire.NOT_SENT), {0: "success"}) is RETRY


@given(st.integers(0, 999), st.booleans(), st.sampled_from(["call", "compensate"]))
def test_every_answer_has_a_meaning(status: int, broken: bool, op: str) -> None:
    for wire in Wire:
        assert classify(op, Answer(wire, status, broken=broken)) in Verdict  # type: ignore[arg-type]


@given(st.integers(0, 999).filter(lambda status: not 200 <= status < 300))
def test_only_a_2xx_is_a_success_of_a_call(status: int) -> None:
    assert classify("call", said(status)) is not SUCCESS


# -- the check


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        *[(said(status), SUCCESS) for status in (200, 201, 204)],
        *[(said(status), FAILED) for status in (404, 410)],
        *[(said(status), AGAIN) for status in (202, 425)],
        *[(said(status), UNKNOWN) for status in (301, 303, 400, 401, 403, 405, 408, 409, 422, 429, 500, 502, 503, 504)],
        (said(200, broken=True), UNKNOWN),
        (said(404, broken=True), UNKNOWN),
        (Answer(Wire.LOST), UNKNOWN),
        (Answer(Wire.NOT_SENT), UNKNOWN),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_check_settles_only_what_it_plainly_says(answer: Answer, verdict: Verdict) -> None:
    assert classify_check(answer) is verdict


# -- the poll of a 202


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        *[(said(status), SUCCESS) for status in (200, 201, 204)],
        *[(said(status), IN_PROGRESS) for status in (202, 425, 429, 500, 502, 503, 504)],
        *[(said(status), UNKNOWN) for status in (404, 410, 0, 600, 999)],
        *[(said(status), UNAUTHORIZED) for status in (401, 403)],
        *[(said(status), FAILED) for status in (301, 302, 303, 307, 400, 405, 408, 409, 422)],
        (said(200, broken=True), UNKNOWN),
        (Answer(Wire.LOST), IN_PROGRESS),
        (Answer(Wire.NOT_SENT), IN_PROGRESS),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_poll_means_what_the_row_of_202_says(answer: Answer, verdict: Verdict) -> None:
    assert classify_poll(answer) is verdict
