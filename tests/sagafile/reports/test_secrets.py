"""No report repeats a secret that stands in a file, whichever rule it tells of."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.project import check_files
from hms_orch_cli.sagafile.reports.github import as_annotations
from hms_orch_cli.sagafile.reports.json import as_json
from hms_orch_cli.sagafile.reports.junit import as_junit
from hms_orch_cli.sagafile.reports.sarif import as_sarif
from hms_orch_cli.sagafile.reports.text import as_text
from hms_orch_cli.sagafile.reports.validation import Validation
from tests.sagafile.books import book

SECRET = "AKIAABCDEFGHIJKLMNOP"
SAGA = f"""\
id: pay.v1
trigger: a
steps:
  - {{name: pay, call: {{service: nowhere, path: /a, headers: {{X-Key: {SECRET}}}}}}}{{}}
"""
SILENT = "  # hms-orch: ignore[secret-written-out] made up"


@pytest.mark.parametrize("comment", ["", SILENT])
@pytest.mark.parametrize("rules", [RULES, ("HMS042", "HMS101")])
def test_a_secret_is_blotted_out(comment: str, rules: dict[str, object]) -> None:
    files = [("pay.yaml", SAGA.replace("{}", comment).encode())]
    found = Validation(check_files(files, CelExpressions(), services=book("x"), rules=rules))
    (checked,) = found.files
    assert {"HMS042", "HMS101"} <= {finding.rule for finding in checked.findings}
    told = (
        as_text(checked.findings),
        json.dumps(as_json(found)),
        json.dumps(as_sarif(found)),
        as_annotations(found),
        as_junit(found, datetime.now(UTC)),
    )
    assert all("HMS042" in each and SECRET not in each for each in told)
    assert "X-Key: ••••" in told[0]
