"""The files under observability/: that they load, speak of metrics that there are, and that each alert fires in its own
bad times and in no good ones. promtool comes with Debian's package `prometheus`; it is not started, only asked."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.dashboard.house import event, open_house
from tests.documents import ROOT, document, rows, section, words

FOLDER = ROOT / "observability"
BOARD: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = BOARD["panels"]
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "alert-rules.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")

METRIC = re.compile(r"\b(?:saga|process)_[a-z_]+\b")


def promtool(*words: str | Path, stdin: bytes | None = None) -> str:
    """What promtool says; it must be content."""
    done = subprocess.run([str(PROMTOOL), *words], input=stdin, capture_output=True, timeout=60, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of the dashboard and the rules, with what it is for. Grafana's variables have values."""
    for panel in PANELS:
        for target in panel.get("targets", ()):
            expression = target["expr"].replace("$__rate_interval", "5m")
            yield panel["title"], re.sub(r"\$\w+", ".*", expression)
    for name, rule in RULES.items():
        yield name, rule["expr"]


async def exposed() -> tuple[dict[str, str], set[str]]:
    """(name -> type) of what is exposed once a run has ended, and the labels that it has or that Prometheus adds."""
    async with open_house() as house:
        await house.deploy()
        await house.publish(event(1))
        await house.settle()
        text = (await house.client.get("/metrics")).text
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    return kinds, set(re.findall(r'(\w+)="', text)) | {"instance", "job"}


async def test_expressions_speak_of_metrics_that_there_are() -> None:
    kinds, labels = await exposed()
    parts = {f"{name}_{part}" for name, kind in kinds.items() if kind == "histogram" for part in ("bucket", "count")}
    for where, expression in expressions():
        bare = re.sub(r"\{[^}]*\}|\bby \([^)]*\)", "", expression)
        assert set(METRIC.findall(bare)) <= {*kinds, *parts}, where
        matched = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression)
        grouped = [label for found in re.findall(r"\bby \(([^)]*)\)", expression) for label in found.split(", ")]
        assert {*matched, *grouped} <= labels, where


async def test_every_metric_is_in_the_dashboard() -> None:
    kinds, _ = await exposed()
    used = " ".join(expression for _, expression in expressions())
    unused = {name for name in kinds if not re.search(rf"\b{name}(_bucket|_count)?\b", used)}
    assert {name for name in unused if not name.startswith("process_")} == {"saga_build_info"}


# -- the dashboard


def test_panels_have_ids_titles_and_places_of_their_own() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in PANELS]
    assert len(set(titles)) == len(titles)
    taken: dict[tuple[int, int], str] = {}
    for panel in PANELS:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"], "panels overlap"


