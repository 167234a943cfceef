"""What is logged anywhere goes through the printer."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from hms_orch_cli.cli import output
from hms_orch_cli.cli.log_records import print_log_records

LOG = logging.getLogger("some.library")


@pytest.fixture(autouse=True)
def printed() -> Iterator[None]:
    """Until the end of the test."""
    root = logging.getLogger()
    before = list(root.handlers)
    print_log_records()
    yield
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)


def test_warnings_and_errors_are_lines_that_are_safe(capsys: pytest.CaptureFixture[str]) -> None:
    LOG.info("not this")
    LOG.warning("slow: %s", "a\x1b[2J")
    LOG.error("no")
    assert capsys.readouterr().err == "warning: slow: a\\x1b[2J\nerror: no\n"


def test_a_traceback_is_a_member_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_speaks_json", True)
    try:
        raise RuntimeError("a bug")
    except RuntimeError:
        LOG.exception("it failed")
    said = json.loads(capsys.readouterr().err)
    assert (said["level"], said["message"], said["logger"]) == ("error", "it failed", "some.library")
    assert said["trace"].startswith("Traceback")
    assert said["trace"].endswith("RuntimeError: a bug")


def test_in_plain_text_a_traceback_follows_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    LOG.error("%s failed\n%s", "GET /", 'Traceback\n  File "a\x1b[2J"')
    assert capsys.readouterr().err == 'error: GET / failed\nTraceback\n  File "a\\x1b[2J"\n'


def test_what_cannot_be_said_ends_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    LOG.warning("%d", "no number")
    assert capsys.readouterr().err == ""
