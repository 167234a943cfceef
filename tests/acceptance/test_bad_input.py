"""What people get wrong: each gets one clear line with a hint on stderr, exit code 1 or 2, and nothing is lost.

Never a traceback, never a half state: after each refusal the store holds what it held before.
"""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.house import Done, House
from tests.acceptance.services import Services
from tests.participant.fake_service import Reply

pytestmark = pytest.mark.process

SAGA = """
id: a
trigger: go
steps:
  - name: one
    call: svc:/one
    compensate: svc:/unone
retry: {attempts: 2, backoffMs: 10, jitter: 0}
timeoutMs: 400
"""


def refused(done: Done, *words: str, code: int = 1, lines: int = 2) -> None:
    """The command ended as an expected failure does: a line with these words, and a hint."""
    assert done.code == code, done
    assert "Traceback" not in done.err and "Traceback" not in done.out
    assert 1 <= len(done.err.strip().splitlines()) <= lines, done.err
    assert done.err.startswith("error: "), done.err
    assert "hint: " in done.err, done.err
    for word in words:
        assert word in done.err, f"{word!r} is not in {done.err!r}"
    assert done.out == ""


BAD_SAGAS = {
    "not-yaml": (SAGA + "steps: [\n", ["yaml"]),
    "not-a-mapping": ("- a\n- b\n", ["map"]),
    "empty": ("", ["no saga"]),
    "binary": ("\x00\x01\x02", []),
    "wrong-type": (SAGA.replace("400", "soon"), ["timeoutMs"]),
    "unknown-key": (SAGA.replace("timeoutMs", "timeoutMS"), ["timeoutMS", "timeoutMs"]),
    "unknown-step-key": (SAGA.replace("compensate:", "compensat:"), ["compensat", "compensate"]),
    "no-steps": ("id: a\ntrigger: go\n", ["steps"]),
    "bad-cel": (SAGA + "filter: data.n ==\n", ["filter"]),
    "cel-not-boolean": (SAGA + "filter: '1 + 1'\n", ["filter"]),
    "cel-unknown-name": (SAGA + "filter: dat.n == 1\n", ["dat"]),
    "same-step-twice": (SAGA.replace("retry:", "  - {name: one, call: 'svc:/x'}\nretry:"), ["one"]),
    "same-key-twice": (SAGA + "id: b\n", ["id"]),
    "bad-call": (SAGA.replace("svc:/one", "one"), ["one"]),
    "address-literal": (SAGA.replace("svc:/one", "127.0.0.1:/one"), ["127.0.0.1"]),
    "bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nid: [*b, *b]\n", []),
}


@pytest.mark.parametrize("name", BAD_SAGAS)
def test_a_saga_file_with_a_mistake_is_not_deployed(house: House, name: str) -> None:
    """The place is named (file:line:column), with a fix; nothing is recorded."""
    text, words = BAD_SAGAS[name]
    house.deploy(SAGA.replace("id: a", "id: before"), "before.yaml")
    house.write("bad.yaml", text)
    for verb in ("validate", "deploy"):
        done = house.orch(verb, "bad.yaml")
        assert done.code == 1, done
        said = done.err + done.out
        assert "bad.yaml:" in said and "Traceback" not in said
        for word in words:
            assert word.lower() in said.lower(), f"{word!r} is not in {said!r}"
    assert [event["type"] for event in house.log()] == ["saga.deployed"]


def test_one_bad_file_of_several_keeps_all_of_them_out(house: House) -> None:
    """No half state: the good one beside it is not deployed either."""
    house.write("sagas/a.yaml", SAGA)
    house.write("sagas/b.yaml", "id: b\n")
    assert house.orch("deploy", "sagas").code == 1
    assert not house.store.exists() or house.log() == []


def test_an_unknown_service_is_refused_under_strict_only(house: House) -> None:
    """Without it, it is taken for a host name, with a warning."""
    house.write("saga.yaml", SAGA.replace("svc:/one", "cvs:/one"))
    assert house.orch("validate", "saga.yaml").code == 0
    strict = house.orch("validate", "saga.yaml", "--strict")
    assert strict.code == 1
    assert "cvs" in strict.out + strict.err and "service set" in strict.out + strict.err


