"""Paths that the system does not let us look at: a line that names them, never a bug. A name that is too long stands in
for a folder that belongs to somebody else, such as the private one of a store: both refuse every question about them,
and this one refuses root as well."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run

TOO_LONG = "a" * 300


@pytest.mark.parametrize(
    "command",
    [
        *("status", "hitl list", "lock list", "explain x", "cancel x", "replay --verify", "export", "graph x"),
        *("up --until-idle", "publish policy.changed", "undeploy x", "keys list", "keys rotate"),
    ],
)
def test_a_store_that_cannot_be_looked_at(orch: Run, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("HMS_STORE_URL", f"sqlite:///{TOO_LONG}/events.db")
    ended = orch(*command.split())
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: ") and "File name too long" in ended.err and "\nhint: " in ended.err


def test_the_doctor_goes_on_behind_such_a_store(orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMS_STORE_URL", f"sqlite:///{TOO_LONG}/events.db")
    ended = orch("doctor")
    assert ended.code == 1
    assert [line.split()[:2] for line in ended.out.splitlines() if line.startswith("✗")] == [
        *(["✗", "writer"], ["✗", "log"], ["✗", "keys"])
    ]
    assert "✓ clock" in ended.out


@pytest.mark.parametrize("path", [TOO_LONG, f"{TOO_LONG}/file", f"{TOO_LONG}/file.yaml", f"{TOO_LONG}/*.yaml"])
@pytest.mark.parametrize("command", ["validate", "test", "deploy", "replay --from-file", "demo --keep"])
def test_a_path_that_cannot_be_looked_at(orch: Run, command: str, path: str) -> None:
    ended = orch(*command.split(), path)
    assert (ended.code, ended.out) == (1, "")
    assert "File name too long" in ended.err


@pytest.mark.parametrize("path", [f"{TOO_LONG}.yaml", f"{TOO_LONG}/file.yml"])
def test_a_drawing_of_such_a_file(orch: Run, path: str) -> None:
    ended = orch("graph", path)
    assert (ended.code, ended.out) == (1, "")
    assert "File name too long" in ended.err


@pytest.mark.parametrize("command", ["backup", "export --output"])
def test_a_copy_to_such_a_place(orch: Run, command: str) -> None:
    orch("publish", "policy.changed")
    for path in (TOO_LONG, f"{TOO_LONG}/file"):
        ended = orch(*command.split(), path)
        assert (ended.code, ended.out) == (1, "")
        assert "cannot be written: " in ended.err


@pytest.mark.parametrize("command", ["validate", "test"])
def test_tests_that_name_such_a_saga(orch: Run, shop: Path, command: str) -> None:
    tests = f"saga: {TOO_LONG}/saga.yaml\ntests: [{{name: it ends, expect: {{state: COMPLETED}}}}]\n"
    (shop / "some.test.yaml").write_text(tests)
    ended = orch(command, "some.test.yaml")
    assert ended.code == 1
    assert ended.out.startswith("some.test.yaml:1:7: error HMS201: ") and "File name too long" in ended.out
