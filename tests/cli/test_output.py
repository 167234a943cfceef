"""The only printer: what it lets through, where it prints, how it looks."""

import json
import sys
from types import SimpleNamespace

import pytest

from hms_orch_cli.cli import output
from hms_orch_cli.cli import progress as progress_module
from hms_orch_cli.cli.progress import FIRST_LINE_S, NEXT_LINE_S, progress
from hms_orch_cli.errors import HmsError
from hms_orch_cli.saga.moment import duration

HOSTILE = "a\x1b[2J\x1b]52;c;eA==\x07\x9b31m\u202eb\u200b\r\n\x7f\ud800é漢"
SHOWN = r"a\x1b[2J\x1b]52;c;eA==\x07\x9b31m\u202eb\u200b\x0d\x0a\x7f\ud800é漢"


class Terminal:
    """A stream that is a terminal and remembers."""

    encoding = "utf-8"
    closed = False

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None: ...


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """stdout and stderr on one colour terminal."""
    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    for module in (output, progress_module):  # not sys itself: pytest sets its streams anew before each test
        monkeypatch.setattr(module, "sys", SimpleNamespace(stdout=screen, stderr=screen))
    return screen


class TestSafety:
    def test_hostile_text_is_shown_not_obeyed(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.result(HOSTILE)
        output.note(HOSTILE)
        output.error(HOSTILE, HOSTILE)
        output.warning(HOSTILE)
        output.table(["N"], [[HOSTILE]])
        out, err = capsys.readouterr()
        assert out == f"{SHOWN}\nN\n{SHOWN}\n"
        assert err == f"{SHOWN}\nerror: {SHOWN}\nhint: {SHOWN}\nwarning: {SHOWN}\n"

    def test_on_a_terminal_too_and_inside_colour(self, screen: Terminal) -> None:
        output.result(output.styled(HOSTILE, "bold red"), HOSTILE)
        assert screen.text == f"\x1b[1;31m{SHOWN}\x1b[0m{SHOWN}\n"

    def test_a_table_on_a_terminal_neither_obeys_nor_reads_markup(self, screen: Terminal) -> None:
        output.table(["N"], [["[red]x[/red] :boom: \x1b[31m"]])
        assert r"[red]x[/red] :boom: \x1b[31m" in screen.text

    def test_json_is_ascii_whatever_is_in_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.as_json([HOSTILE])
        out, err = capsys.readouterr()
        assert (out.isascii(), [c for c in out if (c < " " and c != "\n") or c == "\x7f"], err) == (True, [], "")
        assert json.loads(out) == [HOSTILE]

    def test_json_is_json(self) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            output.json_text(float("nan"))

    def test_our_own_text_keeps_its_lines_only(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.text("a\n  b\x1b\n")
        assert capsys.readouterr().out == "a\n  b\\x1b\n"


class TestColour:
    def test_on_a_terminal(self, screen: Terminal) -> None:
        output.error("no", "yes")
        assert screen.text == "\x1b[31merror:\x1b[0m no\n\x1b[36mhint:\x1b[0m yes\n"

    @pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
    def test_never_against_the_wish_of_the_user(
        self, screen: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        output.error("no")
        output.table(["A"], [["x"]])
        with progress("work", 1) as advance:
            advance(1)
        assert screen.text == "error: no\nA\nx\n"

    def test_never_off_a_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.result(output.styled("x", "red"))
        assert capsys.readouterr().out == "x\n"


class TestTable:
    def test_columns_are_aligned_without_blanks_at_the_end(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.table(["NAME", "URL"], [["a", "http://a"], ["long-name", output.styled("x", "red")]])
        assert capsys.readouterr().out == "NAME       URL\na          http://a\nlong-name  x\n"


class TestStreams:
    def test_a_closed_stdout_is_nobody_to_tell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        output.result("x")
        output.as_json([])
        output.plain_lines([["x"]])

    def test_a_full_disk_is_an_error_of_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Full(Terminal):
            def write(self, text: str) -> int:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(sys, "stdout", Full())
        with pytest.raises(HmsError, match="the result cannot be written: No space left on device"):
            output.result("x")


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (-1, "0 ms"),
        (0, "0 ms"),
        (840, "840 ms"),
        (999.9, "999 ms"),
        (1_000, "1.0 s"),
        (2_149, "2.1 s"),
        (59_999, "59.9 s"),
        (60_000, "1 m 0 s"),
        (194_000, "3 m 14 s"),
        (3_599_999, "59 m 59 s"),
        (3_600_000, "1 h 0 m"),
        (18_120_000, "5 h 2 m"),
        (86_400_000, "1 d 0 h"),
        (273_600_000, "3 d 4 h"),
    ],
)
def test_durations_as_people_say_them(ms: float, words: str) -> None:
    assert duration(ms) == words


class TestProgress:
    def test_short_work_says_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        with progress("replay", 100) as advance:
            advance(100)
        assert capsys.readouterr() == ("", "")

    def test_long_work_says_a_line_now_and_then(self, capsys: pytest.CaptureFixture[str]) -> None:
        now = 0.0
        with progress("replay", 1_000, now=lambda: now) as advance:
            for _ in range(100):
                advance(10)
                now += (FIRST_LINE_S + NEXT_LINE_S) / 100
        out, err = capsys.readouterr()
        assert out == ""
        assert err == "replay: 180 of 1000 events (18 %)\n"

    def test_without_a_total_it_counts(self, capsys: pytest.CaptureFixture[str]) -> None:
        times = iter([0.0, 3.0, 3.0, 4.0])
        with progress("export", unit="rows", now=lambda: next(times)) as advance:
            advance(5)
            advance(5)
        assert capsys.readouterr().err == "export: 5 rows\n"

    def test_on_a_terminal_a_bar_that_is_gone_when_the_work_is_done(self, screen: Terminal) -> None:
        with progress("replay \x1b[31m[red]", 10) as advance:
            advance(10)
        assert r"replay \x1b[31m[red]" in screen.text
        assert screen.text.rstrip("\n").endswith("\x1b[2K")


LINES = r"a\x1b[2J\x1b]52;c;eA==\x07\x9b31m\u202eb\u200b\x0d" + "\n" + r"\x7f\ud800é漢"


class TestJson:
    @pytest.fixture(autouse=True)
    def speaks_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(output, "_speaks_json", False)
        output.speak_json()

    def test_every_line_of_stderr_is_an_object(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.note(output.styled("up", "bold"), " ", HOSTILE)
        output.warning("slow", "wait", logger="x")
        output.error(HOSTILE, HOSTILE.replace("\n", ""), trace=HOSTILE)
        said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert [line.pop("time")[-1] for line in said] == ["Z"] * 3
        assert said == [
            {"level": "info", "message": f"up {SHOWN}"},
            {"level": "warning", "message": "slow", "hint": "wait", "logger": "x"},
            {"level": "error", "message": SHOWN, "hint": SHOWN.replace(r"\x0a", ""), "trace": LINES},
        ]

    def test_results_stay_as_they_are(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.result("position 2")
        assert capsys.readouterr().out == "position 2\n"


def test_several_values_are_one_write_of_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output.json_lines([{"a": "\x7f\x9b\u202e"}, {"b": 1}])
    out = capsys.readouterr().out
    assert out == '{"a": "\\u007f\\u009b\\u202e"}\n{"b": 1}\n'