def test_a_file_that_is_not_there_is_named(house: House) -> None:
    """For deploy, validate and --data alike."""
    refused(house.orch("deploy", "nowhere.yaml"), "nowhere.yaml")
    refused(house.bus("publish", "go", "--data", "@nowhere.json"), "nowhere.json")
    refused(house.bus("publish", "go", "--lines", "@nowhere.json"), "nowhere.json")
    done = house.orch("validate", "nowhere.yaml")
    assert done.code in (1, 2) and "nowhere.yaml" in done.err + done.out


BAD_DATA = ["{", "{'n': 1}", "", "NaN", '{"n": 1} x']


@pytest.mark.parametrize("data", BAD_DATA, ids=["open", "single-quotes", "empty", "nan", "trailing"])
def test_data_that_is_not_json_is_refused(house: House, data: str) -> None:
    """As an argument, and from standard input."""
    refused(house.bus("publish", "go", "--data", data), "JSON")
    refused(house.bus("publish", "go", "--data", "-", stdin=data), "JSON")
    assert not house.store.exists() or house.log() == []


def test_data_that_is_not_text_is_refused(house: House) -> None:
    """Bytes that are not UTF-8."""
    refused(house.bus("publish", "go", "--data", "-", stdin=b'{"n": "\xff"}'), "UTF-8")


def test_deeply_nested_data_is_refused_or_taken_but_never_a_crash(house: House, services: Services) -> None:
    """100,000 brackets."""
    house.deploy(SAGA)
    done = house.bus("publish", "go", "--data", "-", stdin="[" * 100_000 + "]" * 100_000)
    assert done.code in (0, 1) and "Traceback" not in done.err
    house.publish("go", "--data", '{"n": 1}', "--id", "e-2")
    house.until_idle()
    assert "COMPLETED" in {row["state"] for row in house.runs()}


@pytest.mark.parametrize("running", [False, True], ids=["alone", "beside-up"])
def test_data_of_10_mb_is_refused(house: House, running: bool) -> None:
    """With its size and the limit, from a file and in --lines; smaller ones still go through."""
    house.deploy(SAGA)
    big = house.write("big.json", '{"n": "' + "x" * 10_000_000 + '"}')
    assert big.stat().st_size > 10_000_000

    def tries() -> None:
        refused(house.bus("publish", "go", "--data", "@big.json"), "1048576")
        refused(house.bus("publish", "go", "--lines", "@big.json"), "line 1")
        house.publish("go", "--data", '{"n": "' + "x" * 100_000 + '"}')

    if running:
        with house.up():
            tries()
    else:
        tries()
    assert [event["type"] for event in house.log() if event["source"] == "hms-bus"] == ["go"]


@pytest.mark.parametrize("kind", ["saga.completed", "saga.x", "hitl.decided"])
@pytest.mark.parametrize("command", ["hms-orch", "hms-bus"])
def test_reserved_types_are_refused(house: House, kind: str, command: str) -> None:
    """They are the orchestrator's own."""
    refused(house.command(command, "publish", kind, "--data", "{}"), kind)


def test_attributes_that_no_event_can_have_are_refused(house: House) -> None:
    """Empty, too long, control characters."""
    for words in (["go", "--id", ""], ["go", "--id", "a\nb"], ["go", "--source", ""], ["", "--id", "x"], ["x" * 2000]):
        refused(house.bus("publish", *words))
    assert not house.store.exists() or house.log() == []


def test_wrong_usage_ends_with_2(house: House) -> None:
    """Unknown option, missing argument, unknown verb, value of the wrong type."""
    for words in (
        ["publish"],
        ["publish", "go", "--dat", "1"],
        ["publish", "go", "--wait", "--timeout", "-1"],
        ["nonsense"],
        ["up", "--port", "many"],
    ):
        done = house.orch(*words)
        assert done.code == 2, (words, done)
        assert done.err and "Traceback" not in done.err
    refused(house.bus("publish", "go", "--lines", "x.json"), "--lines", code=2)
    refused(house.bus("publish", "go", "--lines", "-", "--data", "1"), "--lines", code=2)


