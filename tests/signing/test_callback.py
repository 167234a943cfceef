"""The token in a callback's address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_orch_cli.signing.callback import callback_token, read_callback

SECRET = b"s" * 32


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(["call", "compensate"]))
def test_what_was_written_is_read(saga_id: str, step: str, op: str) -> None:
    token = callback_token(SECRET, saga_id, step, op)
    assert read_callback(SECRET, token) == (saga_id, step, op)
    assert all(letter.isalnum() or letter in "-_." for letter in token), "it fits into a URL as it is"
    assert read_callback(b"t" * 32, token) is None


@given(st.text(max_size=200))
def test_what_was_not_written_is_refused(token: str) -> None:
    assert read_callback(SECRET, token) is None


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_changed_letter_is_refused(place: int, letter: str) -> None:
    token = callback_token(SECRET, "0190c9c2", "recalc", "call")
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        assert read_callback(SECRET, changed) is None


def test_words_cannot_be_moved_between_the_parts() -> None:
    one, two = callback_token(SECRET, "ab", "c", "call"), callback_token(SECRET, "a", "bc", "call")
    assert one.rpartition(".")[2] != two.rpartition(".")[2]


@pytest.mark.parametrize("token", ["", ".", "...", "x" * 1_000_000, "YQ.Yg.Y2FsbA."])
def test_odd_tokens_are_refused(token: str) -> None:
    assert read_callback(SECRET, token) is None
