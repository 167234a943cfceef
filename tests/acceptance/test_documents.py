"""The examples of the README and of docs/, executed as they stand; only ports are other ones."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.house import ROOT, House, masked
from tests.acceptance.services import Services, closed_port, ok, problem
from tests.documents import README, document, marked

pytestmark = pytest.mark.process


@contextmanager
def script(house: House, source: str, ports: list[int]) -> Iterator[None]:
    """A Python program of a document, while it listens on these ports in place of 9001, 9002, 9003."""
    for number, port in enumerate(ports, 9001):
        source = source.replace(str(number), str(port))
    process = subprocess.Popen([sys.executable, "-c", source], cwd=house.folder, stderr=subprocess.DEVNULL)
    try:
        for port in ports:
            while True:
                assert process.poll() is None, "the program has ended"
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=10).close()
                    break
                except ConnectionRefusedError:
                    continue
        yield
    finally:
        process.kill()
        process.wait()


def words_of(block: str) -> list[list[str]]:
    """The commands of a block, without comments, as words."""
    import shlex

    return [found for line in block.splitlines() if (found := shlex.split(line, comments=True))]


def test_the_tutorial_of_the_readme(tmp_path: Path) -> None:
    """An empty folder, the commands as they are printed, the console as it is printed."""
    house = House(tmp_path)
    ports = [closed_port() for _ in range(3)]
    (init,) = words_of(marked(README, "tutorial: init"))
    house.ok(*init)
    for_editors, written = (tmp_path / "sagas/benefit-increase.yaml").read_text().split("\n", 1)
    assert for_editors.startswith("# yaml-language-server: ")
    assert written == (ROOT / "sagas/benefit-increase.yaml").read_text()
    toml = tmp_path / "hms-orch.toml"
    for number, port in enumerate(ports, 9001):
        toml.write_text(toml.read_text().replace(str(number), str(port)))
    program = marked(README, "tutorial: services").split("<<'PY'\n")[1].split("\nPY\n")[0]
    deploy, up = words_of(marked(README, "tutorial: up"))
    (publish,) = words_of(marked(README, "tutorial: publish"))
    assert up == ["hms-orch", "up"]
    with script(house, program, ports):
        house.ok(*deploy)
        with house.up() as running:
            house.ok(*publish, "--wait", "--timeout", "50")
    assert masked(running.out) == masked(marked(README, "tutorial: console"))


def test_the_rollback_of_the_readme(house: House, services: Services) -> None:
    """The console as it is printed when the second service refuses."""
    services.on("/recalc", ok(message="117 956 payments updated"))
    services.on("/broadcast", problem(422, "the mail gateway is closed"))
    house.ok("hms-orch", "deploy", str(ROOT / "sagas/benefit-increase.yaml"))
    (publish,) = words_of(marked(README, "tutorial: publish"))
    house.ok(*publish)
    assert masked(house.until_idle()) == masked(marked(README, "tutorial: rollback"))


def test_the_saga_of_the_readme_is_the_file(tmp_path: Path) -> None:
    """What is shown is what `init` writes, but for its first comment."""
    shown = README.split("```yaml\n")[1].split("```")[0]
    file = (ROOT / "sagas/benefit-increase.yaml").read_text()
    assert shown == "".join(line for line in file.splitlines(keepends=True) if not line.startswith("#"))


def asked(port: int, **envelope: Any) -> tuple[int, dict[str, Any]]:
    """What the service of the page answers."""
    data = json.dumps({"sagaId": "r", "step": "recalc", "data": {"policyId": "p"}, **envelope}).encode()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/recalc", data, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_service_of_the_participants_page_keeps_the_duties(tmp_path: Path) -> None:
    """The same call twice is one; an undo that comes first is accepted; the call behind it is refused."""
    port = closed_port()
    with script(House(tmp_path), marked(document("participants.md"), "example: service"), [port]):
        assert asked(port, op="call") == (200, {"message": "raised p"})
        assert asked(port, op="call") == (200, {"message": "raised p"})
        assert asked(port, op="compensate") == (200, {"message": "reverted"})
        assert asked(port, op="call") == (409, {"message": "undone before it came"})
        assert asked(port, op="compensate", sagaId="unseen") == (200, {"message": "nothing to revert"})
        assert asked(port, op="call", sagaId="unseen") == (409, {"message": "undone before it came"})


def test_the_service_of_the_participants_page_runs_a_saga(tmp_path: Path) -> None:
    """Three of them behind the three names of the tutorial."""
    house = House(tmp_path)
    ports = [closed_port() for _ in range(3)]
    source = marked(document("participants.md"), "example: service")
    names = ("payment_svc", "notice_svc", "archive_svc")
    house.address_book(**{name: f"http://127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)})
    house.ok("hms-orch", "deploy", str(ROOT / "sagas/benefit-increase.yaml"))
    house.publish("policy.changed", "--data", '{"policyId":"dol.unemployment.v3"}')
    with ExitStack() as running:
        for port in ports:
            running.enter_context(script(house, source, [port]))
        house.until_idle()
    assert house.run()["state"] == "COMPLETED"


def test_the_fence_of_the_participants_page_refuses_a_stale_holder(house: House, services: Services) -> None:
    """With the headers of two runs that held the lock one after the other."""
    house.deploy("id: a.v1\ntrigger: a\nlock: data.person\nsteps:\n  - name: pay\n    call: payment-svc:/pay\n")
    house.publish("a", "--data", '{"person": "p-17"}')
    house.publish("a", "--data", '{"person": "p-17"}')
    house.until_idle()
    first, second = ({"HMS-Fence": request.headers["hms-fence"]} for request in services.sent("/pay"))
    known: dict[str, Any] = {}
    exec(marked(document("participants.md"), "example: fence"), known)
    told = [known["is_stale"]("p-17", headers) for headers in (first, first, second, second, first)]
    assert told == [False, False, False, False, True]
    assert not known["is_stale"]("p-18", first)


def test_the_follower_of_the_participants_page_undoes_what_it_hears_of(house: House, services: Services) -> None:
    """The saga of the page; what comes behind the step is refused, so the undo is asked for by event, run after run."""
    house.address_book(**dict.fromkeys(("care_svc", "aids_svc", "insurer_svc"), services.url))
    house.deploy((ROOT / "sagas/undo-by-event.yaml").read_text())
    services.on("/orders", problem(422, "out of stock"))
    source = marked(document("participants.md"), "example: undo")
    with house.up() as up, script(house, source.replace("http://localhost:7600", up.url), []):
        for _ in range(2):
            assert house.bus("publish", "care.level.raised", "--wait", "--timeout", "50").code == 1
    assert [(row["state"], row["steps"][0]["state"]) for row in house.runs()] == [("FAILED", "COMPENSATED")] * 2


def test_the_token_is_verified_as_the_participants_page_says(house: House, services: Services) -> None:
    """The example, against the keys of a running `up`, with the token of a call that it made."""
    house.deploy("id: a.v1\ntrigger: a\nsteps:\n  - name: pay\n    call: payment-svc:/pay\n")
    source = marked(document("participants.md"), "example: verify")
    with house.up() as up:
        house.publish("a", "--wait", "--timeout", "50")
        (request,) = services.requests
        known: dict[str, Any] = {}
        exec(source.replace("http://localhost:7600", up.url), known)
        claims = known["claims_of"](request.headers["authorization"])
    assert (claims["sub"], claims["step"], claims["op"], claims["attempt"]) == (
        request.json["sagaId"],
        "pay",
        "call",
        1,
    )
    assert claims["exp"] - claims["iat"] <= 60


def test_the_unit_of_the_operations_page_starts_what_exists() -> None:
    """`up` takes no option there, and the stop has more time than calls in flight get."""
    unit = dict(
        line.split("=", 1) for line in marked(document("operations.md"), "example: unit").splitlines() if "=" in line
    )
    assert unit["ExecStart"].endswith("/hms-orch up")
    assert int(unit["TimeoutStopSec"]) > 5
