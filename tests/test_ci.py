"""Where other programs meet hms-orch: pre-commit runs its hooks from a clone, the action runs its steps, and what the
page about CI shows is done as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documents import ROOT, document, marked, rows, section, words

pytestmark = pytest.mark.process

CI = document("ci.md")
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}

GOOD = """\
id: shop.order.v1
trigger: order.placed
steps:
  - {name: pay, call: "pay-svc:/pay", compensate: "pay-svc:/refund"}
"""
BAD = GOOD.replace("trigger: order.placed\n", "")
BOOK = '[services]\npay-svc = "http://127.0.0.1:9001"\n'

NOT_TO_BE_HAD = ("No matching distribution", "Could not find a version", "ConnectionError", "Failed to establish")
"""What pip says where there is no index."""


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command, in the environment of the tests without a variable of ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HMS_", "GIT_"))}
    return subprocess.run(
        command, cwd=cwd, env={**inherited, **(env or {})}, capture_output=True, text=True, check=False
    )


def skip_without_packages(ended: subprocess.CompletedProcess[str]) -> None:
    """Skips, with the reason, where pip cannot fetch what it wants."""
    said = ended.stdout + ended.stderr
    if ended.returncode and (reason := next((words for words in NOT_TO_BE_HAD if words in said), None)):
        pytest.skip(f"packages cannot be had here: {reason}")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Somebody's repository: a saga, and the address book that it needs."""
    folder = tmp_path / "shop"
    (folder / "sagas").mkdir(parents=True)
    (folder / "sagas" / "order.yaml").write_text(GOOD)
    (folder / "hms-orch.toml").write_text(BOOK)
    return folder


TESTS = """\
tests:
  - name: a payment goes through
    expect: {state: COMPLETED, calls: [pay]}
"""