def test_a_port_in_use_is_named(house: House) -> None:
    """And the store is free again afterwards."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(house.orch("up", "--port", str(port)), str(port))
    house.publish("go", "--data", "1")


def test_a_port_that_is_none_is_refused(house: House) -> None:
    """Beyond 65535, or negative."""
    for port in ("70000", "-1"):
        done = house.orch("up", "--port", port)
        assert done.code == 2 and port in done.err and "Traceback" not in done.err


def test_an_address_beyond_this_machine_needs_a_token(house: House) -> None:
    """It refuses to start without one."""
    refused(house.orch("up", "--host", "0.0.0.0", "--port", "0"), "token")


def _prepared(house: House) -> bytes:
    house.deploy(SAGA)
    house.publish("go", "--data", "1")
    return house.store.read_bytes()


COMMANDS: Sequence[tuple[str, ...]] = (
    ("hms-orch", "status"),
    ("hms-orch", "up", "--port", "0", "--until-idle"),
    ("hms-bus", "publish", "go", "--data", "2"),
    ("hms-bus", "tail", "--no-follow"),
    ("hms-orch", "deploy", "saga.yaml"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[1])
def test_a_store_of_a_newer_version_is_left_alone(house: House, command: tuple[str, ...]) -> None:
    """Every command says so, and not a byte changes."""
    _prepared(house)
    house.write("saga.yaml", SAGA.replace("id: a", "id: b"))
    with sqlite3.connect(house.store) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = house.store.read_bytes()
    done = house.command(*command)
    refused(done, "newer", "events.db")
    assert house.store.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"this is a diary, not a database\n" * 100, b"x", "sqlite"], ids=["text", "a-byte", "another-database"]
)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[1])
def test_a_file_that_is_no_store_is_left_alone(house: House, command: tuple[str, ...], content: bytes | str) -> None:
    """Text, a scrap, or a database of something else: refused, and not a byte changes."""
    house.write("saga.yaml", SAGA)
    house.store.parent.mkdir(mode=0o700)
    if isinstance(content, bytes):
        house.store.write_bytes(content)
    else:
        with sqlite3.connect(house.store) as db:
            db.execute("CREATE TABLE diary (day TEXT)")
        db.close()
    before = house.store.read_bytes()
    refused(house.command(*command), "events.db")
    assert house.store.read_bytes() == before


def test_without_a_store_reading_says_that_there_is_none(house: House) -> None:
    """Nothing is made by looking."""
    for words in (("hms-orch", "status"), ("hms-bus", "tail", "--no-follow")):
        done = house.command(*words)
        assert done.code in (0, 1) and done.err and "Traceback" not in done.err
    assert not house.store.exists()


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def _powerless() -> Sequence[str]:
    """Words that drop the rights of root in front of a command; a reason to skip where there is no way."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("runs as root, whom a read-only folder does not stop, and setpriv is not installed")
    return NOBODY


@pytest.fixture
def read_only(tmp_path_factory: pytest.TempPathFactory, services: Services) -> Iterator[House]:
    """A house of nobody's: its folder can be read and not written."""
    folder = tmp_path_factory.mktemp("read-only")
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    house = House(folder)
    house.address_book(svc=services.url)
    house.write("saga.yaml", SAGA)
    yield house
    folder.chmod(0o755)


