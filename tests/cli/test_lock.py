"""lock list and lock release: alone with the store and beside `up`."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Desk, Run
from tests.cli.workshop import LOCKED, OK, Workshop


@pytest.fixture(autouse=True)
def deployed(workshop: Workshop) -> None:
    """A definition with a lock."""
    workshop.deploy(LOCKED)


def stock(workshop: Workshop, key: object, *, fold: bool = True) -> str:
    return workshop.run("shop.stock.v1", n=key, fold=fold)


def test_holder_and_line_in_order(desk: Desk, workshop: Workshop) -> None:
    first, second, third = (stock(workshop, "a") for _ in range(3))
    alone = stock(workshop, 5, fold=False)
    found = json.loads(desk("lock", "list", "-o", "json").out)
    assert [lock["key"] for lock in found] == ["a", 5]
    lines = [(lock["holder"]["sagaId"], [each["sagaId"] for each in lock["queue"]]) for lock in found]
    assert lines == [(first, [second, third]), (alone, [])]
    fences = [lock["holder"]["fence"] for lock in found]
    assert fences == sorted(fences)
    assert found[0]["queue"][0]["state"] == "WAITING"


def test_as_text(desk: Desk, workshop: Workshop) -> None:
    first, second = stock(workshop, "a"), stock(workshop, "a")
    head, *lines = [line.split() for line in desk("lock", "list").out.splitlines()]
    assert head[:3] == ["KEY", "PLACE", "SAGA"]
    assert [line[:4] for line in lines] == [
        ['"a"', "holds", first, "shop.stock.v1"],
        ['"a"', "waits", "1", second],
    ]


def test_no_lock_is_an_empty_list(desk: Desk) -> None:
    assert desk("lock", "list", "-o", "json").out == "[]\n"
    assert desk("lock", "list").err == "no run holds a lock or waits for one\n"


@pytest.mark.parametrize(("key", "typed"), [("a", "a"), ("a", '"a"'), (5, "5"), ("5", '"5"'), ([1, "x"], '[1, "x"]')])
def test_a_lock_is_taken_by_its_key(desk: Desk, workshop: Workshop, key: object, typed: str) -> None:
    holder, next_ = stock(workshop, key), stock(workshop, key)
    ended = desk("lock", "release", typed, "--note", "it is dead", "--actor", "ann")
    assert (ended.code, ended.out.split()[:2]) == (0, [holder, "shop.stock.v1"])
    told = workshop.data(f"run/{holder}", "saga.lock.released")
    assert (told["actor"], told["note"], json.loads(told["key"])) == ("ann", "it is dead", key)
    (lock,) = json.loads(desk("lock", "list", "-o", "json").out)
    line = [lock["holder"] and lock["holder"]["sagaId"], [each["sagaId"] for each in lock["queue"]]]
    assert line == ([next_, []] if desk.beside_up else [None, [next_]])


def test_the_number_5_is_not_the_text_5(desk: Desk, workshop: Workshop) -> None:
    stock(workshop, "5")
    said = desk.refuses("lock", "release", "5", "--note", "x")
    assert "error: no run holds the lock 5" in said
    assert """is typed with its quotes: '"5"'""" in said


@pytest.mark.parametrize("key", ["b", "NaN", "", "{", "1e999", "123456789012345678901234567890"])
def test_what_nobody_holds_is_refused(desk: Desk, workshop: Workshop, key: str) -> None:
    stock(workshop, "a")
    assert "error: no run holds the lock" in desk.refuses("lock", "release", key, "--note", "x")


def test_a_run_that_has_ended_holds_nothing(desk: Desk, workshop: Workshop) -> None:
    workshop.run("shop.stock.v1", n="a", count=OK)
    assert json.loads(desk("lock", "list", "-o", "json").out) == []
    assert "no run holds the lock" in desk.refuses("lock", "release", "a", "--note", "x")


def test_it_needs_a_note_and_is_taken_once(desk: Desk, workshop: Workshop) -> None:
    stock(workshop, "a")
    assert "release needs a note" in desk.refuses("lock", "release", "a", "--note", "")
    assert "Missing option '--note'" in desk.refuses("lock", "release", "a", code=2)
    desk("lock", "release", "a", "--note", "x")
    assert "no run holds the lock" in desk.refuses("lock", "release", "a", "--note", "x")


def test_the_server_elsewhere_says_the_same(
    orch: Run, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stock(workshop, "5")
    here = orch("lock", "list", "-o", "json").out
    with workshop.up() as url:
        monkeypatch.setenv("HMS_URL", url)
        monkeypatch.chdir(tmp_path)
        assert orch("lock", "list", "-o", "json").out == here
        assert orch("lock", "release", "5", "--note", "x").code == 1
        assert orch("lock", "release", '"5"', "--note", "x").code == 0
