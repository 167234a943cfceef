"""How far a subscriber has come outlives the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from hms_orch_cli.sdk import FilePositions, SdkError


def test_it_is_kept_for_each_name(tmp_path: Path) -> None:
    positions = FilePositions(tmp_path / "a" / "b")
    assert positions.load("one") is None
    positions.save("one", 3)
    positions.save("two", 5)
    positions.save("one", 4)
    again = FilePositions(tmp_path / "a" / "b")
    assert (again.load("one"), again.load("two")) == (4, 5)
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["one", "two"]


@pytest.mark.parametrize("content", [b"", b"-1", b"1 2", b"\xff\xfe", "٣".encode()])
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one").write_bytes(content)
    with pytest.raises(SdkError, match=r"one holds no position.*delete it"):
        FilePositions(tmp_path).load("one")
