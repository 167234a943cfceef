"""What the pages under docs/ say is so."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from hms_orch_cli.saga.encoding import from_data, to_data
from hms_orch_cli.saga.event_types import DEPLOYED, RUN_FACTS, UNDEPLOYED
from tests.documents import ROOT, document, rows, section, words

EVENTS = document("events.md")
EXAMPLES = {
    kind: json.loads(example)
    for kind, example in re.findall(r"^### `([a-z.]+)`\n.*?^```json\n(.*?)^```$", EVENTS, re.DOTALL | re.MULTILINE)
}


def test_every_event_type_has_an_example() -> None:
    assert set(EXAMPLES) == {*RUN_FACTS, DEPLOYED, UNDEPLOYED}


@pytest.mark.parametrize("kind", RUN_FACTS)
def test_an_example_is_a_fact_of_its_type(kind: str) -> None:
    """Read and written again it is the same, and so it has every member and no other."""
    example = EXAMPLES[kind]
    assert to_data(from_data(kind, example, 0), example["sagaId"], example["saga"]) == example


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=!~;\[ ]", wanted, maxsplit=1)[0] for wanted in project["dependencies"]}
    assert {row[0] for row in rows(document("dependencies.md"))} == needed


def test_a_dependency_is_used_where_the_page_says() -> None:
    """Each file that is named imports the package."""
    modules = {"pyyaml": "yaml", "cel-expr-python": "cel_expr_python"}
    for name, _, where, _ in rows(document("dependencies.md")):
        module = modules.get(name, name.replace("-", "_"))
        for path in (word for word in words(where) if "/" in word):
            target = ROOT / "hms_orch_cli" / path
            files = sorted(target.rglob("*.py")) if target.is_dir() else [target]
            assert any(re.search(rf"(import|from) {module}\b", file.read_text(encoding="utf-8")) for file in files), (
                name
            )


def test_the_rooms_are_those_of_the_package() -> None:
    told = {
        word.rstrip("/") for row in rows(section(document("architecture.md"), "## Rooms")) for word in words(row[1])
    }
    package = ROOT / "hms_orch_cli"
    rooms = {path.name for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert told == rooms - {"__init__.py"}


def test_the_files_that_the_rooms_name_exist() -> None:
    for _, room, about in rows(section(document("architecture.md"), "## Rooms")):
        for file in words(about):
            if file.endswith(".py"):
                assert any((ROOT / "hms_orch_cli" / name / file).is_file() for name in words(room)), file


def test_the_metrics_page_names_every_metric() -> None:
    """The families of the exposition, but those of the process itself."""
    from hms_orch_cli.dashboard import metrics

    told = {words(row[0])[0] for row in rows(section(document("operations.md"), "## Metrics"))}
    source = (ROOT / "hms_orch_cli/dashboard/metrics.py").read_text(encoding="utf-8")
    gauges = set(re.findall(r'GaugeMetricFamily\(\s*"([a-z_]+)"', source))
    histograms = set(re.findall(r'(?:_histogram|HistogramMetricFamily)\(\s*"([a-z_]+)"', source))
    assert told == gauges | {f"{name}_total" for name in (*metrics.COUNTERS, "saga_fail")} | histograms
