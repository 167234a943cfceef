"""What `on` notes, and which events a subscriber wants."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hms_orch_cli.sdk import Event, Undo, on
from hms_orch_cli.sdk.events import event_of
from hms_orch_cli.sdk.subscribers import SUBSCRIBERS

DATA = {"sagaId": "r", "saga": "a.v1", "step": {"name": "ship", "context": {"n": 1}}, "key": "k", "attempt": 2}


def event(kind: str = "saga.compensate", **data: Any) -> Event:
    """As it comes from the log."""
    told = {"seq": 4, "id": "r.4", "source": "hms-orch", "type": kind, "time": "2026-11-23T14:58:19Z", "data": data}
    return event_of(json.dumps(told))


def test_an_undo_has_its_step() -> None:
    undo = event(**DATA, mode="event")
    assert isinstance(undo, Undo)
    assert (undo.step.name, undo.step.context, undo.saga_id, undo.saga) == ("ship", {"n": 1}, "r", "a.v1")
    assert (undo.key, undo.attempt, undo.mode, undo.seq, undo.id) == ("k", 2, "event", 4, "r.4")
    unknown = event(**{**DATA, "step": {"name": "ship"}}, mode="event")
    assert isinstance(unknown, Undo)
    assert unknown.step.context is None


def test_the_function_stays_what_it_was() -> None:
    def heard(ev: Event) -> int:
        return ev.seq

    assert on("a", "b")(heard) is heard
    (name,) = SUBSCRIBERS
    assert name == f"{__name__}.test_the_function_stays_what_it_was.heard"
    assert SUBSCRIBERS[name].kinds == ("a", "b")


@pytest.mark.parametrize(("options", "attempts"), [({}, 5), ({"attempts": 2}, 2)])
def test_an_undo_is_left_to_the_orchestrator_after_a_while(options: dict[str, int], attempts: int) -> None:
    on("saga.compensate", name="undo", **options)(print)
    on("policy.changed", name="all")(print)
    assert SUBSCRIBERS["undo"].attempts == attempts
    assert SUBSCRIBERS["all"].attempts is None


def test_two_of_one_name_would_share_a_position() -> None:
    on("a", name="one")(print)
    with pytest.raises(ValueError, match="'one' already"):
        on("b", name="one")(print)


@pytest.mark.parametrize("name", ["../up", ".hidden", "a/b", "a b", "a" * 129])
def test_a_name_is_the_name_of_a_file(name: str) -> None:
    with pytest.raises(ValueError, match="give name="):
        on("a", name=name)(print)


def test_what_has_no_name_needs_one() -> None:
    with pytest.raises(ValueError, match="give name="):
        on("a")(lambda ev: None)


@pytest.mark.parametrize("kinds", [(), ("",), (print,)])
def test_types_have_to_be_named(kinds: Any) -> None:
    with pytest.raises(ValueError, match="types of events"):
        on(*kinds)


@pytest.mark.parametrize(
    ("options", "mode", "wanted"),
    [
        ({}, "event", True),
        ({}, "http", False),
        ({"all_modes": True}, "http", True),
        ({"saga": "a.v1", "step": "ship"}, "event", True),
        ({"saga": "b.v1"}, "event", False),
        ({"step": "pay"}, "event", False),
    ],
)
def test_which_undos_are_heard(options: dict[str, Any], mode: str, wanted: bool) -> None:
    on("saga.compensate", name="one", **options)(print)
    assert SUBSCRIBERS["one"].wants(event(**DATA, mode=mode)) is wanted


@pytest.mark.parametrize("data", [None, 7, "step", [1], {"step": "ship"}])
def test_data_of_any_shape_is_looked_at(data: Any) -> None:
    on("a", name="all")(print)
    on("a", name="one", step="ship")(print)
    told = event_of(json.dumps({"seq": 1, "id": "1", "source": "s", "type": "a", "data": data}))
    assert SUBSCRIBERS["all"].wants(told)
    assert not SUBSCRIBERS["one"].wants(told)
