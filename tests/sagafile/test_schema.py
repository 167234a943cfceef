"""The published JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.check import check
from hms_orch_cli.sagafile.schema import schema_text

SCHEMA = json.loads(schema_text())


def properties(schema: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of the language, wherever the schema keeps it."""
    if isinstance(schema, dict):
        for name, member in schema.get("properties", {}).items() if isinstance(schema.get("properties"), dict) else ():
            yield f"{path}/{name}", member
        for name, member in schema.items():
            if name not in ("examples", "default", "const", "enum"):
                yield from properties(member, f"{path}/{name}")
    elif isinstance(schema, list):
        for index, member in enumerate(schema):
            yield from properties(member, f"{path}/{index}")


PROPERTIES = dict(properties(SCHEMA))


def test_the_schema_is_valid_draft_2020_12() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_key_says_what_it_means_and_shows_it(name: str) -> None:
    """Editors show the description while one types, and offer the examples."""
    assert len(PROPERTIES[name]["description"]) > 10
    assert PROPERTIES[name]["examples"]


@pytest.mark.parametrize("name", PROPERTIES)
def test_defaults_and_examples_are_valid(name: str) -> None:
    key = PROPERTIES[name]
    validator = Draft202012Validator({**key, "$defs": SCHEMA["$defs"]})

    for value in [*key.get("examples", ()), *([key["default"]] if "default" in key else ())]:
        assert list(validator.iter_errors(value)) == [], value


CONTRACT = (
    *("id", "trigger", "filter", "lock", "key", "onConflict", "waitMs", "deadlineMs", "retry", "attempts", "backoffMs"),
    *("factor", "maxBackoffMs", "jitter", "budgetMs", "timeoutMs", "onExhausted", "steps", "name", "call", "service"),
    *("path", "method", "headers", "body", "query", "compensate", "outcomes", "event", "check", "when", "summary"),
    *("output", "irreversible", "parallel", "onSiblingFailure", "await", "match", "approval", "prompt", "ttlMs"),
    *("onExpire", "hitlAfter", "redact"),
)


def test_every_key_of_the_contract_is_there() -> None:
    """The table of the contract, and nothing besides."""
    assert {name.rpartition("/")[2] for name in PROPERTIES} == set(CONTRACT)


def test_no_key_is_let_in_that_the_schema_does_not_name() -> None:
    """Maps of the language are closed; those of the user (headers, query, output, body) are open."""
    for name, part in [("#", SCHEMA), *SCHEMA["$defs"].items()]:
        if "properties" in part:
            assert part["additionalProperties"] is False, name


def test_a_last_new_line_does_not_slip_through_a_pattern() -> None:
    """`$` means the end of the text in JSON Schema, in Python's re also the place before a last new line."""
    data = b'id: "a\\n"\ntrigger: b\nsteps: [{name: "x\\n", call: a:/b}]\n'

    assert [finding.rule for finding in check(data, "x", CelExpressions()).findings] == ["HMS015", "HMS015"]
