"""`doctor`: what it looks at, and what it says when something is not well."""

import importlib.util
import json
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from hms_orch_cli.cli import checks
from hms_orch_cli.cli.checks import Check
from hms_orch_cli.config import load
from hms_orch_cli.event_store.holder import Holder
from hms_orch_cli.event_store.sqlite import SqliteStore
from hms_orch_cli.ports.store import Append, NewEvent
from tests.cli.conftest import Run
from tests.cli.test_remote import server


def store(path: Path, count: int, when: str = "2026-01-01T00:00:00Z") -> None:
    """A store with some events."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = SqliteStore(path)
    events = [NewEvent(str(n), "s", "t", when, "{}") for n in range(count)]
    writer.append([Append("event/s", events, 0)])
    writer.close()


def found(orch: Run) -> dict[str, dict[str, str]]:
    """The checks by name."""
    return {check["name"]: check for check in json.loads(orch("doctor", "-o", "json").out)}


def test_an_empty_folder_is_well_and_stays_empty(orch: Run, shop: Path) -> None:
    ended = orch("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[1] for line in ended.out.splitlines()] == [
        "python", "sqlite", "config", "store", "writer", "log", "keys", "services", "clock", "terminal",
    ]  # fmt: skip
    assert {line[0] for line in ended.out.splitlines()} == {"✓"}
    assert list(shop.iterdir()) == []


def test_a_broken_configuration_fails(orch: Run, shop: Path) -> None:
    (shop / "hms-orch.toml").write_text("[server]\nprot = 1\n")
    ended = orch("doctor")
    assert (ended.code, ended.err) == (1, "1 of 1 checks failed\n")
    assert ended.out == (
        f"✗ config  {shop}/hms-orch.toml:2: 'prot' is no key of [server]\n          → did you mean port?\n"
    )


def test_a_slip_in_a_variable_is_a_warning(orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMS_STROE_URL", "x")
    monkeypatch.setenv("HMS_ORCH_PORT_7600_TCP", "tcp://10.0.0.1:7600")
    assert found(orch)["environment"] == {
        "name": "environment",
        "state": "warn",
        "message": "HMS_STROE_URL has no meaning",
        "fix": "did you mean HMS_STORE_URL?",
    }


def test_tokens_that_others_can_read_are_a_warning(orch: Run, shop: Path) -> None:
    (shop / "hms-orch.toml").write_text('[server]\ntokens = ["a"]\n')
    (shop / "hms-orch.toml").chmod(0o644)
    assert found(orch)["config"]["fix"] == f"chmod 600 {shop}/hms-orch.toml"
    (shop / "hms-orch.toml").chmod(0o600)
    assert found(orch)["config"]["state"] == "ok"


def test_a_store_of_another_kind_fails(orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMS_STORE_URL", "postgresql://db/x")
    assert found(orch)["store"]["state"] == "fail"


@pytest.mark.parametrize(("free", "state"), [(2 << 30, "ok"), (100 << 20, "warn"), (1 << 20, "fail")])
def test_space(monkeypatch: pytest.MonkeyPatch, shop: Path, free: int, state: str) -> None:
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert checks.store_folder(shop / ".hms" / "events.db").state == state


def test_who_holds_the_store(orch: Run, shop: Path) -> None:
    with Holder.take(load(shop, {}).store_path) as holder:
        holder.announce("http://127.0.0.1:7600")
        assert "http://127.0.0.1:7600" in found(orch)["writer"]["message"]


class TestLog:
    def test_the_end_of_the_chain_holds(self, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checks, "TAIL_EVENTS", 5)
        path = load(shop, {}).store_path
        store(path, 12)
        assert checks.log(path) == Check("log", "ok", "12 events, the chain over the last 5 holds")

    @pytest.mark.parametrize(("seq", "said"), [(9, "fail"), (2, "ok")])
    def test_a_change_within_it_fails(
        self, orch: Run, shop: Path, monkeypatch: pytest.MonkeyPatch, seq: int, said: str
    ) -> None:
        import apsw

        monkeypatch.setattr(checks, "TAIL_EVENTS", 5)
        path = load(shop, {}).store_path
        store(path, 12)
        with apsw.Connection(str(path)) as db:
            for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
                db.execute(f"DROP TRIGGER {name}")
            db.execute("UPDATE events SET data = '[]' WHERE seq = ?", (seq,))
        check = found(orch)["log"]
        assert check["state"] == said
        if said == "fail":
            assert (check["message"], check["fix"]) == ("the chain breaks at 9", "hms-orch replay --verify")

    def test_a_clock_that_was_set_back_is_a_warning(self, shop: Path) -> None:
        path = load(shop, {}).store_path
        store(path, 1, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3_600)))
        assert checks.log(path).state == "warn"

    def test_a_file_that_is_no_store_fails(self, orch: Run, shop: Path) -> None:
        path = load(shop, {}).store_path
        path.parent.mkdir()
        path.write_text("not a database, but long enough to look like one" * 100)
        assert found(orch)["log"]["state"] == "fail"


class TestServices:
    def test_any_answer_is_an_answer(self, orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        with server(405, b"") as (url, _), socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            taken.close()
            book = {"pay": url, "gone": f"http://127.0.0.1:{port}", "bad": "http://169.254.169.254"}
            monkeypatch.setenv("HMS_SERVICES", json.dumps(book))
            said = found(orch)
        assert [said[f"service {name}"]["state"] for name in ("pay", "gone", "bad")] == ["ok", "warn", "fail"]
        assert said["service pay"]["message"] == f"{url} answers"

    def test_a_name_that_leads_to_a_metadata_address_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import asyncio

        from hms_orch_cli.ports.services import Service

        async def led_astray(*_: object) -> list[tuple[object, ...]]:
            return [(0, 0, 0, "", ("169.254.169.254", 80))]

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", led_astray)
        assert asyncio.run(checks.service("x", Service("http://innocent.example"))).state == "fail"


def test_a_clock_from_before_this_program_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.time, "gmtime", lambda: time.struct_time((1970, 1, 1, 0, 0, 0, 3, 1, 0)))
    assert checks.clock().state == "fail"


def test_a_collector_is_looked_for(orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("HMS_TRACES_URL", f"http://127.0.0.1:{port}")
        assert found(orch)["traces"]["state"] == "ok"
    away = found(orch)["traces"]
    assert (away["state"], away["message"]) == ("warn", f"nobody listens at 127.0.0.1:{port}: Connection refused")


def test_traces_without_their_extra_fail(orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMS_TRACES_URL", "http://127.0.0.1:4318")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert found(orch)["traces"]["fix"] == "pip install 'hms-orch[otel]'"
