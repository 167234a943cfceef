"""The ids of runs, and points in time as text."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_orch_cli.saga.identity import run_id
from hms_orch_cli.saga.moment import from_rfc3339, rfc3339

IDS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,127}", fullmatch=True)
SEQS = st.integers(1, 2**48 - 1)
HASHES = st.binary(min_size=32, max_size=32)


@given(IDS, SEQS, HASHES)
def test_a_run_id_is_a_uuid_of_version_8(definition: str, seq: int, digest: bytes) -> None:
    made = run_id(definition, seq, digest)
    parsed = UUID(made)
    assert str(parsed) == made
    assert (parsed.version, parsed.variant) == (8, "specified in RFC 4122")


@given(IDS, SEQS, HASHES)
def test_the_same_event_and_definition_always_make_the_same_id(definition: str, seq: int, digest: bytes) -> None:
    assert run_id(definition, seq, digest) == run_id(definition, seq, digest)


@given(IDS, IDS, SEQS, HASHES, HASHES)
def test_another_definition_or_another_log_makes_another_id(
    first: str, second: str, seq: int, one: bytes, other: bytes
) -> None:
    if first != second:
        assert run_id(first, seq, one) != run_id(second, seq, one)
    if one != other:
        assert run_id(first, seq, one) != run_id(first, seq, other)


@given(IDS, IDS, SEQS, SEQS, HASHES)
def test_ids_rise_with_the_log(first: str, second: str, one: int, other: int, digest: bytes) -> None:
    if one != other:
        assert (run_id(first, one, digest) < run_id(second, other, digest)) is (one < other)


def test_ids_rise_over_all_the_positions_that_they_have_room_for() -> None:
    seqs = [1, 2, 255, 2**16 - 1, 2**16, 2**16 + 1, 2**31, 2**32, 2**32 + 1, 2**40 + 7, 2**48 - 1]
    ids = [run_id("a", seq, bytes([255 - place] * 32)) for place, seq in enumerate(seqs)]
    assert ids == sorted(ids) and len(set(ids)) == len(ids)


@given(st.integers(0, 253_402_300_799_999))
def test_a_moment_comes_back_as_it_was(at_ms: int) -> None:
    text = rfc3339(at_ms)
    assert from_rfc3339(text) == at_ms
    assert len(text) == 24 and text.endswith("Z")


@given(st.integers(0, 253_402_300_799_999), st.integers(0, 253_402_300_799_999))
def test_moments_sort_as_text(one: int, other: int) -> None:
    assert (rfc3339(one) < rfc3339(other)) is (one < other)


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2026-11-23T14:10:07.250Z", 1_795_443_007_250),
        ("2026-11-23T14:10:07Z", 1_795_443_007_000),
        ("2026-11-23T15:10:07.250+01:00", 1_795_443_007_250),
        ("1970-01-01T00:00:00.000Z", 0),
        ("2026-11-23T14:10:07.2504Z", 1_795_443_007_250),
    ],
)
def test_other_writings_of_a_time_are_read(text: str, at_ms: int) -> None:
    assert from_rfc3339(text) == at_ms


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23T14:10:07", "2026-13-01T00:00:00Z"])
def test_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_rfc3339(text)
