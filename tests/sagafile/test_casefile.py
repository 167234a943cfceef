"""Files of saga tests: their schema, what their rules need of the sagas, and files of any shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hms_orch_cli.errors import NotFound
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.casefile import case_file_of, check_cases, saga_files
from hms_orch_cli.sagafile.check import Checked
from hms_orch_cli.sagafile.glance import look_for
from hms_orch_cli.sagafile.named_sagas import NamedSagas, Read
from hms_orch_cli.sagafile.project import check_files
from hms_orch_cli.sagafile.schema import TESTS, schema_text
from tests.documents import ROOT
from tests.sagafile.test_schema import properties

SCHEMA = json.loads(schema_text(TESTS))
PROPERTIES = dict(properties(SCHEMA))
CEL = CelExpressions()
ORDER = b'id: o\ntrigger: t\nsteps: [{name: pay, call: "a:/", irreversible: true}]\n'


def not_there(name: str) -> bytes:
    raise NotFound("no such file")


def checked(text: str | bytes, read: Read | None = lambda name: ORDER) -> Checked:
    data = text.encode() if isinstance(text, str) else text
    return check_cases(data, "o.test.yaml", NamedSagas(CEL, read)).checked


def rules(text: str | bytes, read: Read | None = lambda name: ORDER) -> list[str]:
    return [finding.rule for finding in checked(text, read).findings]


# -- the schema


def test_the_schema_is_valid_draft_2020_12() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_key_says_what_it_means_and_shows_how_it_is_written(name: str) -> None:
    assert len(PROPERTIES[name]["description"]) > 10
    assert PROPERTIES[name]["examples"]


@pytest.mark.parametrize("name", PROPERTIES)
def test_defaults_and_examples_are_valid(name: str) -> None:
    key = PROPERTIES[name]
    validator = Draft202012Validator({**key, "$defs": SCHEMA["$defs"]})
    for value in [*key["examples"], *([key["default"]] if "default" in key else ())]:
        assert list(validator.iter_errors(value)) == [], value


def test_no_key_is_let_in_that_the_schema_does_not_name() -> None:
    for name, part in [("#", SCHEMA), *SCHEMA["$defs"].items()]:
        if "properties" in part:
            assert part["additionalProperties"] is False, name


@pytest.mark.parametrize("file", sorted((ROOT / "sagas").glob("*.test.yaml")), ids=lambda file: file.stem)
def test_a_first_look_is_enough_for_the_examples(file: Any) -> None:
    """They need no jsonschema, which would cost more than all of their tests."""
    assert look_for(SCHEMA)(yaml.safe_load(file.read_bytes()))


# -- which sagas


@pytest.mark.parametrize(
    ("name", "written", "files"),
    [
        ("o.test.yaml", {}, ["o.yaml"]),
        ("a/b/o.test.yml", {}, ["a/b/o.yml"]),
        ("a/o.test.yaml", {"saga": "p.yaml"}, ["a/p.yaml"]),
        ("a/o.test.yaml", {"saga": "../p.yaml"}, ["p.yaml"]),
        ("o.test.yaml", {"saga": ["./p.yaml", "c/q.yaml"]}, ["p.yaml", "c/q.yaml"]),
        ("o.test.yaml", {"saga": 5}, []),
        ("o.test.yaml", [], ["o.yaml"]),
    ],
)
def test_a_saga_file_stands_beside_its_tests_or_where_they_say(name: str, written: Any, files: list[str]) -> None:
    assert [file for file, _ in saga_files(name, written)] == files


@pytest.mark.parametrize("name", ["o.yaml", "a/o.yml", "a.b/o.v1.yaml"])
def test_the_case_file_of_a_saga_file_lead_back_to_it(name: str) -> None:
    assert [file for file, _ in saga_files(case_file_of(name), {})] == [name]


CASE = "tests: [{name: a, expect: {state: FAILED}, given: {answers: {payy: 200}}}]"


def test_without_its_saga_a_file_is_checked_as_far_as_it_goes() -> None:
    assert rules(CASE) == ["HMS202"]
    assert rules(CASE, None) == []
    assert rules(CASE.replace("FAILED", "FALED"), None) == ["HMS013"]


def test_a_saga_that_cannot_be_used_is_told_of_at_the_place_that_names_it() -> None:
    (found,) = checked(f"saga: p.yaml\n{CASE}", not_there).findings
    assert (found.rule, found.message, found.line, found.column) == ("HMS201", "no such file", 1, 7)
    (found,) = checked(CASE, lambda name: ORDER.replace(b"trigger", b"triger")).findings
    assert (found.rule, found.message) == ("HMS201", "o.yaml is not valid: line 2, unknown key 'triger'")
    (found,) = checked("saga: [p.yaml, q.yaml]\n" + CASE, lambda name: ORDER if name == "p.yaml" else b"").findings
    assert (found.rule, found.pointer) == ("HMS201", "/saga/1")


def test_a_folder_is_checked_with_the_sagas_in_it() -> None:
    """In the order of the files. Others are read, if that is wanted."""
    files = [("s/o.test.yaml", CASE.encode()), ("s/o.yaml", ORDER), ("s/p.test.yaml", CASE.encode())]
    assert [(each.file, [finding.rule for finding in each.findings]) for each in check_files(files, CEL)] == [
        ("s/o.test.yaml", ["HMS202"]),
        ("s/o.yaml", []),
        ("s/p.test.yaml", []),
    ]
    read = {"s/p.yaml": ORDER.replace(b"pay", b"payy")}
    assert [each.findings for each in check_files(files, CEL, read=read.__getitem__)][2] == ()


def test_a_saga_among_the_files_that_is_not_valid_is_not_checked_twice() -> None:
    files = [("o.test.yaml", CASE.encode()), ("o.yaml", b"id: o\n")]
    tests, saga = check_files(files, CEL, read=not_there)
    assert [(finding.rule, finding.message) for finding in tests.findings] == [("HMS201", "o.yaml is not valid")]
    assert saga.findings


def test_a_comment_silences_a_warning_here_as_well() -> None:
    text = "tests:\n  - name: a\n    given: {event: {type: other}}\n    expect: {state: NONE}\n"
    assert rules(text) == ["HMS207"]
    assert rules(text.replace("other}}", "other}}  # hms-orch: ignore[unheard] that is the point")) == []


# -- files of any shape


TREES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 700), st.sampled_from(["pay", "pay.undo", "timeout", "approve"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(sorted({name.rpartition("/")[2] for name in PROPERTIES} | {"pay", "ship.check"})),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=25,
)


@given(TREES)
def test_whatever_a_file_holds_there_is_a_result(tree: Any) -> None:
    checked(yaml.safe_dump(tree))
    checked(yaml.safe_dump({"tests": [{"name": "a", "given": tree, "expect": tree}], "given": tree}))


@given(st.binary(max_size=200))
def test_whatever_bytes_a_file_holds_there_is_a_result(data: bytes) -> None:
    checked(data)
    checked(b"tests:\n- name: " + data)
