"""Completions of what is there, through the protocol of the shells: ids, names, states; quick, quiet and harmless."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from hms_orch_cli.cli import offers
from tests.cli.conftest import Desk, Run
from tests.cli.workshop import APPROVAL, LATER, LOCKED, NO, OK, ORDER, Workshop

Complete = Callable[[str], list[str]]


@pytest.fixture
def complete(run: Run, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """What bash is offered behind a line; the word that is being typed is its last one, empty behind a blank."""

    def offered(line: str) -> list[str]:
        program = line.split()[0]
        words = line.split() + [""] * line.endswith(" ")
        monkeypatch.setenv(f"_{program.upper().replace('-', '_')}_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        ended = run(program)
        assert (ended.code, ended.err) == (0, "")
        return ended.out.split()

    return offered


@pytest.fixture
def runs(workshop: Workshop) -> dict[str, str]:
    """One that waits, one that failed, one that is stuck; another waits for a person, and one holds a lock."""
    found: dict[str, str] = {}
    workshop.deploy(ORDER)
    found["waits"] = workshop.run(pay=LATER)
    found["failed"] = workshop.run(pay=OK, ship=NO, undo_pay=OK)
    found["stuck"] = workshop.run(pay=OK, ship=NO, undo_pay=NO)
    workshop.deploy(APPROVAL)
    found["asks"] = workshop.run("shop.refund.v1", reserve=OK)
    workshop.deploy(LOCKED)
    found["locks"] = workshop.run("shop.stock.v1", n="stock-7", count=LATER)
    return found


NEWEST = ("locks", "asks", "stuck", "failed", "waits")
UNFINISHED = ("locks", "asks", "stuck", "waits")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("hms-orch status ", NEWEST),
        ("hms-orch replay --saga ", NEWEST),
        ("hms-orch export --saga ", NEWEST),
        ("hms-orch explain ", UNFINISHED),
        ("hms-orch cancel ", UNFINISHED),
        ("hms-orch abandon ", UNFINISHED),
        ("hms-orch pause ", UNFINISHED),
        ("hms-orch resume ", UNFINISHED),
        ("hms-orch plan ", UNFINISHED),
        ("hms-orch redrive ", ("failed",)),
    ],
)
def test_runs(desk: Desk, runs: dict[str, str], complete: Complete, line: str, wanted: tuple[str, ...]) -> None:
    desk.open()
    assert complete(line) == [runs[name] for name in wanted]
    assert complete(f"{line}{runs['failed'][:14]}") == [runs["failed"]] * ("failed" in wanted)
    assert complete(f"{line}zzz") == []


def test_a_run_that_is_not_among_the_newest_is_found_by_its_beginning(
    workshop: Workshop, complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offers, "MOST", 2)
    workshop.deploy(ORDER)
    first, *_, last = (workshop.run(pay=LATER) for _ in range(5))
    assert len(complete("hms-orch status ")) == 2
    assert first not in complete("hms-orch status ")
    assert complete(f"hms-orch status {first[:13]}") == [first]
    assert complete(f"hms-orch status {last}") == [last]


DEFINITIONS = ["shop.order.v1", "shop.refund.v1", "shop.stock.v1"]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("hms-orch undeploy ", DEFINITIONS),
        ("hms-orch undeploy shop.r", ["shop.refund.v1"]),
        ("hms-orch status --saga ", DEFINITIONS),
        ("hms-orch pause --saga shop.s", ["shop.stock.v1"]),
        ("hms-orch resume --saga shop.s", ["shop.stock.v1"]),
        ("hms-orch redrive --state failed --saga shop.o", ["shop.order.v1"]),
        ("hms-orch graph shop.o", ["shop.order.v1"]),
        ("hms-orch publish ", ["order.placed", "refund.wanted", "stock.counted"]),
        ("hms-bus publish order", ["order.placed"]),
        ("hms-bus tail --type st", ["stock.counted"]),
        ("hms-orch lock release ", ["stock-7"]),
        ("hms-orch status --state st", ["stuck"]),
        ("hms-orch status --state stuck,f", ["stuck,failed"]),
        ("hms-orch status --fail-on pa", ["paused"]),
        ("hms-orch redrive --state ab", ["abandoned"]),
        ("hms-orch demo --fail se", ["send_notices"]),
    ],
)
def test_names(desk: Desk, runs: dict[str, str], complete: Complete, line: str, wanted: list[str]) -> None:
    desk.open()
    assert complete(line) == wanted


def test_what_follows_from_the_line(desk: Desk, runs: dict[str, str], complete: Complete) -> None:
    """Steps of the run, decisions of the item; a drawing is of a definition or of a run."""
    desk.open()
    assert complete(f"hms-orch plan {runs['stuck']} --fail-at ") == ["pay", "ship"]
    assert complete("hms-orch hitl show ") == [f"{runs['stuck']}.1", f"{runs['asks']}.1"]
    assert complete(f"hms-orch hitl decide {runs['asks'][:18]}") == [f"{runs['asks']}.1"]
    assert complete(f"hms-orch hitl decide {runs['asks']}.1 ") == ["approve", "reject"]
    assert complete(f"hms-orch hitl decide {runs['stuck']}.1 u") == ["undone"]
    assert complete("hms-orch graph ") == [*DEFINITIONS, *(runs[name] for name in NEWEST)]


def test_services(orch: Run, complete: Complete) -> None:
    orch("service", "set", "pay-svc", "http://127.0.0.1:1")
    orch("service", "set", "ship-svc", "http://127.0.0.1:2")
    assert complete("hms-orch service rm ") == ["pay-svc", "ship-svc"]
    assert complete("hms-orch service set s") == ["ship-svc"]


def test_a_server_is_asked_where_one_is_named(
    workshop: Workshop, runs: dict[str, str], complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workshop.up() as url:
        monkeypatch.setenv("HMS_URL", url)
        monkeypatch.setenv("HMS_STORE_URL", "sqlite:///elsewhere.db")
        assert complete("hms-orch redrive ") == [runs["failed"]]
        assert complete(f"hms-orch status {runs['asks'][:14]}") == [runs["asks"]]
        assert complete("hms-orch undeploy shop.o") == ["shop.order.v1"]
        assert complete("hms-orch lock release ") == ["stock-7"]
        assert complete(f"hms-orch plan {runs['stuck']} --fail-at ") == ["pay", "ship"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_what_it_is(
    orch: Run, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setenv("_HMS_ORCH_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "hms-orch redrive ")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    ended = orch()
    assert (ended.code, ended.err) == (0, "")
    assert runs["failed"] in ended.out
    assert "shop.order.v1 FAILED" in ended.out


class TestNothingIsWorthAnError:
    @pytest.mark.parametrize(
        "line", ["hms-orch status ", "hms-orch graph ", "hms-orch hitl decide x ", "hms-bus publish "]
    )
    def test_there_is_no_store(self, complete: Complete, shop: Path, line: str) -> None:
        assert complete(line) == []
        assert list(shop.iterdir()) == []

    def test_the_configuration_is_wrong(self, complete: Complete, shop: Path) -> None:
        (shop / "hms-orch.toml").write_text("[nonsense")
        assert complete("hms-orch status ") == complete("hms-orch service rm ") == []

    def test_the_store_is_something_else(self, complete: Complete, shop: Path) -> None:
        (shop / ".hms").mkdir()
        (shop / ".hms" / "events.db").write_bytes(b"x" * 5_000)
        assert complete("hms-orch status ") == []

    def test_nobody_answers_at_the_server(self, complete: Complete, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HMS_URL", "http://127.0.0.1:9")
        assert complete("hms-orch status ") == []

    def test_the_run_on_the_line_does_not_exist(self, complete: Complete, runs: dict[str, str]) -> None:
        assert complete("hms-orch plan nix --fail-at ") == []


def completed(look: offers.Look, incomplete: str = "") -> list[str]:
    """What a look offers."""
    context = typer.Context(typer.main.get_command(_app))
    return [word for word, _ in offers.offering(look)(context, incomplete)]


_app = typer.Typer()


@_app.command()
def _nothing() -> None: ...


def test_what_takes_too_long_offers_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "PATIENCE_S", 0.01)
    for_ever = threading.Event()

    def look(_: typer.Context, incomplete: str) -> Iterator[offers.Offer]:
        yield "first", ""
        for_ever.wait()

    assert completed(look) in ([], ["first"])
    for_ever.set()


def test_there_is_an_end_to_what_is_offered() -> None:
    assert len(completed(lambda *_: ((f"w{n}", "") for n in range(10**9)))) == offers.MOST


@pytest.mark.parametrize(
    "word",
    [
        "$(reboot)",
        "`id`",
        "a;b",
        "a b",
        'a"b',
        "a'b",
        "a|b",
        "a&b",
        "a\\b",
        "a\nb",
        "-rf",
        "a>b",
        "*",
        "~",
        "a:b",
        "\x1b[2J",
        "é",
        "",
    ],
)
def test_a_word_that_a_shell_could_read_as_more_is_not_offered(word: str) -> None:
    assert completed(lambda *_: [(word, ""), ("fine-1.2/x", "")]) == ["fine-1.2/x"]


@pytest.mark.parametrize(("key", "typed"), [("a", "a"), ("5", '"5"'), (5, "5"), ({"a": 1}, '{"a": 1}'), (True, "true")])
def test_a_lock_is_offered_as_it_is_typed(key: object, typed: str) -> None:
    assert offers._typed(key) == typed
