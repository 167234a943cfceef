"""Facts as the log keeps them, and back."""

from __future__ import annotations

import json

import pytest

from hms_orch_cli.saga.encoding import from_data, to_data
from hms_orch_cli.saga.event_types import RUN_FACTS, TYPES
from hms_orch_cli.saga.events import RunFact
from hms_orch_cli.saga.reserved import is_reserved

from .facts import AT, SAMPLES, SPARSE


@pytest.mark.parametrize("fact", [*SAMPLES, *SPARSE], ids=lambda fact: TYPES[type(fact)])
def test_a_fact_comes_back_from_the_log_as_it_went_in(fact: RunFact) -> None:
    written = json.loads(json.dumps(to_data(fact, "run-1", "shop.order.v1")))
    assert from_data(TYPES[type(fact)], written, AT) == fact


@pytest.mark.parametrize("fact", [*SAMPLES, *SPARSE], ids=lambda fact: TYPES[type(fact)])
def test_data_names_the_run_and_leaves_out_what_is_not_there(fact: RunFact) -> None:
    written = to_data(fact, "run-1", "shop.order.v1")
    assert (written["sagaId"], written["saga"]) == ("run-1", "shop.order.v1")
    assert None not in written.values()
    assert "at" not in written, "the time of a fact is the time of its event"
    assert all(name == name[:1].lower() + name[1:] and "_" not in name for name in written)


def test_every_kind_of_fact_is_among_the_samples() -> None:
    assert {type(fact) for fact in SAMPLES} == set(RUN_FACTS.values())


def test_an_undo_travels_as_the_contract_says() -> None:
    (sample,) = [fact for fact in SAMPLES if TYPES[type(fact)] == "saga.compensate"]
    written = to_data(sample, "run-1", "shop.order.v1")
    assert written["step"] == {"name": "pay", "context": {"id": 1, "parts": [1, 2.5, None, True, "ü"]}}
    assert (written["mode"], written["key"]) == ("http", "run-1:pay:compensate")


def test_a_type_that_is_no_fact_of_a_run_is_refused() -> None:
    for kind in ("saga.deployed", "policy.changed"):
        with pytest.raises(KeyError):
            from_data(kind, {}, AT)


def test_the_orchestrators_own_types_are_reserved() -> None:
    assert all(is_reserved(name) for name in (*RUN_FACTS, "saga.deployed", "hitl.queued", "saga."))
    assert not any(is_reserved(name) for name in ("policy.changed", "sagas.x", "saga", "my.saga.x", "Saga.x"))
