"""A stream is read the same however its bytes are cut."""

from __future__ import annotations

import pytest

from hms_orch_cli.sdk.sse import Message, Messages

STREAM = (
    'retry: 1000\n\nid: 4\ndata: {"a": "ü\u2028\x85\x0b"}\n\n:\n\nid: 9\n\n'
    "data:one\r\ndata: two\r\n\r\nid: 10\ndata: half"
)
TOLD = [
    Message("", ""),
    Message("4", '{"a": "ü\u2028\x85\x0b"}'),
    Message("4", ""),
    Message("9", ""),
    Message("9", "one\ntwo"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_cut_anywhere(size: int) -> None:
    """What has not ended is not told."""
    raw, messages = STREAM.encode(), Messages()
    assert [told for at in range(0, len(raw), size) for told in messages.feed(raw[at : at + size])] == TOLD
