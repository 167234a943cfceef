"""hitl list, show, decide: alone with the store and beside `up`; each decision once, and what is refused."""

import json
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.ports.store import Append, NewEvent
from hms_orch_cli.saga.state import Phase, Status
from tests.cli.conftest import Desk, Run
from tests.cli.workshop import APPROVAL, HOLDS, NO, OK, ORDER, Workshop

STUCK = {"pay": OK, "ship": NO, "undo_pay": NO}


@pytest.fixture
def stuck(workshop: Workshop) -> str:
    """A run whose undo was refused; its item is the first."""
    workshop.deploy(ORDER)
    return workshop.run(**STUCK)


@pytest.fixture
def held(workshop: Workshop) -> str:
    """A run that asks before it turns back."""
    workshop.deploy(HOLDS)
    return workshop.run(pay=OK, ship=NO)


@pytest.fixture
def asked(workshop: Workshop) -> str:
    """A run that waits for an approval."""
    workshop.deploy(APPROVAL)
    return workshop.run("shop.refund.v1", reserve=OK)


def about_the_definition(workshop: Workshop) -> str:
    """An item about a definition, as `up` queues it."""
    data = {"id": "shop.order.v1.1", "kind": "failures", "saga": "shop.order.v1", "reason": "3 runs in a row"}
    text = orjson.dumps({**data, "decisions": ["done"]}).decode()
    event = NewEvent("hitl/shop.order.v1.1", "hms-orch", "hitl.queued", "2026-01-01T00:00:00.000Z", text)
    with SqliteStore(workshop.path) as store:
        store.append([Append("hitl/shop.order.v1", [event], 0)])
    return "shop.order.v1.1"


class TestList:
    def test_it_is_what_the_contract_says_and_when_it_expires(self, desk: Desk, workshop: Workshop, stuck: str) -> None:
        workshop.deploy(APPROVAL)
        asked = workshop.run("shop.refund.v1", reserve=OK)
        first, second = json.loads(desk("hitl", "list", "-o", "json").out)
        assert first == {
            "id": f"{stuck}.1",
            "kind": "undo",
            "sagaId": stuck,
            "saga": "shop.order.v1",
            "step": "pay",
            "reason": "undo of pay: 422 no room",
            "since": first["since"],
            "expiresAt": None,
            "decisions": ["retry", "undone", "abandon"],
        }
        about = {"id": f"{asked}.1", "kind": "approval", "step": "second_eyes", "reason": "Pay?"}
        assert {**second, **about, "decisions": ["approve", "reject"]} == second
        waits = datetime.fromisoformat(second["expiresAt"]) - datetime.fromisoformat(second["since"])
        assert waits.total_seconds() == 60

    def test_what_is_decided_or_about_a_definition(self, desk: Desk, workshop: Workshop, stuck: str) -> None:
        item = about_the_definition(workshop)
        desk("hitl", "decide", f"{stuck}.1", "undone", "--note", "by hand")
        (left,) = json.loads(desk("hitl", "list", "-o", "json").out)
        assert (left["id"], left["sagaId"], left["step"], left["kind"]) == (item, None, None, "failures")

    def test_as_text(self, desk: Desk, held: str) -> None:
        head, line = desk("hitl", "list").out.splitlines()
        assert head.split() == ["ID", "KIND", "SAGA", "STEP", "SINCE", "DECISIONS", "REASON"]
        assert line.startswith(f"{held}.1  hold  shop.order.v1  ship  ")
        assert line.endswith("retry done skip compensate  ship: 422 no room")

    def test_nothing_open_is_an_empty_list(self, desk: Desk, workshop: Workshop) -> None:
        workshop.deploy(ORDER)
        assert desk("hitl", "list", "-o", "json").out == "[]\n"
        ended = desk("hitl", "list")
        assert (ended.code, ended.out, ended.err) == (0, "", "nobody is asked anything\n")


