"""Whatever the bytes: a result, never an exception."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.check import check
from hms_orch_cli.sagafile.reports.text import as_text
from hms_orch_cli.sagafile.schema import schema_text
from tests.sagafile.books import book

CEL = CelExpressions()
SCHEMA = json.loads(schema_text())
KEYS = sorted({key for part in [SCHEMA, *SCHEMA["$defs"].values()] for key in part.get("properties", ())})
WORDS = ["pay", "event", "GET", "POST", "a:/b", "a:/${data.x}", "${", "${}", "$${", "data.x == 1", "true", "saga.x"]

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


def outcome(data: bytes) -> None:
    result = check(data, "any.yaml", CEL, services=book("pay"))
    text = as_text(result.findings, result.left_out)
    text.encode()
    assert result.findings or result.documents
    for document in result.documents:
        json.dumps(document.content, allow_nan=False)


@given(st.binary(max_size=3000))
@settings(max_examples=300, deadline=None)
def test_any_bytes_end_in_a_result(data: bytes) -> None:
    outcome(data)


@given(st.text(alphabet=st.sampled_from("ab:-[]{}\"'#&*!|>%@`?,\n\t \r0.$~<\\\u2028\x85é😀"), max_size=400))
@settings(max_examples=600, deadline=None)
def test_any_yaml_like_text_ends_in_a_result(text: str) -> None:
    outcome(text.encode())


@given(sagas)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_saga_like_content_ends_in_a_result(content: Any) -> None:
    """JSON is YAML: whatever values stand under the language's own keys."""
    outcome(json.dumps(content).encode())
