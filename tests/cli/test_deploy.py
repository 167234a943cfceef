"""deploy says how many runs are in flight on each revision: alone, beside `up`, and in a dry run."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Desk, Run
from tests.cli.workshop import LATER, OK, ORDER, Workshop

NEXT = ORDER.replace("/pay", "/pay2")


@pytest.fixture
def revisions(workshop: Workshop, shop: Path) -> tuple[str, str]:
    """Two runs in flight on one revision, one on the next, one that has ended; saga.yaml holds the next."""
    old = workshop.deploy(ORDER)
    workshop.run(pay=LATER)
    workshop.run(pay=OK, ship=OK)
    workshop.run(pay=OK, ship=LATER)
    new = workshop.deploy(NEXT)
    workshop.run(pay=LATER, fold=False)
    (shop / "saga.yaml").write_text(NEXT)
    (shop / "old.yaml").write_text(ORDER)
    (shop / "other.yaml").write_text(ORDER.replace("shop.order.v1", "other.v1"))
    return old, new


@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_what_is_in_flight_on_each_revision(desk: Desk, revisions: tuple[str, str], how: tuple[str, ...]) -> None:
    old, new = revisions
    (told,) = json.loads(desk("deploy", "saga.yaml", *how, "-o", "json").out)
    assert told["inFlight"] == {old: 2, new: 1}
    assert (told["saga"], told["revision"], told["change"]) == ("shop.order.v1", new, "unchanged")
    said = desk("deploy", "saga.yaml", *how).out
    assert f"  2 runs in flight on revision {old[:12]}\n" in said
    assert "  1 run in flight on this revision\n" in said


def test_a_change_says_what_keeps_its_revision(desk: Desk, revisions: tuple[str, str]) -> None:
    old, new = revisions
    ended = desk("deploy", "old.yaml", "--dry-run", "-o", "json")
    (told,) = json.loads(ended.out)
    assert (ended.code, told["change"], told["previous"], told["inFlight"]) == (4, "changed", new, {old: 2, new: 1})
    (told,) = json.loads(desk("deploy", "old.yaml", "-o", "json").out)
    assert (told["revision"], told["inFlight"]) == (old, {old: 2, new: 1})


def test_a_new_one_has_nothing_in_flight(desk: Desk, revisions: tuple[str, str]) -> None:
    ended = desk("deploy", "other.yaml", "-o", "json")
    (told,) = json.loads(ended.out)
    assert (told["change"], told["inFlight"]) == ("new", {})
    assert "in flight" not in desk("deploy", "other.yaml").out


def test_what_the_tables_do_not_know_yet_counts(desk: Desk, workshop: Workshop, shop: Path) -> None:
    """One run has moved since the tables were written, another has ended."""
    revision = workshop.deploy(ORDER)
    paused, ended = workshop.run(pay=LATER), workshop.run(pay=LATER)
    (shop / "saga.yaml").write_text(ORDER)
    desk("pause", paused)
    desk("abandon", ended, "--note", "by hand")
    (told,) = json.loads(desk("deploy", "saga.yaml", "-o", "json").out)
    assert told["inFlight"] == {revision: 1}


def test_files_of_tests_are_left_out(orch: Run, shop: Path) -> None:
    """In a folder, and where the shell has named them."""
    (shop / "order.yaml").write_text(ORDER)
    (shop / "order.test.yaml").write_text("tests: []\n")
    for paths in (["."], ["order.test.yaml", "order.yaml"]):
        (told,) = json.loads(orch("deploy", *paths, "-o", "json").out)
        assert told["saga"] == "shop.order.v1"


def test_a_comment_in_the_file_holds_for_a_strict_deploy_too(orch: Run, shop: Path) -> None:
    (shop / "order.yaml").write_text(ORDER)
    assert orch("deploy", "--strict", "order.yaml", "--dry-run").code == 1
    (shop / "order.yaml").write_text("# hms-orch: ignore-file[HMS042] known where it runs\n" + ORDER)
    assert orch("deploy", "--strict", "order.yaml", "--dry-run").code == 4


def test_nothing_is_deployed_where_a_file_cannot_be_read(orch: Run, shop: Path) -> None:
    (shop / "order.yaml").write_text(ORDER)
    (shop / "gone.yaml").symlink_to("nowhere")
    ended = orch("deploy", ".")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: no such file or folder: gone.yaml\n")
    assert not (shop / ".hms").exists()
