"""plan: the calls that an undo would make, in order, side by side marked; none is made, nothing is written."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Desk, Run
from tests.cli.workshop import LATER, NO, OK, ORDER, Workshop

SIDE_BY_SIDE = """\
id: shop.trip.v1
trigger: trip.wanted
steps:
  - {name: open, call: "trip-svc:/open", compensate: "trip-svc:/close"}
  - parallel: true
    steps:
      - name: hotel
        call: hotel-svc:/book
        compensate:
          {service: hotel-svc, path: "/${data.n}/free", method: PUT, query: {a: "1"}, body: {no: "${context.hotel.no}"}}
      - {name: car, call: "car-svc:/book", compensate: event}
  - {name: pay, call: "pay-svc:/pay", compensate: "pay-svc:/refund"}
"""


@pytest.fixture
def trip(workshop: Workshop) -> str:
    """A run that pauses before its last step."""
    workshop.deploy(SIDE_BY_SIDE)
    return workshop.run("shop.trip.v1", open=OK, hotel=OK, car=OK, pay=LATER)


def test_the_calls_of_a_cancel_in_reverse_and_side_by_side(desk: Desk, workshop: Workshop, trip: str) -> None:
    desk.open()
    before = workshop.last_seq()
    planned = json.loads(desk("plan", trip, "--cancel", "-o", "json").out)
    calls = [call for call in planned if call["certain"]]  # beside `up` the last step may be in flight by now
    order = [(call["step"], call["mode"], call["key"]) for call in calls]
    assert order == [
        ("hotel", "http", f"{trip}:hotel:compensate"),
        ("car", "event", f"{trip}:car:compensate"),
        ("open", "http", f"{trip}:open:compensate"),
    ]
    assert calls[0]["order"] == calls[1]["order"] == calls[2]["order"] - 1
    hotel = {"service": "hotel-svc", "method": "PUT", "path": "/1/free", "query": {"a": "1"}, "body": {"no": 7}}
    assert {**calls[0], **hotel} == calls[0]
    assert calls[2]["body"]["result"] == {"no": 7}
    assert workshop.last_seq() == before


def test_as_text(orch: Run, trip: str) -> None:
    ended = orch("plan", trip, "--cancel")
    heads = [line for line in ended.out.splitlines() if not line.startswith("      ")]
    assert heads == [
        "1 ║  hotel  PUT hotel-svc:/1/free?a=1",
        "1 ║  car  saga.compensate, to be acknowledged",
        "2    open  POST trip-svc:/close",
    ]
    assert '      {"no": 7}\n' in ended.out
    assert (ended.code, ended.err) == (0, "")


def test_what_is_in_flight_is_in_doubt(orch: Run, workshop: Workshop) -> None:
    workshop.deploy(ORDER)
    run = workshop.run()
    (call,) = json.loads(orch("plan", run, "--cancel", "-o", "json").out)
    assert (call["step"], call["certain"]) == ("pay", False)
    assert orch("plan", run, "--cancel").out.startswith("1  ? pay  POST pay-svc:/refund\n")


def test_a_step_that_is_refused_is_not_undone_and_what_came_before_is(orch: Run, workshop: Workshop) -> None:
    workshop.deploy(ORDER)
    run = workshop.run()
    calls = json.loads(orch("plan", run, "--fail-at", "ship", "-o", "json").out)
    assert [(call["step"], call["certain"]) for call in calls] == [("pay", True)]
    ended = orch("plan", run, "--fail-at", "pay")
    assert (ended.code, ended.out, ended.err) == (0, "", "nothing has to be undone\n")


def test_an_output_that_is_not_known_yet_is_told(orch: Run, workshop: Workshop) -> None:
    workshop.deploy(SIDE_BY_SIDE)
    run = workshop.run("shop.trip.v1")
    assert "      cannot be filled in: " in orch("plan", run, "--fail-at", "pay").out


@pytest.mark.parametrize("words", [(), ("--cancel", "--fail-at", "pay"), ("--fail-at", "")])
def test_it_takes_one_of_both(desk: Desk, trip: str, words: tuple[str, ...]) -> None:
    assert "plan takes --cancel or --fail-at STEP" in desk.refuses("plan", trip, *words, code=2)


def test_what_has_turned_back_is_refused(desk: Desk, workshop: Workshop) -> None:
    workshop.deploy(ORDER)
    run = workshop.run(pay=NO)
    assert f"run {run} is FAILED" in desk.refuses("plan", run, "--cancel")


def test_an_unknown_run_or_step_and_one_that_is_done_are_refused(desk: Desk, trip: str) -> None:
    assert "there is no run nix" in desk.refuses("plan", "nix", "--cancel")
    said = desk.refuses("plan", trip, "--fail-at", "nix")
    assert f"run {trip} has no step nix\nhint: its steps are open, hotel, car, pay" in said
    assert "step open is done already" in desk.refuses("plan", trip, "--fail-at", "open")


def test_the_server_elsewhere_says_the_same(
    orch: Run, workshop: Workshop, trip: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = orch("plan", trip, "--fail-at", "pay").out
    with workshop.up() as url:
        monkeypatch.setenv("HMS_URL", url)
        monkeypatch.chdir(tmp_path)
        assert orch("plan", trip, "--fail-at", "pay").out == here
        assert orch("plan", "nix", "--cancel").code == 1