def committed(folder: Path) -> None:
    """A repository of git with everything that is there. Skips where there is no git."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=t", "-c", "user.email=t@t.example", "commit", "--quiet", "--allow-empty", "-m", "all"],
    ):
        ended = run("git", *command, cwd=folder)
        assert ended.returncode == 0, ended.stderr


@pytest.mark.timeout(900)
def test_the_hooks_run_from_a_clone(tmp_path: Path, shop: Path) -> None:
    """pre-commit itself, configured as the page shows it, installs them from a clone and runs them."""
    home = {"PRE_COMMIT_HOME": str(tmp_path / "pre-commit")}
    config = yaml.safe_load(marked(CI, "example: pre-commit"))
    config["repos"][0] |= cloned(tmp_path / "hms-orch")
    (shop / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))

    def hook(name: str) -> subprocess.CompletedProcess[str]:
        committed(shop)
        ended = run(sys.executable, "-m", "pre_commit", "run", name, "--all-files", "--color=never", cwd=shop, env=home)
        skip_without_packages(ended)
        return ended

    ended = hook("hms-orch-validate")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"^check saga files\.+Passed$", ended.stdout, re.MULTILINE)

    bad = shop / "sagas" / "bad.yaml"
    bad.write_text(BAD)
    ended = hook("hms-orch-validate")
    assert ended.returncode == 1
    assert "sagas/bad.yaml:1:1: error HMS011: the saga has no 'trigger'" in ended.stdout
    assert "2 files, 1 valid saga: 1 error" in ended.stdout
    bad.unlink()

    tests = shop / "sagas" / "order.test.yaml"
    tests.write_text(TESTS)
    ended = hook("hms-orch-test")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"^run saga tests\.+Passed$", ended.stdout, re.MULTILINE)
    tests.write_text(TESTS.replace("COMPLETED", "FAILED"))
    ended = hook("hms-orch-test")
    assert ended.returncode == 1
    assert "a payment goes through" in ended.stdout

    (shop / "sagas").rename(shop / "others")
    assert all("(no files to check)Skipped" in hook(name).stdout for name in HOOKS)


def cloned(folder: Path) -> dict[str, str]:
    """A repository that is the working tree as it is: `repo` and `rev` for pre-commit."""
    shutil.copytree(ROOT / "hms_orch_cli", folder / "hms_orch_cli", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, folder / name)
    committed(folder)
    return {"repo": str(folder), "rev": run("git", "rev-parse", "HEAD", cwd=folder).stdout.strip()}


class TestAction:
    """The shell steps of action.yml, run as the runner does: inputs come in as variables, never into the script."""

    def step(self, name: str, cwd: Path, github: Mapping[str, str] | None = None, **inputs: str) -> Any:
        """Runs a step. `inputs` lie over the defaults of the action."""
        step = STEPS[name]
        given = {f"inputs.{key}": about["default"] for key, about in ACTION["inputs"].items()}
        given |= {f"inputs.{key}": value for key, value in inputs.items()}
        given |= {f"github.{key}": value for key, value in (github or {}).items()}
        env = {
            key: re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda found: given[found[1]], value)
            for key, value in step.get("env", {}).items()
        }
        temp = cwd.parent / "runner"
        temp.mkdir(exist_ok=True)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        runner = {"RUNNER_TEMP": str(temp), "GITHUB_PATH": str(temp / "path"), "PATH": path}
        assert step["shell"] == "bash"
        return run(
            "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"], cwd=cwd, env={**env, **runner}
        )

    def test_no_script_has_an_expression_in_it(self) -> None:
        """The text of an input would be read as part of the script."""
        assert all("${{" not in step["run"] for step in STEPS.values())

    def test_files_are_checked_and_mistakes_are_annotations(self, shop: Path) -> None:
        ended = self.step("Check saga files", shop)
        assert (ended.returncode, ended.stdout) == (0, "")
        (shop / "sagas" / "bad.yaml").write_text(BAD)
        ended = self.step("Check saga files", shop)
        assert ended.returncode == 1
        assert ended.stdout.startswith("::error file=sagas/bad.yaml,line=1,")

    def test_paths_stand_one_a_line_and_may_hold_blanks(self, shop: Path) -> None:
        (shop / "more sagas").mkdir()
        (shop / "more sagas" / "$(touch x).yaml").write_text(BAD)
        assert self.step("Check saga files", shop).returncode == 0
        ended = self.step("Check saga files", shop, paths="sagas\n\nmore sagas\n")
        assert ended.returncode == 1
        assert "file=more sagas/$(touch x).yaml," in ended.stdout
        assert not (shop / "x").exists()

    def test_strictly_a_warning_is_enough(self, shop: Path) -> None:
        (shop / "hms-orch.toml").unlink()
        assert self.step("Check saga files", shop).returncode == 0
        assert self.step("Check saga files", shop, strict="true").returncode == 1

    def test_saga_tests_run(self, shop: Path) -> None:
        (shop / "sagas" / "order.test.yaml").write_text(TESTS)
        assert self.step("Run saga tests", shop).returncode == 0
        assert self.step("Run saga tests", shop, coverage="100").returncode == 1
        (shop / "sagas" / "order.test.yaml").write_text(TESTS.replace("COMPLETED", "FAILED"))
        assert self.step("Run saga tests", shop).returncode == 1

    @pytest.mark.timeout(900)
    def test_it_installs_itself(self, shop: Path) -> None:
        ended = self.step("Install hms-orch", shop, {"action_path": str(ROOT)}, python=sys.executable)
        skip_without_packages(ended)
        assert ended.returncode == 0, ended.stderr
        (folder,) = (shop.parent / "runner" / "path").read_text().split()
        assert run(Path(folder) / "hms-orch", "validate", "sagas", cwd=shop).returncode == 0


class TestThePage:
    def test_it_names_the_hooks_that_there_are(self) -> None:
        told = yaml.safe_load(marked(CI, "example: pre-commit"))["repos"][0]["hooks"]
        assert [hook["id"] for hook in told] == list(HOOKS)

    def test_it_names_the_inputs_of_the_action(self) -> None:
        table = {words(row[0])[0]: row for row in rows(section(CI, "## In a pull request")) if words(row[0])}
        inputs = {key: about["default"] for key, about in ACTION["inputs"].items()}
        assert list(table) == list(inputs)
        assert {key: "".join(words(row[2])) for key, row in table.items()} == inputs

    def test_its_workflow_gives_the_action_inputs_that_it_takes(self) -> None:
        workflow = yaml.safe_load(marked(CI, "example: workflow"))
        (action,) = [step for step in workflow["jobs"]["check"]["steps"] if "hms-orch" in step["uses"]]
        assert action["with"].keys() <= ACTION["inputs"].keys()

    def test_its_findings_for_code_scanning_are_written(self, shop: Path) -> None:
        (shop / "sagas" / "bad.yaml").write_text(BAD)
        first, second = yaml.safe_load(marked(CI, "example: code scanning"))
        assert self.script(first["run"], shop).returncode == 0
        assert '"ruleId": "HMS011"' in (shop / second["with"]["sarif_file"]).read_text()

    def test_its_commands_for_other_programs_write_junit(self, shop: Path) -> None:
        (shop / "sagas" / "order.test.yaml").write_text(TESTS)
        assert self.script(marked(CI, "example: elsewhere"), shop).returncode == 0
        assert all("<testsuite" in (shop / name).read_text() for name in ("sagas.xml", "saga-tests.xml"))

    def test_its_dry_run_is_a_comment_and_no_failure(self, shop: Path) -> None:
        (step,) = yaml.safe_load(marked(CI, "example: dry run"))
        ended = self.script(step["run"], shop, GITHUB_STEP_SUMMARY="summary.md")
        assert ended.returncode == 0, ended.stderr
        assert (shop / "summary.md").read_text().startswith("### hms-orch deploy --dry-run: 1 new\n")
        (shop / "sagas" / "bad.yaml").write_text(BAD)
        assert self.script(step["run"], shop, GITHUB_STEP_SUMMARY="summary.md").returncode == 1

    def script(self, text: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """A shell script of the page, as a step of a workflow runs."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return run("bash", "-eo", "pipefail", "-c", text, cwd=cwd, env={"PATH": path, **env})