class TestShow:
    def test_an_open_item_says_how_it_is_decided(self, desk: Desk, held: str) -> None:
        shown = desk("hitl", "show", f"{held}.1").out
        assert shown.splitlines()[0] == f"{held}.1  hold  open"
        for word in ("retry", "done", "skip", "compensate"):
            assert f"  hms-orch hitl decide {held}.1 {word} --note TEXT\n" in shown

    def test_a_decided_one_says_who_decided_what(self, desk: Desk, held: str) -> None:
        desk("hitl", "decide", f"{held}.1", "skip", "--note", "not needed", "--actor", "ann")
        found = json.loads(desk("hitl", "show", f"{held}.1", "-o", "json").out)
        told = {"state": "decided", "decision": "skip", "actor": "ann", "note": "not needed", "step": "ship"}
        assert {**found, **told} == found
        assert "hms-orch hitl decide" not in desk("hitl", "show", f"{held}.1").out

    def test_a_closed_one_says_why(self, desk: Desk, held: str) -> None:
        desk("cancel", held)
        found = json.loads(desk("hitl", "show", f"{held}.1", "-o", "json").out)
        assert (found["state"], found["note"]) == ("closed", "the run turned back")

    @pytest.mark.parametrize("item", ["nix", "nix.1", ""])
    def test_an_unknown_one_is_refused(self, desk: Desk, held: str, item: str) -> None:
        assert f"there is no item {item}" in desk.refuses("hitl", "show", item)
        assert "there is no item" in desk.refuses("hitl", "show", f"{held}.2")


class TestDecide:
    def test_it_applies_once_with_who_and_why(self, desk: Desk, workshop: Workshop, stuck: str) -> None:
        item = f"{stuck}.1"
        ended = desk("hitl", "decide", item, "undone", "--note", "by hand", "--actor", "ann")
        assert ended.code == 0
        assert ended.out.startswith(f"{stuck}  shop.order.v1  FAILED  ")
        told = workshop.data(f"run/{stuck}", "hitl.decided")
        assert (told["id"], told["decision"], told["actor"], told["note"]) == (item, "undone", "ann", "by hand")
        said = desk.refuses("hitl", "decide", item, "retry", "--note", "again", "--actor", "bob")
        assert f"item {item} is decided already: undone by ann, 20" in said

    @pytest.mark.parametrize("given", ["text", "file", "stdin"])
    def test_done_says_what_the_step_would_have_answered(
        self, desk: Desk, workshop: Workshop, held: str, given: str, shop: Path
    ) -> None:
        text = '{"no": 7}'
        (shop / "out.json").write_text(text)
        output = {"text": text, "file": "@out.json", "stdin": "-"}[given]
        stdin = {"stdin": text} if given == "stdin" else {}
        ended = desk("hitl", "decide", f"{held}.1", "done", "--note", "by hand", "--output", output, **stdin)
        assert ended.code == 0, ended
        run = workshop.state(held)
        assert (run.status, run.output_of("ship")) == (Status.COMPLETED, {"no": 7})

    def test_an_output_that_does_not_fit_the_step_is_refused(self, desk: Desk, held: str) -> None:
        said = desk.refuses("hitl", "decide", f"{held}.1", "done", "--note", "x", "--output", "{}")
        assert "the output does not fit step ship" in said

    def test_an_output_too_large_to_be_kept_is_refused(self, desk: Desk, workshop: Workshop) -> None:
        workshop.deploy(HOLDS.replace(", output: {no: response.no}", ""))
        run = workshop.run(pay=OK, ship=NO)
        large = json.dumps("x" * 65_536)
        said = desk.refuses("hitl", "decide", f"{run}.1", "done", "--note", "x", "--output", "-", stdin=large)
        assert "the output is too large for the log: it keeps 65536 bytes" in said
        ended = desk("hitl", "decide", f"{run}.1", "done", "--note", "x", "--output", json.dumps("x" * 65_534))
        assert ended.code == 0

    def test_an_output_goes_with_done_and_approve_alone(self, desk: Desk, held: str) -> None:
        said = desk.refuses("hitl", "decide", f"{held}.1", "skip", "--note", "x", "--output", "1")
        assert "'skip' takes no output" in said

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("{", "--output is not JSON"),
            ("NaN", "--output is not JSON"),
            ("@nix.json", "nix.json cannot be read: No such file"),
            ("@.", ". cannot be read"),
            ("@/dev/zero", "--output is over"),
            ("[" * 5_000, "--output is not JSON"),
            ("[" * 500 + "]" * 500, "--output nests deeper than 100 levels"),
            ('"\udcff"', "--output is not JSON"),
        ],
    )
    def test_what_is_no_output_is_wrong_usage(self, desk: Desk, held: str, given: str, said: str) -> None:
        assert said in desk.refuses("hitl", "decide", f"{held}.1", "done", "--note", "x", "--output", given, code=2)

    def test_a_word_of_no_kind_is_wrong_usage_and_of_another_kind_is_refused(self, desk: Desk, held: str) -> None:
        said = desk.refuses("hitl", "decide", f"{held}.1", "yes", "--note", "x", code=2)
        assert "'yes' is no decision" in said
        assert "known are retry, undone, abandon, done" in said
        said = desk.refuses("hitl", "decide", f"{held}.1", "approve", "--note", "x")
        assert "'approve' cannot be decided here; choose retry or done or skip or compensate" in said

    def test_it_needs_a_note(self, desk: Desk, held: str) -> None:
        assert "decide needs a note" in desk.refuses("hitl", "decide", f"{held}.1", "skip", "--note", " ")
        assert "Missing option '--note'" in desk.refuses("hitl", "decide", f"{held}.1", "skip", code=2)

    @pytest.mark.parametrize("item", ["nix.1", "nix", "a?b.1", "..", "."])
    def test_an_unknown_item_is_refused(self, desk: Desk, held: str, item: str) -> None:
        assert "there is no item" in desk.refuses("hitl", "decide", item, "skip", "--note", "x")
        assert "there is no item" in desk.refuses("hitl", "decide", f"{held}.2", "skip", "--note", "x")

    def test_a_closed_item_is_refused(self, desk: Desk, held: str) -> None:
        desk("cancel", held)
        said = desk.refuses("hitl", "decide", f"{held}.1", "retry", "--note", "x")
        assert f"item {held}.1 is closed: the run turned back" in said

    def test_an_approval_is_answered_with_the_decision_itself(self, desk: Desk, workshop: Workshop, asked: str) -> None:
        desk("hitl", "decide", f"{asked}.1", "approve", "--note", "fine", "--actor", "ann")
        run = workshop.state(asked)
        assert run.calls["second_eyes"].phase is Phase.SUCCEEDED
        assert run.output_of("second_eyes") == {"decision": "approve", "actor": "ann", "note": "fine"}

    def test_a_rejection_turns_the_run_back(self, desk: Desk, workshop: Workshop, asked: str) -> None:
        desk("hitl", "decide", f"{asked}.1", "reject", "--note", "too much", "--actor", "ann")
        assert workshop.state(asked).reason == "second_eyes: rejected by ann: too much"

    def test_an_item_about_a_definition_is_done_once(self, desk: Desk, workshop: Workshop, stuck: str) -> None:
        item = about_the_definition(workshop)
        said = desk.refuses("hitl", "decide", item, "retry", "--note", "x")
        assert "'retry' cannot be decided here" in said
        ended = desk("hitl", "decide", item, "done", "--note", "it was the gateway", "--actor", "ann")
        assert (ended.code, ended.out, ended.err) == (0, f"{item}  done\n", "")
        assert workshop.data("hitl/shop.order.v1", "hitl.decided")["note"] == "it was the gateway"
        said = desk.refuses("hitl", "decide", item, "done", "--note", "x")
        assert f"item {item} is decided already: done by ann, " in said
        said = desk.refuses("hitl", "decide", "shop.order.v1.9", "done", "--note", "x")
        assert "there is no item shop.order.v1.9" in said


