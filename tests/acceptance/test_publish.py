"""`publish`, with `up` running or not, and what `--wait` says; `up` as a process: the only one, stopped, resumed."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request

import pytest

from tests.acceptance.house import House
from tests.acceptance.services import Services, ok, problem
from tests.participant.fake_service import Reply

pytestmark = pytest.mark.process

SAGA = """
id: {id}
trigger: {trigger}
filter: data.n < 100
steps:
  - name: one
    call: svc:/{id}/one
    compensate: svc:/{id}/unone
  - name: two
    call: svc:/{id}/two
retry: {{attempts: 1}}
"""


def _saga(name: str = "a", trigger: str = "go") -> str:
    return SAGA.format(id=name, trigger=trigger)


WAIT = ("--wait", "--timeout", "50")


def test_an_event_is_taken_without_up_and_runs_when_up_comes(house: House, services: Services) -> None:
    """It is durable at once; both commands publish."""
    house.deploy(_saga())
    assert house.ok("hms-orch", "publish", "go", "--data", '{"n": 1}').strip() == "position 2"
    assert house.ok("hms-bus", "publish", "go", "--data", '{"n": 2}').strip() == "position 3"
    assert services.requests == []
    house.until_idle()
    assert [row["state"] for row in house.runs()] == ["COMPLETED"] * 2


def test_wait_ends_with_the_code_of_the_worst_end(house: House, services: Services) -> None:
    """0 COMPLETED, 1 FAILED, 5 STUCK, 0 for no run at all; STUCK outweighs FAILED."""
    house.deploy(_saga("good", "good"), "good.yaml")
    house.deploy(_saga("bad", "bad"), "bad.yaml")
    house.deploy(_saga("worse", "worse"), "worse.yaml")
    house.deploy(_saga("alsobad", "worse"), "alsobad.yaml")
    for path in ("/bad/two", "/worse/two", "/worse/unone", "/alsobad/two"):
        services.on(path, problem(422, "no"))
    data = ("--data", '{"n": 1}')
    with house.up():
        assert house.bus("publish", "good", *data, *WAIT).code == 0
        assert house.bus("publish", "bad", *data, *WAIT).code == 1
        assert house.bus("publish", "worse", *data, *WAIT).code == 5
        assert house.bus("publish", "good", "--data", '{"n": 100}', *WAIT).code == 0
        assert house.bus("publish", "nobody.listens", *WAIT).code == 0
    assert house.orch("status", "--fail-on", "stuck").code == 1


def test_wait_follows_the_runs_that_a_duplicate_started_the_first_time(house: House, services: Services) -> None:
    """A duplicate is a success with the first position, and starts nothing."""
    services.on("/a/two", problem(422, "no"))
    house.deploy(_saga())
    words = ("publish", "go", "--data", '{"n": 1}', "--id", "e-1")
    with house.up():
        assert house.bus(*words, *WAIT).code == 1
        again = house.bus(*words, *WAIT)
        assert again.code == 1
        assert "position 2" in again.out
        assert house.bus(*words).code == 0
    assert len(house.runs()) == 1
    assert house.bus(*words).out.startswith("position 2")


def test_equal_data_in_another_spelling_is_a_duplicate_and_other_data_is_refused(house: House) -> None:
    """The same id names one event for ever; another source is another name."""
    house.deploy(_saga())
    house.publish("go", "--data", '{"n": 1, "m": 2}', "--id", "e-1")
    assert house.bus("publish", "go", "--data", '{"m":2,"n":1}', "--id", "e-1").code == 0
    for words in (("go", "--data", '{"n": 2}'), ("stop", "--data", '{"n": 1, "m": 2}'), ("go",)):
        refused = house.bus("publish", *words, "--id", "e-1")
        assert refused.code == 1
        assert "e-1" in refused.err and "Traceback" not in refused.err
    assert house.bus("publish", "go", "--data", '{"n": 2}', "--id", "e-1", "--source", "other").code == 0
    assert [event["type"] for event in house.log()] == ["saga.deployed", "go", "go"]


def test_a_refused_duplicate_is_refused_by_a_running_up_too(house: House) -> None:
    """In the same words."""
    house.deploy(_saga())
    house.publish("go", "--data", '{"n": 1}', "--id", "e-1")
    alone = house.bus("publish", "go", "--data", '{"n": 2}', "--id", "e-1")
    with house.up():
        served = house.bus("publish", "go", "--data", '{"n": 2}', "--id", "e-1")
        assert house.bus("publish", "go", "--data", '{"n": 1}', "--id", "e-1").out.startswith("position 2")
    assert (served.code, served.err) == (alone.code, alone.err) and served.code == 1


def test_wait_runs_out_with_6(house: House, services: Services) -> None:
    """With nobody to do the work, and with a participant that does not answer."""
    services.on("/a/one", Reply(hold="gate"))
    house.deploy(_saga())
    words = ("publish", "go", "--data", '{"n": 1}', "--id", "e-1", "--wait", "--timeout", "0.3")
    assert house.bus(*words).code == 6
    with house.up():
        services.arrived("/a/one")
        late = house.bus(*words)
        services.release("gate")
        assert (late.code, late.err.count("\n")) == (6, 2)
        assert house.bus(*words[:-1], "50").code == 0


def test_lines_publish_one_event_each(house: House) -> None:
    """From a file or standard input, with up or without; empty lines do not count, and a bad one is named."""
    house.deploy(_saga())
    house.write("events.ndjson", '{"n": 1}\n\n{"n": 2}\n{"n": 200}\n')
    assert "3 events" in house.ok("hms-bus", "publish", "go", "--lines", "@events.ndjson")
    with house.up():
        lines = "".join(f'{{"n": {n}}}\n' for n in range(50))
        assert "50 events" in house.ok("hms-bus", "publish", "go", "--lines", "-", *WAIT, stdin=lines)
    assert {row["state"] for row in house.runs()} == {"COMPLETED"}
    assert len(house.runs()) == 52
    bad = house.bus("publish", "go", "--lines", "-", stdin='{"n": 1}\n{"n": \n{"n": 2}\n')
    assert bad.code == 1 and "line 2" in bad.err and "Traceback" not in bad.err


def test_data_from_standard_input_and_from_a_file(house: House, services: Services) -> None:
    """`-` and `@FILE` mean the same as the text itself."""
    house.deploy(_saga())
    house.write("data.json", '{"n": 2}')
    house.ok("hms-bus", "publish", "go", "--data", "-", stdin='{"n": 1}')
    house.ok("hms-bus", "publish", "go", "--data", "@data.json")
    house.until_idle()
    assert [request.json["data"] for request in services.sent("/a/one")] == [{"n": 1}, {"n": 2}]


def test_numbers_in_the_data_arrive_as_they_were_written(house: House, services: Services) -> None:
    """Nothing is lost on the way through the log: neither digits nor letters."""
    house.deploy(_saga())
    data = '{"n": 1, "big": 12345678901234567890, "small": 1.10, "text": "ü\\u0000\\ud83d\\ude00"}'
    house.publish("go", "--data", data)
    with house.up():
        assert house.bus("publish", "go", "--data", data, *WAIT).code == 0
    bodies = [request.body for request in services.sent("/a/one")]
    assert len(bodies) == 2
    assert all(b"12345678901234567890" in body for body in bodies)
    assert [json.loads(body)["data"] for body in bodies] == [json.loads(data)] * 2


def test_a_second_up_is_refused_by_name(house: House) -> None:
    """It says who holds the store and where; the first goes on."""
    house.deploy(_saga())
    with house.up() as up:
        second = house.orch("up", "--port", "0")
        assert second.code == 1
        assert str(up.pid) in second.err and up.url in second.err
        assert len(second.err.strip().splitlines()) <= 2
        assert house.bus("publish", "go", "--data", '{"n": 1}', *WAIT).code == 0


def test_deploy_and_status_work_beside_a_running_up(house: House) -> None:
    """The write goes to the holder, and the new definition holds at once."""
    house.deploy(_saga())
    with house.up():
        house.deploy(_saga("b", "go.b"), "b.yaml")
        assert house.bus("publish", "go.b", "--data", '{"n": 1}', *WAIT).code == 0
        assert [row["saga"] for row in house.runs()] == ["b"]
        assert house.orch("undeploy", "b").code == 0
        assert house.bus("publish", "go.b", "--data", '{"n": 1}', *WAIT).code == 0
        assert len(house.runs()) == 1


def test_a_run_keeps_the_revision_it_started_with(house: House, services: Services) -> None:
    """A deploy in the middle of a run changes only the runs that come later."""
    services.on("/a/one", Reply(hold="gate"), ok())
    house.deploy(_saga())
    with house.up():
        house.publish("go", "--data", '{"n": 1}', "--id", "e-1")
        services.arrived("/a/one")
        house.deploy(_saga().replace("/a/two", "/a/three"))
        services.release("gate")
        assert house.bus("publish", "go", "--data", '{"n": 1}', "--id", "e-1", *WAIT).code == 0
        assert house.bus("publish", "go", "--data", '{"n": 2}', "--id", "e-2", *WAIT).code == 0
    assert (len(services.sent("/a/two")), len(services.sent("/a/three"))) == (1, 1)
    assert len({row["revision"] for row in house.runs()}) == 2


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        with error:
            return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_stopped_up_is_resumable(house: House, services: Services, number: signal.Signals, code: int) -> None:
    """A call in flight gets its time to end; no new one begins; the next `up` goes on from there."""
    services.on("/a/one", Reply(hold="gate"))
    house.deploy(_saga())
    with house.up() as up:
        house.publish("go", "--data", '{"n": 1}')
        services.arrived("/a/one")
        os.kill(up.pid, number)
        while _is_ready(up.url):
            pass
        services.release("gate")
        assert up.ended() == code
    assert services.sent("/a/two") == []
    house.until_idle()
    row = house.run()
    assert (row["state"], row["steps"][0]["attempts"]) == ("COMPLETED", 1)
    assert len(services.sent("/a/two")) == 1


def test_a_killed_up_leaves_a_store_that_the_next_command_can_use(house: House, services: Services) -> None:
    """The lock ends with its process, whatever its file still says."""
    services.on("/a/one", Reply(hold="gate"))
    house.deploy(_saga())
    with house.up() as up:
        house.publish("go", "--data", '{"n": 1}')
        services.arrived("/a/one")
        assert up.stop(signal.SIGKILL) == -signal.SIGKILL
    assert house.run()["state"] in ("RUNNING", "WAITING")
    house.publish("go", "--data", '{"n": 2}')
    services.release("gate")
    house.until_idle()
    assert [row["state"] for row in house.runs()] == ["COMPLETED"] * 2


def test_sagas_of_events_can_trigger_sagas(house: House) -> None:
    """A definition may listen to what the orchestrator records of another one."""
    house.deploy(_saga("first", "go"), "first.yaml")
    second = "id: second\ntrigger: saga.completed\nfilter: data.saga == 'first'\n"
    house.deploy(f"{second}steps:\n  - {{name: x, call: 'svc:/second'}}\n", "second.yaml")
    house.publish("go", "--data", '{"n": 1}')
    house.until_idle()
    assert [(row["saga"], row["state"]) for row in house.runs()] == [("second", "COMPLETED"), ("first", "COMPLETED")]


def test_a_filter_that_fails_starts_no_run_and_says_so(house: House) -> None:
    """On the console and in the log."""
    house.deploy(_saga())
    house.publish("go", "--data", '{"other": 1}')
    console = house.until_idle()
    assert "filter" in console
    assert house.runs() == []
    assert [event["type"] for event in house.log()][-1] == "saga.filter.failed"


def test_environment_twins_stand_in_for_the_file(house: House) -> None:
    """HMS_STORE_URL and HMS_SERVER_PORT: a store elsewhere, found by every command alike."""
    elsewhere = {"HMS_STORE_URL": f"sqlite:///{house.folder}/elsewhere/log.db", "HMS_SERVER_PORT": "0"}
    house.write("saga.yaml", _saga())
    house.ok("hms-orch", "deploy", "saga.yaml", env=elsewhere)
    house.ok("hms-bus", "publish", "go", "--data", '{"n": 1}', env=elsewhere)
    house.ok("hms-orch", "up", "--until-idle", env=elsewhere)
    (row,) = json.loads(house.ok("hms-orch", "status", "-o", "json", env=elsewhere))
    assert row["state"] == "COMPLETED"
    assert not house.store.exists()
    assert (house.folder / "elsewhere/log.db").exists()


def test_up_can_be_reached_by_url(house: House) -> None:
    """HMS_URL sends writes there, whatever the working folder."""
    house.deploy(_saga())
    away = House(house.folder / "away")
    away.folder.mkdir()
    with house.up() as up:
        away.ok("hms-bus", "publish", "go", "--data", '{"n": 1}', "--id", "e-1", env={"HMS_URL": up.url})
        assert house.bus("publish", "go", "--data", '{"n": 1}', "--id", "e-1", *WAIT).code == 0
    gone = away.bus("publish", "go", "--data", "{}", env={"HMS_URL": up.url})
    assert gone.code == 1 and "Traceback" not in gone.err
