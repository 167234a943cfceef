"""Text from outside on its way to a terminal."""

from __future__ import annotations

import unicodedata

import pytest

from hms_orch_cli.safe import safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 保険 😀", "plain é 保険 😀"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c"),
        ("\x7f\x9b\x85", "\\x7f\\x9b\\x85"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("half \ud83d", "half \\ud83d"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("", ""),
    ],
)
def test_what_could_move_hide_or_reorder_is_written_out(text: str, shown: str) -> None:
    assert safe(text) == shown


BIDI = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")


def test_no_control_bidi_or_surrogate_character_passes() -> None:
    """Over all of Unicode, by what its own tables say of each character."""
    raw = [chr(code) for code in range(0x110000) if safe(chr(code)) == chr(code)]

    assert [letter for letter in raw if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")] == []
    assert [letter for letter in raw if unicodedata.bidirectional(letter) in BIDI] == []


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("\x1b\x1b", 4, "\\x1…"),
        ("\x1b", 4, "\\x1b"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_a_limit_bounds_what_is_shown(text: str, limit: int, shown: str) -> None:
    assert safe(text, limit) == shown


def test_a_limit_bounds_the_work_too() -> None:
    assert len(safe("\x1b" * 10_000_000, 50)) == 50
