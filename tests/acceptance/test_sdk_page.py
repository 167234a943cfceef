"""The examples of docs/sdk.md, executed as they stand; only the port of the orchestrator is another one."""

from __future__ import annotations

import inspect
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hms_orch_cli.sdk import Unreachable, on, sync
from hms_orch_cli.sdk.subscribers import SUBSCRIBERS
from tests.acceptance.house import ROOT, House
from tests.acceptance.services import Services, closed_port, problem
from tests.documents import document, marked, rows, section, words

pytestmark = pytest.mark.process

PAGE = document("sdk.md")
LOOKS = 100


@pytest.fixture(autouse=True)
def nobody_hears() -> None:
    SUBSCRIBERS.clear()


@contextmanager
def program(house: House, mark: str, url: str, *words: str) -> Iterator[Path]:
    """An example as a program of its own; the file that it prints to."""
    (house.folder / f"{mark}.py").write_text(marked(PAGE, f"example: {mark}"))
    told = house.folder / f"{mark}.told"
    with told.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *(words or (f"{mark}.py",))],
            cwd=house.folder,
            env={**os.environ, "HMS_URL": url},
            stdout=out,
            stderr=out,
        )
    try:
        yield told
    finally:
        process.terminate()
        process.wait(60)


def until(done: Callable[[], bool]) -> None:
    """Looks again and again, with a command between two looks."""
    for _ in range(LOOKS):
        if done():
            return
        subprocess.run([sys.executable, "-c", ""], check=True)
    raise AssertionError("it does not come about")


def test_emit_and_on(house: House) -> None:
    """Stopped with SIGTERM, the subscriber goes on where it was."""
    with house.up() as up:
        for count in (1, 2):
            with program(house, "on", up.url) as told:
                with program(house, "emit", up.url):
                    until(lambda count=count: len(published(house)) == count)
                until(lambda told=told: told.read_text() == "policy.changed dol.unemployment.v3\n")
    assert [event["source"] for event in published(house)] == ["hms-sdk"] * 2


def published(house: House) -> list[dict[str, Any]]:
    return [event for event in house.log() if event["type"] == "policy.changed"]


def test_undo_by_event(house: House, services: Services) -> None:
    house.address_book(**dict.fromkeys(("care_svc", "aids_svc", "insurer_svc"), services.url))
    house.deploy((ROOT / "sagas/undo-by-event.yaml").read_text())
    services.on("/orders", problem(422, "out of stock"))
    with house.up() as up, program(house, "undo", up.url) as told:
        assert house.bus("publish", "care.level.raised", "--wait", "--timeout", "50").code == 1
    assert told.read_text() == "lowered again: raise_care_level {}\n"
    assert [step["state"] for step in house.run()["steps"]][:2] == ["COMPENSATED", "FAILED"]


def test_the_service(house: House, services: Services) -> None:
    """With uvicorn, called by a real `up`: a run that completes, and one that is undone. Nobody else gets in."""
    pytest.importorskip("fastapi", reason="fastapi is not installed")
    port = closed_port()
    house.address_book(payment_svc=f"http://127.0.0.1:{port}", notice_svc=services.url, archive_svc=services.url)
    house.deploy((ROOT / "sagas/benefit-increase.yaml").read_text())
    publish = ("publish", "policy.changed", "--data", '{"policyId":"dol.unemployment.v3"}', "--wait", "--timeout", "50")
    serve = ("-m", "uvicorn", "service:app", "--port", str(port), "--log-level", "warning")
    with house.up() as up, program(house, "service", up.url, *serve) as told:
        assert house.bus(*publish).code == 0, told.read_text()
        services.on("/broadcast", problem(422, "the mail gateway is closed"))
        assert house.bus(*publish).code == 1
    failed, completed = house.runs()
    assert completed["steps"][0]["summary"] == "raised dol.unemployment.v3"
    assert failed["steps"][0]["state"] == "COMPENSATED"
    with closing(sqlite3.connect(house.folder / "payments.db")) as connection:
        kept = connection.execute("SELECT saga_id FROM raised").fetchall()
        noted = connection.execute("SELECT saga_id, op FROM hms_barrier ORDER BY 1, 2").fetchall()
    assert kept == [(completed["sagaId"],)]
    assert noted == [(completed["sagaId"], "call"), (failed["sagaId"], "call"), (failed["sagaId"], "compensate")]


def test_verify(house: House, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    house.deploy("id: a.v1\ntrigger: a\nsteps:\n  - name: pay\n    call: payment-svc:/pay\n")
    with house.up() as up:
        monkeypatch.setenv("HMS_URL", up.url)
        house.publish("a", "--wait", "--timeout", "50")
        (request,) = services.requests
        known: dict[str, Any] = {}
        exec(marked(PAGE, "example: verify"), known)
        assert known["handle"](request.headers) == (request.json["sagaId"], "pay", "call", 1)


def test_the_outbox(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent when the power went out is sent again, and counts once; what is rolled back was never there."""
    known: dict[str, Any] = {"__name__": "outbox"}
    exec(marked(PAGE, "example: outbox"), known)
    with closing(sqlite3.connect(tmp_path / "service.db")) as connection:
        connection.execute(known["OUTBOX"])
        with connection:
            for number in (1, 2):
                known["put"](connection, "policy.changed", {"n": number})
        known["put"](connection, "policy.changed", {"n": 3})
        connection.rollback()
        monkeypatch.setenv("HMS_URL", "http://127.0.0.1:1")
        known["emit"] = partial(sync.emit, patience_s=0)
        with pytest.raises(Unreachable):
            known["relay"](connection)
        known["emit"] = sync.emit
        with house.up() as up:
            monkeypatch.setenv("HMS_URL", up.url)
            rows_before = connection.execute("SELECT * FROM outbox").fetchall()
            assert known["relay"](connection) == 2
            with connection:
                connection.executemany("INSERT INTO outbox VALUES (?, ?, ?, ?)", rows_before)
            assert known["relay"](connection) == 2
            assert known["relay"](connection) == 0
    assert [event["data"] for event in published(house)] == [{"n": 1}, {"n": 2}]


def test_positions_in_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "service"}
    exec(marked(PAGE, "example: positions"), known)
    (subscriber,) = SUBSCRIBERS.values()
    positions = subscriber.positions
    assert positions is not None
    assert positions.load("one") is None
    for position in (0, 7):
        positions.save("one", position)
        assert positions.load("one") == position
    assert subscriber.name == "service.look"


def test_the_options_are_those_of_on() -> None:
    told = {name for row in rows(section(PAGE, "## Hear of it: `on`")) for name in words(row[0])}
    assert told == set(inspect.signature(on).parameters) - {"kinds"}


def test_the_variables_are_those_that_are_read() -> None:
    """In Python; in TypeScript those of them that concern its verbs."""
    source = (ROOT / "hms_orch_cli/sdk/environment.py").read_text()
    other = "".join(path.read_text() for path in (ROOT / "sdk/typescript/src").glob("*.ts"))
    told = {words(row[0])[0]: words(row[2]) for row in rows(PAGE) if row[0].startswith("`HMS_")}
    assert set(told) == set(re.findall(r'"(HMS_[A-Z]+)"', source))
    assert set(told) - {"HMS_SERVICE"} == set(re.findall(r"process\.env\.(HMS_[A-Z]+)", other))
    assert all(f'"{each}"' in text for default in told.values() for each in default for text in (source, other))
