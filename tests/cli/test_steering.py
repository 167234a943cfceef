"""cancel, abandon, pause, resume, redrive: what they do, alone with the store and beside `up`, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hms_orch_cli.cli.redrive import paced
from tests.cli.conftest import Desk, Run
from tests.cli.workshop import HOLDS, LATER, NO, OK, ORDER, Workshop

OTHER_REVISION = ORDER.replace("pay-svc:/pay", "pay-svc:/pay2")
UNDONE = {"pay": OK, "ship": NO, "undo_pay": OK}
NOTHING_DONE = {"pay": NO}
STUCK = {"pay": OK, "ship": NO, "undo_pay": NO}


@pytest.fixture(autouse=True)
def deployed(workshop: Workshop) -> None:
    """A definition of two steps."""
    workshop.deploy(ORDER)


class TestCancel:
    def test_a_run_turns_back_and_says_who_wanted_it(self, desk: Desk, workshop: Workshop) -> None:
        run = workshop.run(pay=OK, ship=LATER)
        ended = desk("cancel", run, "--note", "entered twice", "--actor", "ann")
        assert (ended.code, ended.out) == (
            0,
            f"{run}  shop.order.v1  COMPENSATING  cancelled by ann: entered twice\n",
        )
        assert workshop.data(f"run/{run}", "saga.compensating")["actor"] == "ann"
        assert ("nobody runs sagas" in ended.err) is not desk.beside_up

    def test_a_run_that_has_done_nothing_ends_at_once(self, desk: Desk, workshop: Workshop) -> None:
        run = workshop.run(pay=LATER)
        ended = desk("cancel", run, "-o", "json")
        assert json.loads(ended.out)["state"] == "CANCELLED"
        assert workshop.told(run)[-1] == "saga.cancelled"

    @pytest.mark.parametrize(
        ("story", "state"),
        [({"pay": OK, "ship": OK}, "COMPLETED"), (UNDONE, "FAILED"), (STUCK, "STUCK")],
    )
    def test_what_has_turned_back_or_ended_is_refused(
        self, desk: Desk, workshop: Workshop, story: dict[str, object], state: str
    ) -> None:
        run = workshop.run(**story)
        said = desk.refuses("cancel", run)
        assert f"error: run {run} is {state}: only one that has not turned back can be cancelled" in said

    @pytest.mark.parametrize("verb", ["cancel", "abandon", "pause", "resume", "redrive", "explain"])
    def test_an_unknown_run_is_refused(self, desk: Desk, verb: str) -> None:
        note = ("--note", "x") if verb != "explain" else ()
        assert "error: there is no run nix" in desk.refuses(verb, "nix", *note)

    @pytest.mark.parametrize("verb", ["cancel", "abandon", "pause", "redrive"])
    def test_bytes_that_are_no_text_are_wrong_usage(self, desk: Desk, verb: str) -> None:
        assert "not UTF-8" in desk.refuses(verb, "a\udcff", "--note", "x", code=2)
        assert "not UTF-8" in desk.refuses(verb, "a", "--note", "\udcff", code=2)
        assert "not UTF-8" in desk.refuses(verb, "a", "--note", "x", "--actor", "\udcff", code=2)

    def test_where_nothing_ever_ran_nothing_is_made(
        self, orch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        empty = tmp_path / "empty"
        empty.mkdir()
        monkeypatch.chdir(empty)
        ended = orch("cancel", "nix")
        assert (ended.code, "there is no event store" in ended.err) == (1, True)
        assert list(empty.iterdir()) == []


class TestActor:
    def test_it_is_the_option_then_the_variable_then_the_user(
        self, desk: Desk, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from hms_orch_cli.config.environment import user

        monkeypatch.setenv("HMS_ACTOR", "night-shift")
        first, second, third = (workshop.run(pay=LATER) for _ in range(3))
        desk("pause", first, "--actor", "ann")
        desk("pause", second)
        monkeypatch.delenv("HMS_ACTOR")
        desk("pause", third)
        told = [workshop.data(f"run/{run}", "saga.paused")["actor"] for run in (first, second, third)]
        assert told == ["ann", "night-shift", user()]

    @pytest.mark.parametrize("actor", ["", "  ", "x" * 201])
    def test_one_that_is_empty_or_endless_is_wrong_usage(self, desk: Desk, workshop: Workshop, actor: str) -> None:
        run = workshop.run(pay=LATER)
        assert "the actor has" in desk.refuses("cancel", run, "--actor", actor, code=2)


class TestAbandon:
    def test_a_stuck_run_is_closed_without_a_call(self, desk: Desk, workshop: Workshop) -> None:
        run = workshop.run(**STUCK)
        ended = desk("abandon", run, "--note", "put right by hand", "--actor", "ann")
        assert (ended.code, ended.out) == (0, f"{run}  shop.order.v1  ABANDONED  put right by hand\n")
        assert workshop.told(run)[-2:] == ["hitl.closed", "saga.abandoned"]
        assert "has ended already, it is ABANDONED" in desk.refuses("abandon", run, "--note", "again")

    def test_it_needs_a_note(self, desk: Desk, workshop: Workshop) -> None:
        run = workshop.run(**STUCK)
        assert "Missing option '--note'" in desk.refuses("abandon", run, code=2)
        assert "abandon needs a note" in desk.refuses("abandon", run, "--note", "  ")


class TestPause:
    def test_a_run_is_paused_once_and_resumed_once(self, desk: Desk, workshop: Workshop) -> None:
        run = workshop.run(pay=OK, ship=LATER)
        assert desk("pause", run, "--note", "look first").out.startswith(f"{run}  shop.order.v1  PAUSED")
        assert workshop.state(run).paused
        assert f"run {run} is paused already" in desk.refuses("pause", run)
        assert json.loads(desk("resume", run, "-o", "json").out)["state"] != "PAUSED"
        assert not workshop.state(run).paused
        assert f"run {run} is not paused" in desk.refuses("resume", run)

    def test_an_ended_run_is_refused(self, desk: Desk, workshop: Workshop) -> None:
        assert "nothing moves that could be paused" in desk.refuses("pause", workshop.run(pay=OK, ship=OK))

    def test_a_definition_is_paused_once_and_resumed_once(self, desk: Desk, workshop: Workshop) -> None:
        ended = desk("pause", "--saga", "shop.order.v1", "--note", "down", "--actor", "ann")
        assert (ended.code, ended.out) == (0, "shop.order.v1  paused\n")
        told = workshop.data("pause/shop.order.v1", "saga.definition.paused")
        assert (told["actor"], told["note"]) == ("ann", "down")
        assert "is paused already" in desk.refuses("pause", "--saga", "shop.order.v1")
        ended = desk("resume", "--saga", "shop.order.v1", "-o", "json")
        assert json.loads(ended.out) == {"id": "shop.order.v1", "paused": False}
        assert "is not paused" in desk.refuses("resume", "--saga", "shop.order.v1")

    def test_an_unknown_definition_is_refused(self, desk: Desk) -> None:
        assert "no definition nix is deployed" in desk.refuses("pause", "--saga", "nix")
        assert "definition nix is not paused" in desk.refuses("resume", "--saga", "nix")

    @pytest.mark.parametrize("words", [(), ("x", "--saga", "y")])
    @pytest.mark.parametrize("verb", ["pause", "resume"])
    def test_it_takes_a_run_or_a_definition(self, desk: Desk, verb: str, words: tuple[str, ...]) -> None:
        assert f"{verb} takes one run or one definition" in desk.refuses(verb, *words, code=2)


class TestRedrive:
    def test_what_has_undone_nothing_goes_on_itself(self, desk: Desk, workshop: Workshop) -> None:
        run = workshop.run(**NOTHING_DONE)
        ended = desk("redrive", run, "--note", "the card is good now", "--actor", "ann")
        assert (ended.code, ended.out) == (0, f"{run}  goes on\n")
        assert workshop.data(f"run/{run}", "saga.redriven") == {
            **{"sagaId": run, "saga": "shop.order.v1", "actor": "ann", "note": "the card is good now"}
        }
        assert "only one that has ended without success can be redriven" in desk.refuses("redrive", run)

    def test_what_has_undone_something_is_started_anew_and_both_are_linked(
        self, desk: Desk, workshop: Workshop
    ) -> None:
        run = workshop.run(**UNDONE)
        (told,) = json.loads(desk("redrive", run, "-o", "json").out)
        anew = told["runId"]
        assert told == {"sagaId": run, "outcome": "restarted", "runId": anew, "reason": None, "hint": None}
        assert workshop.data(f"run/{anew}", "saga.started")["redriveOf"] == run
        assert f"  takes the place of run {run}\n" in desk("status", anew).out
        assert f"  replaced by run {anew}\n" in desk("status", run).out
        assert f"run {run} was started anew already, as {anew}" in desk.refuses("redrive", run)

    @pytest.mark.parametrize("story", [{"pay": OK, "ship": OK}, STUCK, {"pay": LATER}])
    def test_what_has_not_ended_without_success_is_refused(
        self, desk: Desk, workshop: Workshop, story: dict[str, object]
    ) -> None:
        said = desk.refuses("redrive", workshop.run(**story))
        assert "only one that has ended without success can be redriven" in said

    def test_another_revision_is_refused_until_it_is_kept(self, desk: Desk, workshop: Workshop) -> None:
        run = workshop.run(**NOTHING_DONE)
        revision = workshop.deploy(OTHER_REVISION)
        said = desk.refuses("redrive", run)
        assert f"shop.order.v1 has changed since: revision {revision[:12]} is deployed" in said
        assert "hint: --keep-revision lets it go on as it was" in said
        assert desk("redrive", run, "--keep-revision").out == f"{run}  goes on\n"
        assert workshop.state(run).saga.revision != revision

    def test_each_of_many_is_told_and_one_refusal_ends_with_1(self, desk: Desk, workshop: Workshop) -> None:
        first, second = workshop.run(**NOTHING_DONE), workshop.run(**UNDONE)
        done = workshop.run(pay=OK, ship=OK)
        ended = desk("redrive", first, done, second, first, "-o", "json")
        told = json.loads(ended.out)
        assert [(each["sagaId"], each["outcome"]) for each in told] == [
            (first, "continued"),
            (done, "refused"),
            (second, "restarted"),
        ]
        assert ended.code == 1
        assert "is COMPLETED" in told[1]["reason"]

    def test_runs_are_chosen_by_state_and_definition_the_oldest_first_and_each_once(
        self, desk: Desk, workshop: Workshop
    ) -> None:
        workshop.deploy(ORDER.replace("shop.order.v1", "other.v1"))
        workshop.run("other.v1", **NOTHING_DONE)
        first = workshop.run(**NOTHING_DONE)
        workshop.run(pay=OK, ship=OK)
        second = workshop.run(**UNDONE, fold=False)
        ended = desk("redrive", "--saga", "shop.order.v1", "--state", "FAILED,cancelled", "-o", "json")
        assert [each["sagaId"] for each in json.loads(ended.out)] == [first, second]
        again = desk("redrive", "--saga", "shop.order.v1", "--state", "failed")
        assert (again.code, again.out, again.err) == (0, "", "no run fits: nothing to redrive\n")

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ((), "nothing says which runs"),
            (("--saga", "shop.order.v1"), "nothing says which runs"),
            (("x", "--state", "failed"), "not both"),
            (("x", "--saga", "shop.order.v1"), "not both"),
            (("--state", "stuck"), "a run that is STUCK cannot be redriven"),
            (("--state", "nix"), "'nix' is no state of a run"),
            (("x", "--rate", "0"), "Invalid value for '--rate'"),
        ],
    )
    def test_many_need_an_explicit_choice(self, desk: Desk, words: tuple[str, ...], said: str) -> None:
        assert said in desk.refuses("redrive", *words, code=2)

    def test_a_rate_spreads_them_over_time(self) -> None:
        clock = [100.0]
        begun = [(clock[0], saga_id) for saga_id in paced(["a", "b", "c"], 2, lambda: clock[0], _sleep(clock))]
        assert begun == [(100.0, "a"), (100.5, "b"), (101.0, "c")]
        assert list(paced(["a", "b"], None, lambda: 0.0, _sleep(clock))) == ["a", "b"]
        assert clock == [101.0]


def _sleep(clock: list[float]) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        clock[0] += seconds

    return sleep


def test_a_held_run_can_be_cancelled_and_its_item_is_closed(desk: Desk, workshop: Workshop) -> None:
    workshop.deploy(HOLDS)
    run = workshop.run(pay=OK, ship=NO)
    desk("cancel", run)
    assert "hitl.closed" in workshop.told(run)


def test_the_server_elsewhere_does_the_same(
    orch: Run, workshop: Workshop, shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With HMS_URL, in a folder that has no store."""
    run, failed = workshop.run(pay=LATER), workshop.run(**NOTHING_DONE)
    with workshop.up() as url:
        monkeypatch.setenv("HMS_URL", url)
        monkeypatch.chdir(tmp_path)
        ended = orch("pause", run, "--actor", "ann")
        assert (ended.code, ended.err) == (0, "")
        assert orch("redrive", "--state", "failed").out == f"{failed}  goes on\n"
        assert orch("cancel", "nix").code == 1
    assert workshop.data(f"run/{run}", "saga.paused")["actor"] == "ann"
    assert not (tmp_path / ".hms").exists()
