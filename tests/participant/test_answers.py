"""From a response's parts to an answer."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_orch_cli.participant.answers import answer_of
from hms_orch_cli.participant.retry_after import retry_after_ms
from hms_orch_cli.saga.nesting import MAX_NESTING
from hms_orch_cli.saga.outcome import Wire

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("120", 120_000),
        (" 5 ", 5_000),
        ("Tue, 14 Nov 2023 22:13:25 GMT", 5_000),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0),
        ("Tuesday, 14-Nov-23 22:13:25 GMT", 5_000),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("٣", None),
        ("Tue, 99 Nov 2023 99:99:99 GMT", None),
        ("Mon", None),
        ("x" * 1_000, None),
    ],
)
def test_retry_after(text: str, expected: int | None) -> None:
    assert retry_after_ms(text, NOW) == expected


@pytest.mark.parametrize("text", ["Fri, 31 Dec 9999 23:59:59 GMT", "9" * 60])
def test_a_retry_after_beyond_all_time_is_bounded(text: str) -> None:
    wait = retry_after_ms(text, NOW)
    assert wait is not None and 300_000 < wait < 10**12


@given(st.text(max_size=70))
def test_no_retry_after_raises(text: str) -> None:
    wait = retry_after_ms(text, NOW)
    assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"title": "Frozen", "detail": "No money."}, "Frozen: No money."),
        ({"title": "Frozen"}, "Frozen"),
        ({"message": "too much"}, "too much"),
        ({"error": "nope"}, "nope"),
        ({"error": {"message": "deep"}}, "deep"),
        ({"summary": "sum"}, "sum"),
        ({"message": 7, "error": None}, "Conflict"),
        ("just text", "just text"),
        ([1], "Conflict"),
    ],
)
def test_the_reason_is_in_the_participants_words(value: Any, reason: str) -> None:
    assert answer_of(409, orjson.dumps(value), "application/json").reason == reason


def test_a_reason_is_bounded() -> None:
    assert len(answer_of(500, orjson.dumps({"message": "x" * 5_000}), "application/json").reason) == 500
    assert len(answer_of(500, b"x" * 5_000, "text/plain").reason) == 500


def test_plain_text_is_a_reason_and_html_is_not() -> None:
    assert answer_of(503, b"down for lunch\n", "text/plain; charset=utf-8").reason == "down for lunch"
    assert answer_of(503, b"<html>", "text/html").reason == "Service Unavailable"
    assert answer_of(599, b"", None).reason == "status 599"


def test_only_a_problem_document_has_a_problem_type() -> None:
    body = b'{"type": "concurrent-enrolment"}'
    assert answer_of(409, body, "application/json").problem_type == ""
    assert answer_of(409, body, "application/problem+json").problem_type == "concurrent-enrolment"


@pytest.mark.parametrize("media", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json"])
def test_json_is_read_by_its_declared_type(media: str) -> None:
    assert answer_of(200, b'{"a":1}', media).body == {"a": 1}


def test_a_byte_order_mark_is_ignored() -> None:
    answer = answer_of(200, b'\xef\xbb\xbf{"a":1}', "application/json")
    assert (answer.body, answer.broken) == ({"a": 1}, False)


@pytest.mark.parametrize("pair", ["[]", '{"a":}'], ids=["lists", "objects"])
def test_json_that_nests_deeper_than_can_be_written_again_is_broken(pair: str) -> None:
    """Brackets in a text, and many side by side, are no levels."""

    def nested(levels: int) -> bytes:
        return (pair[:-1] * (levels - 1) + pair.replace(":", ":1") + pair[-1] * (levels - 1)).encode()

    fine = answer_of(200, nested(MAX_NESTING), "application/json")
    assert not fine.broken and orjson.dumps(fine.body) == nested(MAX_NESTING)
    deep = answer_of(200, nested(MAX_NESTING + 1), "application/json")
    assert (deep.body, deep.broken) == (None, True)
    assert deep.reason == "answered 200 with application/json that is nested deeper than 100 levels"
    wide = b'["' + b"[{" * 300 + b'"' + b",[]" * 300 + b"]"
    assert not answer_of(200, wide, "application/json").broken


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/jobs/1", "/jobs/1"),
        ("1", "/v1/jobs/1"),
        ("../1?x=2", "/v1/1?x=2"),
        ("?x=2", "/v1/jobs/start?x=2"),
        ("http://elsewhere/1", "http://elsewhere/1"),
        ("//elsewhere/1", "//elsewhere/1"),
        ("", None),
        ("/\x1b[31m", None),
        ("/" + "a" * 3_000, None),
    ],
)
def test_a_location_begins_at_the_root_or_is_absolute(location: str, expected: str | None) -> None:
    url = "https://svc.example:8443/v1/jobs/start"
    assert answer_of(202, b"", None, location=location, url=url).location == expected


@given(
    st.integers(100, 599), st.binary(max_size=200), st.sampled_from(["application/json", "text/plain", "a+json", ""])
)
def test_no_response_raises(status: int, body: bytes, media: str) -> None:
    answer = answer_of(status, body, media, retry_after="x", location="\x00")
    assert answer.wire is Wire.ANSWERED
    assert len(answer.reason) <= 500
