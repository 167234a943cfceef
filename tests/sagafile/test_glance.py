"""The first look never says yes where jsonschema says no."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hms_orch_cli.sagafile.glance import look_for
from hms_orch_cli.sagafile.schema import schema_text

SCHEMA: dict[str, Any] = json.loads(schema_text())
VALIDATOR = Draft202012Validator(SCHEMA)
is_surely_valid = look_for(SCHEMA)
BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))
SEED = Path(__file__).parents[2] / "sagas" / "benefit-increase.yaml"

SAGA: dict[str, Any] = {
    "id": "a.b",
    "trigger": ["t", "u"],
    "filter": "true",
    "deadlineMs": 1000,
    "retry": {"attempts": 2, "factor": 1.5, "jitter": 0, "budgetMs": 10},
    "steps": [
        {
            "name": "one",
            "call": "svc:/a",
            "compensate": {"service": "svc", "path": "/u", "outcomes": {"409": "success"}},
        },
        {
            "parallel": True,
            "onSiblingFailure": "cancel",
            "steps": [
                {"name": "two", "call": {"service": "svc", "path": "/b", "headers": {"X-A": "b"}, "query": {"q": 1}}},
                {"steps": [{"name": "three", "call": "svc:/c", "output": {"n": "response.n"}, "redact": ["a.b"]}]},
            ],
        },
    ],
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.sampled_from(["", "a", "svc:/x", "event"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "call", "steps", "x"]), inner),
    max_leaves=4,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, part in inner for each in paths(part, (*path, key)))]


def test_it_knows_the_seed_and_a_saga_with_nearly_every_key() -> None:
    assert is_surely_valid(yaml.safe_load(SEED.read_text()))
    assert VALIDATOR.is_valid(SAGA)
    assert is_surely_valid(SAGA)


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_it_takes_no_broken_file_for_valid(file: Path) -> None:
    try:
        document = yaml.safe_load(file.read_bytes())
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    if is_surely_valid(document):
        assert VALIDATOR.is_valid(document)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_change_that_jsonschema_refuses_is_not_waved_through(data: st.DataObject) -> None:
    document = json.loads(json.dumps(SAGA))
    path = data.draw(st.sampled_from([each for each in paths(document) if each]))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    how = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if how == "remove":
        del holder[path[-1]]
    elif how == "add" and isinstance(holder[path[-1]], dict):
        holder[path[-1]][data.draw(st.sampled_from(["parallel", "when", "extra", "timeoutMs"]))] = data.draw(JSON)
    else:
        holder[path[-1]] = data.draw(JSON)
    if is_surely_valid(document):
        assert VALIDATOR.is_valid(document)


def test_a_keyword_that_it_does_not_know_is_never_taken_for_fulfilled() -> None:
    assert not look_for({"minProperties": 1})({"a": 1})
    assert not look_for({"format": "date"})("a")
    assert not look_for({"multipleOf": 1})(1)
    assert not look_for({"uniqueItems": True})([1])
