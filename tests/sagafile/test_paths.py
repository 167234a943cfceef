"""From the paths that a person types to saga files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hms_orch_cli.errors import HmsError, NotFound, SagaFileError
from hms_orch_cli.sagafile.paths import expand, is_test
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


def told(arguments: list[str], folder: Path) -> tuple[list[str], list[str]]:
    """The names that are found, and what is said of the rest."""
    problems: list[HmsError] = []
    return [found.name for found in expand(arguments, folder, problems.append)], [each.message for each in problems]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.yaml", ["b.yaml"]),
        ("*.y*ml", ["a.yml", "b.yaml"]),
        ("[ab].*", ["a.yml", "b.yaml"]),
        ("?.yml", ["a.yml"]),
        ("**/*.yaml", ["b.yaml", "more/c.yaml"]),
        ("more/**/*.yaml", ["more/c.yaml"]),
        ("**/more/*.yaml", ["more/c.yaml"]),
        ("**/**/c.*", ["more/c.yaml"]),
        ("*/*", ["more/c.yaml"]),
        ("more/**", ["more/c.yaml"]),
        ("m*/../b.yaml", []),
        (".git/*.yaml", [".git/e.yaml"]),
    ],
)
def test_a_pattern_that_the_shell_left_alone_means_what_it_means_there(
    pattern: str, found: list[str], folder: Path
) -> None:
    """Hidden names only where they are written out."""
    names, problems = told([pattern], folder)

    assert names == found
    assert problems == ([] if found else [f"no file fits {pattern}"])


def test_an_absolute_pattern_is_one_too(folder: Path) -> None:
    assert names([f"{folder}/m*/*.yaml"], folder / "more") == ["c.yaml"]


def test_a_file_may_have_the_signs_of_a_pattern_in_its_name(folder: Path) -> None:
    (folder / "[ab].yaml").touch()

    assert names(["[ab].yaml"], folder) == ["[ab].yaml"]


def test_a_pattern_reads_no_folder_that_cannot_lead_to_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    scandir = os.scandir

    def listed(path: Any) -> Iterator[os.DirEntry[str]]:
        read.append(Path(path).name)
        return scandir(path)

    (folder / "more" / "deep").mkdir()
    (folder / "other").mkdir()
    monkeypatch.setattr(os, "scandir", listed)
    expand(["m*/*.yaml"], folder)

    assert read == [folder.name, "more"]


def test_links_to_folders_are_not_followed_so_a_loop_is_none(folder: Path) -> None:
    (folder / "more" / "round").symlink_to(folder)
    (folder / "self").symlink_to("self")

    assert told(["."], folder) == (["a.yml", "b.yaml", "more/c.yaml"], [])
    assert told(["**/*.yaml"], folder) == (["b.yaml", "more/c.yaml"], [])


def test_a_link_to_a_folder_that_is_named_is_that_folder(folder: Path) -> None:
    (folder / "other").symlink_to("more")

    assert names(["other"], folder) == ["other/c.yaml"]


def test_what_would_never_end_is_left_out_of_a_folder(folder: Path) -> None:
    """A pipe has no end until somebody writes; named by itself it may be a shell's `<(…)`."""
    os.mkfifo(folder / "pipe.yaml")
    (folder / "link.yaml").symlink_to("pipe.yaml")

    assert names(["."], folder) == ["a.yml", "b.yaml", "more/c.yaml"]
    assert names(["pipe.yaml"], folder) == ["pipe.yaml"]


def test_every_problem_is_told_and_the_other_files_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuses(path: Any) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "more":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuses)
    (folder / "empty").mkdir()

    assert told(["gone.yaml", ".", "empty", "*.txt", "*.json"], folder) == (
        ["a.yml", "b.yaml", "notes.txt"],
        [
            "no such file or folder: gone.yaml",
            "more cannot be read: Permission denied",
            "no saga files in the folder empty",
            "no file fits *.json",
        ],
    )


def test_a_file_that_vanishes_before_it_is_read_is_named(folder: Path) -> None:
    (found,) = expand(["b.yaml"], folder)
    (folder / "b.yaml").unlink()

    with pytest.raises(NotFound, match=r"no such file or folder: b\.yaml"):
        found.read()


def test_a_path_that_is_too_long_is_named(folder: Path) -> None:
    long = "a" * 5000 + ".yaml"

    (problem,) = told([long], folder)[1]
    assert problem.startswith("aaaa")
    assert problem.endswith(": File name too long")


@pytest.mark.parametrize(("name", "test"), [("a.test.yaml", True), ("x/a.test.yml", True), ("test.yaml", False)])
def test_a_file_of_tests_is_known_by_its_name(name: str, test: bool) -> None:
    assert is_test(name) is test