def test_an_expired_approval_is_refused_though_nobody_ran_up_since(orch: Run, workshop: Workshop) -> None:
    """Alone: an `up` would have closed it."""
    workshop.deploy(APPROVAL)
    run = workshop.run("shop.refund.v1", at=1_767_225_600_000, reserve=OK)
    before = workshop.last_seq()
    for decision in ("approve", "reject"):
        ended = orch("hitl", "decide", f"{run}.1", decision, "--note", "late")
        assert (ended.code, ended.out) == (1, "")
        assert f"error: item {run}.1 has expired, it can no longer be decided" in ended.err
    assert workshop.last_seq() == before


def test_the_server_elsewhere_says_the_same(
    orch: Run, workshop: Workshop, held: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = [orch(*words).out for words in (("hitl", "list", "-o", "json"), ("hitl", "show", f"{held}.1", "-o", "json"))]
    with workshop.up() as url:
        monkeypatch.setenv("HMS_URL", url)
        monkeypatch.chdir(tmp_path)
        assert orch("hitl", "list", "-o", "json").out == here[0]
        assert orch("hitl", "show", f"{held}.1", "-o", "json").out == here[1]
        assert orch("hitl", "show", "nix.1").err.startswith("error: there is no item nix.1\nhint: ")
        assert orch("hitl", "decide", f"{held}.1", "skip", "--note", "x").code == 0