@pytest.mark.parametrize("command", COMMANDS[1:3] + COMMANDS[4:], ids=lambda words: words[1])
def test_a_read_only_folder_is_refused(read_only: House, command: tuple[str, ...]) -> None:
    """Named, with nothing half made."""
    before = _powerless()
    if (
        before
        and subprocess.run(
            [*before, "cat", read_only.folder / "saga.yaml"], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("the folder for temporary files is closed to other users")
    read_only.folder.chmod(0o555)
    done = read_only.command(*command, before=before)
    if "No such file" in done.err or ("Permission denied" in done.err and "hms-orch'" in done.err):
        pytest.skip(f"another user cannot start the command: {done.err.strip()}")
    refused(done, ".hms")
    assert sorted(path.name for path in read_only.folder.iterdir()) == ["hms-orch.toml", "saga.yaml"]


@pytest.fixture
def small_disk(tmp_path: Path, services: Services) -> Iterator[House]:
    """A house on a disk of 1 MiB of its own."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.decode().strip()}")
    house = House(folder)
    house.address_book(svc=services.url)
    try:
        yield house
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_refuses_and_loses_nothing(small_disk: House) -> None:
    """What was acknowledged is there; once there is room, everything goes on."""
    small_disk.deploy(SAGA)
    data = '{"n": "' + "x" * 50_000 + '"}'
    taken = 0
    while (done := small_disk.bus("publish", "go", "--data", data)).code == 0:
        taken += 1
        assert taken < 40, "1 MiB took 2 MB"
    refused(done, "space")
    kept = [event["type"] for event in small_disk.log()]
    assert kept == ["saga.deployed", *["go"] * taken]
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk.folder], check=True)
    small_disk.until_idle()
    assert [row["state"] for row in small_disk.runs()] == ["COMPLETED"] * taken


def test_a_disk_that_fills_up_under_up_stops_it_cleanly(small_disk: House, services: Services) -> None:
    """`up` says so and ends; nothing acknowledged is lost, and the next one goes on."""
    small_disk.deploy(SAGA)
    (small_disk.folder / "ballast").write_bytes(b"x" * 300_000)
    taken = 0
    with small_disk.up() as up:
        done = small_disk.bus("publish", "go", "--data", '{"n": "' + "x" * 50_000 + '"}')
        while done.code == 0:
            taken += 1
            assert taken < 40
            done = small_disk.bus("publish", "go", "--data", '{"n": "' + "x" * 50_000 + '"}')
        assert done.code == 1 and "Traceback" not in done.err
    assert "Traceback" not in up.err
    (small_disk.folder / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk.folder], check=True)
    small_disk.until_idle()
    assert {row["state"] for row in small_disk.runs()} == {"COMPLETED"}
    assert len(small_disk.runs()) == taken


BAD_SERVICES = {
    "garbage": Reply(act="garbage"),
    "100-mb": Reply(act="huge"),
    "a-byte-at-a-time": Reply(act="slow_bytes"),
    "silence": Reply(act="silent"),
    "endless-head": Reply(act="huge_headers"),
    "elsewhere": Reply(307, headers={"location": "/elsewhere"}),
}


@pytest.mark.parametrize("name", BAD_SERVICES)
def test_a_service_that_misbehaves_fails_the_run_and_nothing_else(house: House, services: Services, name: str) -> None:
    """The run ends FAILED with a reason, in bounded time and memory; `up` ends with 0."""
    services.on("/one", BAD_SERVICES[name])
    house.deploy(SAGA)
    house.publish("go", "--data", "1")
    done = house.orch("up", "--port", "0", "--until-idle")
    assert (done.code, "Traceback" in done.err) == (0, False)
    row = house.run()
    assert row["state"] == "FAILED"
    assert row["reason"].startswith("one: ") and len(row["reason"]) <= 500
    assert services.sent("/elsewhere") == []
    undone = name != "elsewhere"
    assert len(services.sent("/unone")) == undone


def test_what_a_service_says_reaches_the_terminal_harmless(house: House, services: Services) -> None:
    """Escape sequences, carriage returns and bidi marks are shown, not obeyed."""
    services.on("/one", Reply(422, json={"message": "\x1b[2J\x1b]0;owned\x07 \r\u202e evil\nnew line"}))
    house.deploy(SAGA)
    house.publish("go", "--data", "1")
    console = house.until_idle() + house.ok("hms-orch", "status")
    for sign in ("\x1b", "\x07", "\r", "\u202e"):
        assert sign not in console
    assert len([line for line in console.splitlines() if line.startswith("✗")]) == 1


def test_a_config_with_a_mistake_is_named(house: House) -> None:
    """Not TOML, an unknown key, a wrong type, an address that no call may go to."""
    for text, word in (
        ("[store\n", "hms-orch.toml"),
        ("[stoer]\nurl = 'x'\n", "stoer"),
        ("[server]\nport = 'many'\n", "port"),
        ("[store]\nurl = 'mysql://x'\n", "mysql"),
        ("[bus]\nurl = 'kafka://x'\n", "kafka"),
        ("[services]\nsvc = 'http://169.254.169.254/'\n", "169.254.169.254"),
    ):
        house.write("hms-orch.toml", text)
        refused(house.orch("up", "--port", "0", "--until-idle"), word)
    refused(house.orch("status", env={"HMS_SERVER_PORT": "many"}), "HMS_SERVER_PORT")
