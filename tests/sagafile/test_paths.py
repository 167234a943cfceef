"""From the paths that a person types to saga files."""

from __future__ import annotations

from pathlib import Path

import pytest

from hms_orch_cli.errors import NotFound, SagaFileError
from hms_orch_cli.sagafile.paths import expand
from hms_orch_cli.sagafile.source import MAX_BYTES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.yaml", "a.yml", "notes.txt", "more/c.yaml", "more/.hidden/d.yaml", ".git/e.yaml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path


def names(arguments: list[str], folder: Path) -> list[str]:
    return [found.name for found in expand(arguments, folder)]


def test_a_folder_gives_its_yaml_files_in_sorted_order(folder: Path) -> None:
    assert names(["."], folder) == ["a.yml", "b.yaml", "more/c.yaml"]


def test_a_file_is_taken_whatever_its_name(folder: Path) -> None:
    assert names(["notes.txt", ".git/e.yaml"], folder) == ["notes.txt", ".git/e.yaml"]


def test_a_file_that_is_named_twice_comes_once(folder: Path) -> None:
    assert names(["b.yaml", ".", "more/../b.yaml"], folder) == ["b.yaml", "a.yml", "more/c.yaml"]


def test_names_are_relative_to_the_working_folder(folder: Path) -> None:
    assert names([str(folder / "b.yaml")], folder / "more") == ["../b.yaml"]


def test_a_missing_path_is_named(folder: Path) -> None:
    with pytest.raises(NotFound, match=r"no such file or folder: gone\.yaml"):
        expand(["b.yaml", "gone.yaml"], folder)


def test_a_folder_without_sagas_is_named(folder: Path) -> None:
    (folder / "empty").mkdir()

    with pytest.raises(NotFound, match="no saga files in the folder empty"):
        expand(["empty"], folder)


def test_a_link_that_points_nowhere_is_unreadable_by_name(folder: Path) -> None:
    (folder / "loose.yaml").symlink_to(folder / "gone")

    (found,) = expand(["loose.yaml"], folder)
    with pytest.raises(NotFound, match=r"loose\.yaml"):
        found.read()


def test_a_file_that_cannot_be_read_is_an_error_of_ours(folder: Path) -> None:
    """A link to itself: an OSError even for root."""
    (folder / "loop.yaml").symlink_to("loop.yaml")

    (found,) = expand(["loop.yaml"], folder)
    with pytest.raises(SagaFileError, match=r"loop\.yaml cannot be read"):
        found.read()


def test_no_more_is_read_than_the_limit_needs(folder: Path) -> None:
    (folder / "huge.yaml").write_bytes(b"#" * (MAX_BYTES + 1000))

    assert len(expand(["huge.yaml"], folder)[0].read()) == MAX_BYTES + 1
