"""The crash proof: `up` is killed (SIGKILL) at every append of five runs, before and after the commit.

Afterwards a plain `up --until-idle` has to end each run as it would have ended, with one recorded outcome for each
key, and with no call whose intent was not in the log before the service saw it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hms_orch_cli.application.replay import Rebuilt, differences
from hms_orch_cli.event_store.chain import verify
from hms_orch_cli.event_store.sqlite_reader import SqliteReader
from tests.acceptance.crash_runs import STORIES, Story
from tests.acceptance.house import ROOT, House
from tests.acceptance.services import Services
from tests.participant.fake_service import Recorded

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

MOST_APPENDS = 60
KILLED = -9


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_kill_at_any_append_changes_nothing_in_the_end(
    story: Story, when: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Kills at append 1, 2, … until one run gets through without being killed: then every append was a point."""
    template = _prepared(tmp_path / "template", story)
    points = 0
    for kill_at in range(1, MOST_APPENDS):
        with Services() as services:
            house = House(tmp_path / f"{kill_at}")
            shutil.copytree(template.folder, house.folder)
            house.address_book(svc=services.url)
            for path, replies in story.replies.items():
                services.on(path, *replies)
            unforeseen: list[str] = []
            services.before_each(lambda request, to=unforeseen, of=house: to.extend(_not_in_the_log(of, request)))
            killed = _killed_up(house, kill_at, when)
            points += killed
            house.until_idle()
            assert unforeseen == [], f"sent before its intent was durable, kill {when} append {kill_at}"
            _check_ends(story, house, f"kill {when} append {kill_at}")
            _check_calls(story, services, crashes=int(killed))
            _check_log(house)
        if not killed:
            break
    else:
        pytest.fail(f"{MOST_APPENDS} appends and no end")
    assert points >= 4, "the run has fewer appends than steps: the kills did not happen"
    record_property("crash points", points)


def _prepared(folder: Path, story: Story) -> House:
    """A house in which everything is ready and nothing has run."""
    folder.mkdir()
    house = House(folder)
    house.address_book(svc="http://127.0.0.1:9")
    for saga in story.sagas:
        house.write(f"sagas/{saga}.yaml", story.text(saga))
    house.ok("hms-orch", "deploy", "sagas")
    house.publish(f"{story.name}.go", "--data", "{}", "--id", "e-1")
    return house


def _killed_up(house: House, kill_at: int, when: str) -> bool:
    """Runs `up` over the store that kills; whether it was killed."""
    words = ["--kill-at", str(kill_at), "--when", when, "--port", "0", "--until-idle"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.killing_up", *words],
        cwd=house.folder,
        env={**house.env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, KILLED), done.stderr
    return done.returncode == KILLED


def _not_in_the_log(house: House, request: Recorded) -> list[str]:
    """The key and attempt of a request, unless its intent is in the log at this moment."""
    key = request.headers["idempotency-key"].strip('"')
    saga_id, attempt = request.json["sagaId"], request.json["attempt"]
    with SqliteReader(house.store) as reader:
        data = [json.loads(event.data or "{}") for event in reader.read(f"run/{saga_id}")]
    if any((fact.get("key"), fact.get("attempt")) == (key, attempt) for fact in data):
        return []
    return [f"{key} attempt {attempt}"]


def _check_ends(story: Story, house: House, when: str) -> None:
    with SqliteReader(house.store) as reader:
        rows = {row.saga: row for row in reader.run_rows()}
        cut_off = {saga: _interrupted(reader, row.saga_id) for saga, row in rows.items()}
    assert {saga: row.state for saga, row in rows.items()} == story.ends, when
    for saga, row in rows.items():
        names = ("reserve", "charge", "ship")
        # A refused call of which one attempt was cut off may have taken effect in that one: it is undone.
        expected = tuple(
            "COMPENSATED" if state == "FAILED" and name in cut_off[saga] else state
            for name, state in zip(names, story.steps[saga], strict=True)
        )
        steps = json.loads(row.steps)
        assert tuple(step["state"] for step in steps) == expected, f"{saga}, {when}"
        attempts = {step["name"]: step["attempts"] for step in steps}
        uncrashed = {name: story.calls.get(f"/{saga}/{name}", 0) for name in names}
        assert attempts == uncrashed, f"an attempt that was cut off uses none: {saga}, {when}"


def _interrupted(reader: SqliteReader, saga_id: str) -> set[str]:
    """The steps of which an attempt of the call was cut off."""
    events = [event for event in reader.read(f"run/{saga_id}") if event.type == "saga.step.started"]
    facts: list[dict[str, Any]] = [json.loads(event.data or "{}") for event in events]
    return {fact["step"]["name"] for fact in facts if fact.get("interrupted")}


def _check_calls(story: Story, services: Services, crashes: int) -> None:
    """Each path is asked at least once where it has to be, and at most once more for each crash; the same key always,
    and undo only after the call it undoes."""
    counted = Counter(services.order())
    for path, calls in story.calls.items():
        assert 1 <= counted[path] <= calls + crashes, f"{path}: {counted[path]}"
    extra = set(counted) - set(story.calls)
    assert extra <= {path.replace("ship", "recall").replace("charge", "refund") for path in story.replies}
    for path in counted:
        assert len({request.headers["idempotency-key"] for request in services.sent(path)}) == 1


def _check_log(house: House) -> None:
    """One outcome for each key, a chain that holds, and derived tables that are what the log says."""
    with SqliteReader(house.store) as reader:
        verify(reader.scan())
        rebuilt = Rebuilt()
        rebuilt.fold(reader.contents())
        assert list(differences(rebuilt, reader)) == []
        for row in reader.run_rows():
            ends: Counter[tuple[str, str]] = Counter()
            for event in reader.read(f"run/{row.saga_id}"):
                if event.type in ("saga.step.succeeded", "saga.step.failed", "saga.step.skipped"):
                    ends["call", json.loads(event.data or "{}")["step"]["name"]] += 1
                elif event.type in ("saga.step.compensated", "saga.step.stuck"):
                    ends["compensate", json.loads(event.data or "{}")["step"]["name"]] += 1
            assert set(ends.values()) == {1}, ends
