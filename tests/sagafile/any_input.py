"""What holds of any input: it ends in a result that every report can tell, or in an error of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.paths import is_test
from hms_orch_cli.sagafile.places import SENT
from hms_orch_cli.sagafile.project import check_files
from hms_orch_cli.sagafile.reports.github import as_annotations
from hms_orch_cli.sagafile.reports.json import as_json
from hms_orch_cli.sagafile.reports.junit import as_junit
from hms_orch_cli.sagafile.reports.sarif import as_sarif
from hms_orch_cli.sagafile.reports.text import as_text
from hms_orch_cli.sagafile.reports.validation import Validation
from tests.sagafile.books import book
from tests.sagafile.broken_files import FOLDER

BEGAN = datetime(2026, 11, 28, tzinfo=UTC)
CEL = CelExpressions()
MAX_EXPRESSION = 1024
NEIGHBOUR = (FOLDER / "together" / "a.yaml").read_bytes()
VALUES: dict[str, Any] = {
    "data": {"a": [1, {"b": "x"}], "amount": 12.5},
    "event": {"id": "1", "source": "s", "type": "t", "time": "2026-11-28T00:00:00Z"},
    "context": {"pay": {"id": "p"}},
    "saga": {"id": "r", "definition": "d"},
    "secret": {"KEY": "hidden"},
}


def check_file(data: bytes, name: str = "any.yaml") -> None:
    """A file, beside another: a result that can be told in every format. A file of tests is beside its saga."""
    files = [(name, data), ("any.yaml" if is_test(name) else "other.yaml", NEIGHBOUR)]
    found = check_files(files, CEL, services=book("pay", far="http://far.example"))
    first, *_ = found
    assert first.findings or first.documents or first.silenced or is_test(name)
    for document in first.documents:
        json.dumps(document.content, allow_nan=False)
        assert len(document.revision) == 64
        assert first.ok is False or document.saga.id
    validation = Validation(found)
    as_text(first.findings, first.left_out).encode()
    json.dumps(as_json(validation), allow_nan=False)
    json.dumps(as_sarif(validation), allow_nan=False)
    assert all(line.startswith("::") for line in as_annotations(validation).splitlines())
    ElementTree.fromstring(as_junit(validation, BEGAN))


def check_expression(text: str) -> None:
    """An expression, and the same as a template: a value that is JSON, or a refusal with a place inside the text."""
    for evaluated in (_value_of, _rendered):
        refusal = ExpressionError("")
        try:
            json.dumps(evaluated(text), allow_nan=False)
        except ExpressionError as error:
            refusal = error
        assert 0 <= refusal.column <= len(text) + 1
        assert "\n" not in refusal.message
        assert len(refusal.message) <= 300


def _value_of(text: str) -> Any:
    return CEL.compile(text, SENT).evaluate(VALUES)


def _rendered(text: str) -> Any:
    template = CEL.template(text, SENT)
    return None if template is None else template.render(VALUES)
