"""Whatever the bytes: a result, never an exception."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hms_orch_cli.sagafile.schema import TESTS as TESTS_SCHEMA
from hms_orch_cli.sagafile.schema import schema_text
from hms_orch_cli.sagafile.source import MAX_BYTES
from tests.documents import ROOT
from tests.sagafile.any_input import MAX_EXPRESSION, check_expression, check_file
from tests.sagafile.broken_files import FOLDER

SCHEMA = json.loads(schema_text())
KEYS = sorted({key for part in [SCHEMA, *SCHEMA["$defs"].values()] for key in part.get("properties", ())})
WORDS = ["pay", "event", "GET", "POST", "a:/b", "a:/${data.x}", "${", "${}", "$${", "data.x == 1", "true", "saga.x"]
CORPUS = [path.read_bytes() for path in sorted(FOLDER.rglob("*.yaml"))]
TESTS = [path.read_bytes() for path in sorted((ROOT / "sagas").glob("*.test.yaml"))]
TEST_KEYS = sorted(
    {key for part in json.loads(schema_text(TESTS_SCHEMA))["$defs"].values() for key in part.get("properties", ())}
)
SIGNS = "ab:-[]{}\"'#&*!|>%@`?,\n\t \r0.$~<\\\u2028\x85é😀"
CEL = [
    *("data", ".a", "context.pay.id", "event.type", "secret.KEY", "saga.id", "has(", "[1, 2]", "{'a': 1}", ".all(x, "),
    *(
        ".map(y, ",
        "(",
        ")",
        "[",
        "]",
        "!",
        "-",
        " + ",
        " == ",
        " && ",
        " in ",
        " ? ",
        " : ",
        " / 0",
        "1",
        "1.5",
        "null",
    ),
    *("'x'", '"', "b'\\xff'"),
]

leaves = st.sampled_from(WORDS) | st.text(max_size=20) | st.integers() | st.floats() | st.booleans() | st.none()
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=40,
)
sagas = st.fixed_dictionaries(
    {"id": st.just("a"), "trigger": st.just("b") | values, "steps": st.lists(values, max_size=4) | values},
    optional={key: values for key in KEYS if key not in ("id", "trigger", "steps")},
)


@given(st.binary(max_size=3000))
@example(b"\xff" * MAX_BYTES)
@example(b"\x00" * (MAX_BYTES + 1))
@settings(max_examples=300, deadline=None)
def test_any_bytes_end_in_a_result(data: bytes) -> None:
    check_file(data)


@given(st.text(alphabet=st.sampled_from(SIGNS), max_size=400))
@settings(max_examples=600, deadline=None)
def test_any_yaml_like_text_ends_in_a_result(text: str) -> None:
    check_file(text.encode())


@given(sagas)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_saga_like_content_ends_in_a_result(content: Any) -> None:
    """JSON is YAML: whatever values stand under the language's own keys."""
    check_file(json.dumps(content).encode())


@given(st.sampled_from(CORPUS), st.sampled_from(CORPUS), st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_mixture_of_files_ends_in_a_result(first: bytes, second: bytes, draw: st.DataObject) -> None:
    """A piece of one, something else, a piece of the other."""
    cuts = [draw.draw(st.integers(0, len(data))) for data in (first, second)]
    check_file(first[: cuts[0]] + draw.draw(st.binary(max_size=8)) + second[cuts[1] :])


@given(st.sampled_from(TESTS), st.sampled_from([*TESTS, *CORPUS]), st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_mixture_of_files_of_tests_ends_in_a_result(first: bytes, second: bytes, draw: st.DataObject) -> None:
    cuts = [draw.draw(st.integers(0, len(data))) for data in (first, second)]
    check_file(first[: cuts[0]] + draw.draw(st.binary(max_size=8)) + second[cuts[1] :], "any.test.yaml")


@given(st.dictionaries(st.sampled_from(TEST_KEYS), values, max_size=8), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_content_of_a_file_of_tests_ends_in_a_result(given: Any, draw: st.DataObject) -> None:
    """Whatever values stand under the keys of its own language."""
    case = {
        "name": "a",
        "given": given,
        "expect": draw.draw(st.dictionaries(st.sampled_from(TEST_KEYS), values, max_size=8)),
    }
    check_file(json.dumps({"tests": [case]}).encode(), "any.test.yaml")


@given(st.text(max_size=MAX_EXPRESSION) | st.lists(st.sampled_from(CEL), max_size=40).map("".join))
@example("[" * MAX_EXPRESSION)
@example("!" * MAX_EXPRESSION)
@example("(" * 512 + "1" + ")" * 512)
@example("\ud800")
@settings(max_examples=600, deadline=None)
def test_any_expression_ends_in_a_value_or_is_refused(text: str) -> None:
    check_expression(text[:MAX_EXPRESSION])
    check_expression("${" + text[: MAX_EXPRESSION - 3] + "}")
