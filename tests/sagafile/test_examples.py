"""The saga files under sagas/: right, each about one feature, and together about every key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.check import check
from hms_orch_cli.sagafile.places import steps_of
from tests.documents import SAGAS, document, rows, section, words
from tests.sagafile.test_schema import CONTRACT, SCHEMA

OF_THE_USER = ("headers", "query", "body", "output", "outcomes")
"""Maps whose keys are not the language's."""


def contents() -> list[dict[str, Any]]:
    return [
        document.content for file in SAGAS for document in check(file.read_bytes(), "x", CelExpressions()).documents
    ]


def keys(value: Any) -> Iterator[str]:
    """Every key of the language in a saga."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            if key not in OF_THE_USER:
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


@pytest.mark.parametrize("file", SAGAS, ids=lambda file: file.stem)
def test_an_example_is_right(file: Any) -> None:
    """But for its services, which are in no address book here."""
    checked = check(file.read_bytes(), file.name, CelExpressions(), services={})

    assert [document.saga.id for document in checked.documents]
    assert {finding.rule for finding in checked.findings} == {"HMS042"}


def test_every_key_of_the_language_is_in_an_example() -> None:
    assert {key for content in contents() for key in keys(content)} == set(CONTRACT)


@pytest.mark.parametrize("part", ["lock", "await", "approval"])
def test_each_wait_is_shown_with_all_its_keys(part: str) -> None:
    steps = [step for content in contents() for _, step in steps_of(content["steps"], ())]
    shown = [whole[part] for whole in [*contents(), *steps] if part in whole]

    assert {key for each in shown for key in each} == set(SCHEMA["$defs"][part]["properties"])


def test_an_undo_by_event_is_shown_in_both_forms() -> None:
    undos = [step.get("compensate") for content in contents() for _, step in steps_of(content["steps"], ())]

    assert "event" in undos
    assert {"event", "retry", "timeoutMs"} in [set(undo) for undo in undos if isinstance(undo, Mapping)]


@pytest.mark.parametrize("file", SAGAS, ids=lambda file: file.stem)
def test_an_example_is_linked_from_the_page_on_the_language(file: Any) -> None:
    assert f"(../sagas/{file.name})" in document("language.md")


def test_the_page_on_the_language_tells_of_every_key() -> None:
    """In code: a table's first cell, or an example."""
    page = document("language.md")
    code = "\n".join(
        [*re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE), *re.findall(r"`([^`\n]+)`", page)]
    )

    assert [key for key in CONTRACT if not re.search(rf"\b{key}\b", code)] == []


@pytest.mark.parametrize("part", ["lock", "await", "approval", "undoByEvent"])
def test_the_tables_of_the_waits_have_their_keys_and_defaults(part: str) -> None:
    page = document("language.md")
    heading = {"lock": "Locks", "await": "Waiting for an event", "approval": "Waiting for a person"}
    table = {words(row[0])[0]: row[2] for row in rows(section(page, f"## {heading.get(part, 'Undo by event')}"))}
    schema = SCHEMA["$defs"][part]

    assert set(table) == set(schema["properties"])
    assert {key for key, default in table.items() if default == "required"} == set(schema["required"])
    for key, told in schema["properties"].items():
        if "default" in told:
            assert words(table[key]) == [told["default"]]
