"""`demo` runs the tutorial in one process, both ways, anywhere."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Ended, Run

COMMAND = Path(sys.executable).with_name("hms-orch")

COMPLETED = """\
▶ dol.benefit.increase.v1  START
✓ recalc_payments          117 956 payments updated
✓ send_notices             2 001 445 e-mails queued
✓ archive_rule             snapshot #834 saved
✔ dol.benefit.increase.v1  COMPLETED (TIME)
"""

ROLLED_BACK = """\
▶ dol.benefit.increase.v1  START
✓ recalc_payments          117 956 payments updated
↻ send_notices             503 notice-svc is closed for maintenance, attempt 2 in 1.0 s
↻ send_notices             503 notice-svc is closed for maintenance, attempt 3 in 1.0 s
✗ send_notices             503 notice-svc is closed for maintenance
↩ recalc_payments          compensated
✖ dol.benefit.increase.v1  FAILED send_notices: 503 notice-svc is closed for maintenance (TIME)
"""

INTRODUCTION = """\
The tutorial, with three services in this process, in FOLDER
  payment-svc  http://127.0.0.1:PORT
  notice-svc   http://127.0.0.1:PORT{notices}
  archive-svc  http://127.0.0.1:PORT
$ hms-orch deploy sagas/benefit-increase.yaml
$ hms-orch up                                # http://localhost:PORT
$ hms-bus publish policy.changed --data '{{"policyId":"dol.unemployment.v3"}}'
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(scratch: Path) -> dict[str, str]:
    """A user's, with settings for another store that the demo has nothing to do with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HMS_")}
    return {**kept, "TMPDIR": str(scratch), "HMS_STORE_URL": "sqlite:///elsewhere.db", "HMS_SERVER_PORT": "7600"}


@pytest.fixture
def busy() -> Iterator[None]:
    """A machine on which something has the port of `up`."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", 7600))
            listener.listen()
        except OSError:
            pass  # something has it already
        yield


def demo(environment: dict[str, str], *words: str) -> Ended:
    done = subprocess.run(
        [COMMAND, "demo", *words], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return Ended(done.returncode, masked(done.stdout), masked(done.stderr))


def masked(text: str) -> str:
    """Without what is another in each run."""
    text = re.sub(r"\(\d[^)]*\)", "(TIME)", re.sub(r"(\d|localhost):\d+", r"\1:PORT", text))
    return re.sub(r"in /\S+", "in FOLDER", text)


@pytest.mark.process
class TestAsAProcess:
    """The installed command."""

    @pytest.mark.usefixtures("busy")
    def test_it_completes_where_the_usual_port_is_taken(self, environment: dict[str, str], scratch: Path) -> None:
        ended = demo(environment)
        assert ended == Ended(
            0,
            COMPLETED,
            INTRODUCTION.format(notices="")
            + "10 events tell what happened. The same with a rollback: hms-orch demo --fail send_notices\n",
        )
        assert list(scratch.iterdir()) == list(Path().iterdir()) == []

    def test_a_step_that_fails_shows_the_rollback_and_ends_with_0(
        self, environment: dict[str, str], scratch: Path
    ) -> None:
        ended = demo(environment, "--fail", "send_notices")
        assert ended == Ended(
            0,
            ROLLED_BACK,
            INTRODUCTION.format(notices="  answers 503, Retry-After: 1")
            + "15 events tell what happened. A 503 with Retry-After says that nothing was done yet, so\n"
            "send_notices itself is not undone; without Retry-After it would be, as then nobody knows.\n",
        )
        assert list(scratch.iterdir()) == []

    @pytest.mark.parametrize(
        ("step", "undone"), [("recalc_payments", []), ("archive_rule", ["send_notices", "recalc_payments"])]
    )
    def test_what_came_before_the_failing_step_is_undone_in_reverse(
        self, environment: dict[str, str], step: str, undone: list[str]
    ) -> None:
        ended = demo(environment, "--fail", step)
        assert ended.code == 0
        assert re.findall(r"↩ (\w+) +compensated", ended.out) == undone
        assert ended.out.splitlines()[-1].startswith(f"✖ dol.benefit.increase.v1  FAILED {step}: 503 ")

    def test_a_kept_folder_is_one_to_work_in(self, environment: dict[str, str], tmp_path: Path) -> None:
        folder = tmp_path / "a" / "tutorial"
        ended = demo(environment, "--keep", str(folder))
        assert ended.code == 0
        assert ended.err.endswith("&& hms-orch status && hms-bus tail --from 1 --no-follow\n")
        assert (folder / "sagas/benefit-increase.yaml").read_bytes() == _seed()
        plain = {name: value for name, value in environment.items() if not name.startswith("HMS_")}
        for words in (("replay",), ("replay", "--verify"), ("status", "--fail-on", "failed"), ("validate", "sagas")):
            subprocess.run([COMMAND, *words], cwd=folder, env=plain, check=True, capture_output=True, timeout=60)

    def test_ctrl_c_ends_it_with_130_and_leaves_nothing(self, environment: dict[str, str], scratch: Path) -> None:
        with subprocess.Popen(
            [COMMAND, "demo"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # As at a terminal: whatever runs the tests in the background may have had it ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().endswith("START\n")
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "Traceback" not in err
        assert list(scratch.iterdir()) == []


def test_an_unknown_step_is_wrong_usage(orch: Run) -> None:
    assert orch("demo", "--fail", "nope") == Ended(
        2,
        "",
        "error: the tutorial has no step 'nope'\nhint: its steps are recalc_payments, send_notices, archive_rule\n",
    )


def test_a_folder_with_something_in_it_is_left_alone(orch: Run) -> None:
    Path("mine").mkdir()
    Path("mine/note").touch()
    assert orch("demo", "--keep", "mine") == Ended(1, "", "error: mine is not empty\nhint: give --keep a new folder\n")


def test_a_file_is_no_folder(orch: Run) -> None:
    Path("mine").touch()
    assert orch("demo", "--keep", "mine").err.startswith("error: mine cannot be used: File exists\n")


def _seed() -> bytes:
    return (Path(__file__).parents[2] / "sagas/benefit-increase.yaml").read_bytes()
