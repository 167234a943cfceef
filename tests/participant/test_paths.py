"""Paths and queries that stay within a service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_orch_cli.participant.paths import encoded_query, is_safe_path


@pytest.mark.parametrize(
    "path", ["/", "/recalc", "/a/b-c_d/", "/a//b", "/a.b/~c", "/a%20b", "/...", "/a..b", "/%C3%BC", "/a;b=c@d"]
)
def test_safe(path: str) -> None:
    assert is_safe_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "//evil.example",
        "/..",
        "/.",
        "/a/..",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a/..%2Fb",
        "/a/%252e%252e/b",
        "/a\\..\\b",
        "/a%5c..%5cb",
        "/a b",
        "/a\nb",
        "/a\r\n",
        "/a\x00",
        "/ü",
        "/a?b",
        "/a#b",
        "/%zz",
        "/%2",
    ],
)
def test_unsafe(path: str) -> None:
    assert not is_safe_path(path)


@given(st.text(max_size=50))
def test_no_text_breaks_the_check(path: str) -> None:
    if is_safe_path(path):
        assert path.isascii() and path.isprintable() and " " not in path and "\\" not in path


def test_a_query_is_encoded() -> None:
    query = {"a": "x y&=#", "n": [1, 2.5], "t": True, "none": None, "o": {"k": 1}}
    assert encoded_query(query) == "a=x+y%26%3D%23&n=1&n=2.5&t=true&o=%7B%22k%22%3A1%7D"
