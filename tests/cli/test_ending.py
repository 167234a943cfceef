"""How a process ends: exit codes, the line on stderr, the report of a bug."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hms_orch_cli.cli import bugreport
from hms_orch_cli.cli.ending import exit_code_of
from hms_orch_cli.errors import HmsError, TimedOut, UsageError


def ending_of(error: BaseException) -> int:
    """The exit code of a program that ends with `error`."""

    def main() -> None:
        raise error

    return exit_code_of(main, ["validate"])


@pytest.mark.parametrize(
    ("error", "code", "err"),
    [
        (HmsError("no", "do"), 1, "error: no\nhint: do\n"),
        (HmsError("no"), 1, "error: no\n"),
        (UsageError("no"), 2, "error: no\n"),
        (TimedOut("late"), 6, "error: late\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 1, ""),
        (SystemExit(4), 4, ""),
        (SystemExit(None), 0, ""),
    ],
)
def test_each_end_has_its_code_and_its_words(
    error: BaseException, code: int, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending_of(error) == code
    assert capsys.readouterr() == ("", err)


class TestBug:
    def test_a_bug_is_one_line_that_names_a_private_report(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["/bin/hms-orch", "validate", "--data", "s3cret", "--token=s3cret", "s3cret"])
        assert ending_of(ZeroDivisionError("a\x1b[31mb")) == 3
        out, err = capsys.readouterr()
        [report] = (tmp_path / "state" / "hms-orch").iterdir()
        assert out == ""
        assert err == (
            f"error: this is a bug in hms-orch: ZeroDivisionError; the report is in {report}\n"
            "hint: please send it with a word on what you did\n"
        )
        text = report.read_text()
        assert stat.S_IMODE(report.stat().st_mode) == 0o600
        assert "command  hms-orch validate --data … --token=… …\n" in text
        assert "s3cret" not in text
        assert "\x1b" not in text
        assert "ending_of" not in text.partition("Traceback")[0]
        assert "in main" in text

    def test_without_a_home_it_goes_to_a_temporary_folder(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        in_the_way = tmp_path / "file"
        in_the_way.touch()
        monkeypatch.setenv("XDG_STATE_HOME", str(in_the_way))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert ending_of(ZeroDivisionError()) == 3
        assert f"the report is in {tmp_path}/hms-orch-bug-" in capsys.readouterr().err

    def test_where_no_folder_takes_it_it_goes_to_stderr(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setattr(bugreport, "state_folders", lambda: (tmp_path / "file" / "below",))
        assert ending_of(ZeroDivisionError()) == 3
        err = capsys.readouterr().err
        assert "ZeroDivisionError" in err
        assert "no folder takes the report" in err


@pytest.mark.process
class TestProcess:
    """The same as real processes, whose streams a shell can close."""

    def orch(self, *args: str, **about: object) -> "subprocess.Popen[str]":
        """`hms-orch` as a process."""
        command = [sys.executable, "-m", "hms_orch_cli", *args]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **about)  # type: ignore[call-overload, no-any-return]

    def test_a_reader_that_has_gone_is_no_noise(self) -> None:
        read, write = os.pipe()
        os.close(read)
        ended = self.orch("schema", stdout=write)
        os.close(write)
        assert (ended.communicate()[1], ended.returncode) == ("", 1)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_full_disk_behind_stdout_is_an_error(self) -> None:
        with Path("/dev/full").open("w") as full:
            ended = self.orch("completion", "fish", stdout=full)
            _, err = ended.communicate()
        assert (err, ended.returncode) == ("error: the result cannot be written: No space left on device\n", 1)

    def test_a_closed_stdout_is_no_bug(self) -> None:
        command = f"{sys.executable} -m hms_orch_cli completion fish >&-"
        ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        assert (ended.stdout, ended.stderr) == ("", "")

    def test_signs_that_the_encoding_has_not_are_written_out(self) -> None:
        environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
        ended = self.orch("doctor", stdout=subprocess.PIPE, env=environ)
        out, err = ended.communicate()
        assert (out.isascii(), err, ended.returncode) == (True, "", 0)
        assert "\\u2713 python" in out