def test_panels_say_what_they_show_of_the_chosen_source() -> None:
    assert {variable["name"] for variable in BOARD["templating"]["list"]} == {"datasource", "instance", "saga"}
    for panel in PANELS:
        if panel["type"] != "row":
            assert panel["description"], panel["title"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert all('instance=~"$instance"' in target["expr"] for target in panel["targets"]), panel["title"]


def test_the_dashboard_is_what_grafana_reads() -> None:
    """Read by Grafana's own models and written again it has lost nothing."""
    models = pytest.importorskip("grafana_foundation_sdk.models.dashboard", reason="grafana-foundation-sdk is missing")
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins

    register_default_plugins()
    again = json.loads(JSONEncoder().encode(models.Dashboard.from_json(BOARD)))
    assert list(lost(BOARD, again)) == []


def lost(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Places that are not the same afterwards; what has been added with its default does not count."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from lost(value, after.get(name), f"{where}/{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (value, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(value, other, f"{where}/{number}")
    elif before != after:
        yield where


# -- Prometheus


@needs_promtool
def test_rules_and_configuration_load() -> None:
    assert f"SUCCESS: {len(RULES)} rules found" in promtool("check", "rules", FOLDER / "alert-rules.yaml")
    promtool("check", "config", FOLDER / "prometheus.yaml")


@needs_promtool
def test_every_expression_is_promql(tmp_path: Path) -> None:
    """Those of the dashboard as well, dressed up as rules."""
    recorded = [{"record": f"r:{number}", "expr": expr} for number, (_, expr) in enumerate(expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": recorded}]}))
    assert f"SUCCESS: {len(recorded)} rules found" in promtool("check", "rules", file)


@needs_promtool
async def test_what_is_exposed_is_read_by_prometheus() -> None:
    async with open_house() as house:
        await house.deploy()
        await house.publish(event(1))
        await house.settle()
        text = (await house.client.get("/metrics")).content
    done = subprocess.run([str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    complaints = done.stderr.decode().splitlines()
    # The name is that of the contract.
    assert [line for line in complaints if not line.startswith("saga_duration_ms ")] == []


class Bad(NamedTuple):
    """Times in which an alert fires: series, when it is looked at, and what it says of whom."""

    series: Mapping[str, str]
    at: str
    labels: Mapping[str, str]
    value: str = ""


ONE = {"instance": "a"}
SAGA = {"instance": "a", "saga": "s.v1"}
OF_ONE = 'instance="a"'
OF_SAGA = 'instance="a",saga="s.v1"'
JOB = {"instance": "a", "job": "hms-orch"}
OF_JOB = 'instance="a",job="hms-orch"'
OF_PAY = 'instance="a",service="pay-svc"'
OF_APPEND = f"saga_append_seconds_bucket{{{OF_ONE}"

BAD = {
    "HmsOrchDown": Bad({f"up{{{OF_JOB}}}": "0x30"}, "5m", JOB),
    "HmsOrchNotReady": Bad({f"saga_ready{{{OF_ONE}}}": "0x30"}, "5m", ONE),
    "SagaStuck": Bad({f'saga_in_flight{{{OF_SAGA},state="STUCK"}}': "0 2x30"}, "5m", SAGA, "2"),
    "SagaUndoFails": Bad({f"saga_compensation_failures_total{{{OF_SAGA}}}": "0 0 1x30"}, "5m", SAGA),
    "SagaKeepsFailing": Bad(
        {f'saga_hitl_queued_total{{{OF_SAGA},kind="failures"}}': "0 0 1x30"}, "5m", {**SAGA, "kind": "failures"}
    ),
    "SagaFailsOften": Bad(
        {
            f'saga_fail_total{{{OF_SAGA},outcome="failed"}}': "0+1x40",
            f"saga_started_total{{{OF_SAGA}}}": "0+4x40",
        },
        "30m",
        SAGA,
    ),
    "SagaChainTooDeep": Bad(
        {f'saga_hitl_queued_total{{{OF_SAGA},kind="depth"}}': "0 0 1x30"}, "5m", {**SAGA, "kind": "depth"}
    ),
    "SagaItemUnanswered": Bad({f"saga_hitl_oldest_seconds{{{OF_ONE}}}": "7200x30"}, "5m", ONE, "2h 0m 0s"),
    "SagaExpressionsFail": Bad({f"saga_match_errors_total{{{OF_SAGA}}}": "0 0 1x30"}, "5m", SAGA),
    "SagaUnfinishedForLong": Bad(
        {f"saga_oldest_unfinished_seconds{{{OF_ONE}}}": "172800x30"}, "5m", ONE, "2d 0h 0m 0s"
    ),
    "SagaLockLineStands": Bad({f"saga_lock_line_oldest_seconds{{{OF_ONE}}}": "7200x30"}, "5m", ONE, "2h 0m 0s"),
    "SagaServiceFails": Bad(
        {
            f'saga_call_seconds_count{{{OF_PAY},answer="lost"}}': "0+2x40",
            f'saga_call_seconds_count{{{OF_PAY},answer="2xx"}}': "0+1x40",
        },
        "20m",
        {**ONE, "service": "pay-svc"},
    ),
    "HmsOrchCallsSaturated": Bad(
        {f"saga_calls_in_flight{{{OF_ONE}}}": "256x40", f"saga_calls_limit{{{OF_ONE}}}": "256x40"}, "20m", ONE
    ),
    "HmsOrchBehind": Bad({f"saga_event_backlog{{{OF_ONE}}}": "0+500x40"}, "30m", ONE, "15000"),
    "HmsOrchRefusesEvents": Bad({f"saga_events_refused_total{{{OF_ONE}}}": "0 0 5x30"}, "4m", ONE),
    "HmsOrchDiskSlow": Bad(
        {f'{OF_APPEND},le="0.1"}}': "0x40", f'{OF_APPEND},le="0.25"}}': "0+9x40", f'{OF_APPEND},le="+Inf"}}': "0+9x40"},
        "20m",
        ONE,
    ),
    "HmsOrchFilesRunOut": Bad(
        {f"process_open_fds{{{OF_JOB}}}": "900x30", f"process_max_fds{{{OF_JOB}}}": "1000x30"}, "10m", JOB
    ),
    "SagaDefinitionPaused": Bad({f"saga_definition_paused{{{OF_SAGA}}}": "1x1600"}, "25h", SAGA),
    "HmsOrchWebhookFails": Bad({f"saga_webhook_failures_total{{{OF_ONE}}}": "0+1x30"}, "20m", ONE),
    "HmsOrchTokensStale": Bad({f"saga_tokens_stale{{{OF_ONE}}}": "1x30"}, "10m", ONE),
}

GOOD = {
    f"up{{{OF_JOB}}}": "1x1600",
    f"saga_ready{{{OF_ONE}}}": "1x1600",
    f'saga_in_flight{{{OF_SAGA},state="STUCK"}}': "0x1600",
    f'saga_in_flight{{{OF_SAGA},state="RUNNING"}}': "5x1600",
    f"saga_compensation_failures_total{{{OF_SAGA}}}": "3x1600",
    f'saga_hitl_queued_total{{{OF_SAGA},kind="failures"}}': "1x1600",
    f'saga_hitl_queued_total{{{OF_SAGA},kind="approval"}}': "0+1x1600",
    f'saga_fail_total{{{OF_SAGA},outcome="failed"}}': "0+1x1600",
    f"saga_started_total{{{OF_SAGA}}}": "0+50x1600",
    f"saga_hitl_oldest_seconds{{{OF_ONE}}}": "600x1600",
    f"saga_match_errors_total{{{OF_SAGA}}}": "2x1600",
    f"saga_filter_errors_total{{{OF_SAGA}}}": "0x1600",
    f"saga_oldest_unfinished_seconds{{{OF_ONE}}}": "3600x1600",
    f"saga_lock_line_oldest_seconds{{{OF_ONE}}}": "60x1600",
    f'saga_call_seconds_count{{{OF_PAY},answer="lost"}}': "0+1x1600",
    f'saga_call_seconds_count{{{OF_PAY},answer="2xx"}}': "0+9x1600",
    f"saga_calls_in_flight{{{OF_ONE}}}": "60x1600",
    f"saga_calls_limit{{{OF_ONE}}}": "256x1600",
    f"saga_event_backlog{{{OF_ONE}}}": "2000x1600",
    f"saga_events_refused_total{{{OF_ONE}}}": "7x1600",
    f'{OF_APPEND},le="0.1"}}': "0+100x1600",
    f'{OF_APPEND},le="0.25"}}': "0+100x1600",
    f'{OF_APPEND},le="+Inf"}}': "0+100x1600",
    f"process_open_fds{{{OF_JOB}}}": "40x1600",
    f"process_max_fds{{{OF_JOB}}}": "1000x1600",
    f"saga_definition_paused{{{OF_SAGA}}}": "0x1600",
    f"saga_webhook_failures_total{{{OF_ONE}}}": "9x1600",
    f"saga_tokens_stale{{{OF_ONE}}}": "0x1600",
}


def said(text: str, bad: Bad) -> str:
    """An annotation as it reads in these times."""
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: bad.labels[found[1]], text)
    return re.sub(r"\{\{ \$value[^}]*\}\}", bad.value, text)


def looked_at(series: Mapping[str, str], checks: list[dict[str, Any]]) -> dict[str, Any]:
    """A test of promtool."""
    told = [{"series": name, "values": values} for name, values in series.items()]
    return {"interval": "1m", "input_series": told, "alert_rule_test": checks}


@needs_promtool
def test_an_alert_fires_in_bad_times_and_none_in_good_ones(tmp_path: Path) -> None:
    assert set(BAD) == set(RULES)
    tests = [
        looked_at(
            bad.series,
            [
                {
                    "eval_time": bad.at,
                    "alertname": name,
                    "exp_alerts": [
                        {
                            "exp_labels": {**RULES[name]["labels"], **bad.labels},
                            "exp_annotations": {
                                key: said(text, bad) for key, text in RULES[name]["annotations"].items()
                            },
                        }
                    ],
                }
            ],
        )
        for name, bad in BAD.items()
    ]
    quiet = [{"eval_time": "26h", "alertname": name, "exp_alerts": []} for name in RULES]
    file = tmp_path / "tests.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(FOLDER / "alert-rules.yaml")],
                "evaluation_interval": "1m",
                "tests": [*tests, looked_at(GOOD, quiet)],
            }
        )
    )
    promtool("test", "rules", file)


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for name, rule in RULES.items():
        assert rule["labels"]["severity"] in ("warning", "critical"), name
        assert set(rule["annotations"]) == {"summary", "description"}, name


def test_the_page_lists_every_alert() -> None:
    told = [words(row[0])[0] for row in rows(section(document("observability.md"), "## Alerts"))]
    assert told == list(RULES)
