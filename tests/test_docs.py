"""What the pages under docs/ say is so."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest

from hms_orch_cli.application.deploy import deploy_append
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.orchestrator.definition_pause import pause_append, resume_append
from hms_orch_cli.orchestrator.watch import decision_of
from hms_orch_cli.ports.store import Append, Event
from hms_orch_cli.saga.attention import DECISIONS
from hms_orch_cli.saga.encoding import from_data, to_data
from hms_orch_cli.saga.event_types import DEPLOYED, HELD_BACK, LET_GO, RUN_FACTS, UNDEPLOYED
from hms_orch_cli.views.questions import Questions
from hms_orch_cli.webhook import _document
from tests.documents import ROOT, document, marked, rows, section, words

EVENTS = document("events.md")
EXAMPLES = {
    kind: [json.loads(example) for example in re.findall(r"^```json\n(.*?)^```$", told, re.DOTALL | re.MULTILINE)]
    for kind, told in re.findall(r"^### `([a-z.]+)`\n(.*?)(?=^##|\Z)", EVENTS, re.DOTALL | re.MULTILINE)
}
OF_RUNS = [(kind, example) for kind in RUN_FACTS for example in EXAMPLES.get(kind, ()) if "sagaId" in example]


def test_every_event_type_has_an_example() -> None:
    assert set(EXAMPLES) == {*RUN_FACTS, DEPLOYED, UNDEPLOYED, HELD_BACK, LET_GO}
    assert all(EXAMPLES.values())
    assert {kind for kind, _ in OF_RUNS} == set(RUN_FACTS)


@pytest.mark.parametrize(("kind", "example"), OF_RUNS, ids=lambda value: value if isinstance(value, str) else "")
def test_an_example_is_a_fact_of_its_type(kind: str, example: dict[str, Any]) -> None:
    """Read and written again it is the same, and so it has every member and no other."""
    assert to_data(from_data(kind, example, 0), example["sagaId"], example["saga"]) == example


def test_every_member_of_a_fact_is_shown() -> None:
    """By one example of its type or by another, or it is told of in words."""
    for kind, fact in RUN_FACTS.items():
        shown = [from_data(kind, example, 0) for other, example in OF_RUNS if other == kind]
        lacking = {name for name in fact._fields[1:] if all(getattr(each, name) is None for each in shown)}
        about = EVENTS.split(f"### `{kind}`\n", 1)[1].split("\n##", 1)[0]
        assert all(f"`{name}" in about for name in lacking), (kind, lacking)


def test_the_items_about_a_definition_are_those_that_are_queued() -> None:
    """The same reason makes the same item, and the same decision ends it."""
    of = {name: [each for each in EXAMPLES[f"hitl.{name}"] if "sagaId" not in each] for name in ("queued", "decided")}
    assert {item["kind"] for item in of["queued"]} == {"failures", "depth"}
    questions = Questions()
    for item in of["queued"]:
        assert questions.queued(item["saga"], item["kind"], item["reason"]) == item
        questions.add_event("hitl.queued", "2026-11-25T00:58:53.638Z", item)
    for told in of["decided"]:
        assert decision_of(questions, told["id"], told["decision"], told["actor"], told["note"]) == told


def test_the_pause_of_a_definition_is_what_is_recorded() -> None:
    store, (paused,), (resumed,) = MemoryStore(), EXAMPLES[HELD_BACK], EXAMPLES[LET_GO]
    saga = paused["saga"]
    store.append([deploy_append(saga, "r", {"id": saga}, 0, 0)])
    pause = pause_append(store, saga, paused["from"], paused["actor"], paused["note"], 0)
    assert written(pause) == (f"pause/{saga}", HELD_BACK, paused)
    store.append([pause])
    assert written(resume_append(store, saga, resumed["actor"], resumed["note"], 0)) == (
        f"pause/{saga}",
        LET_GO,
        resumed,
    )


def written(append: Append) -> tuple[str, str, dict[str, Any]]:
    """Stream, type and data of an append of one event."""
    (event,) = append.events
    return append.stream, event.type, json.loads(event.data or "")


def test_the_operations_page_tells_of_every_decision_and_what_follows() -> None:
    """One table has the kinds of items with their decisions, the other has a row for each of these."""
    told = rows(section(document("operations.md"), "## People: the HITL queue"))
    consequences = [(words(row[0])[0], words(row[1])[0]) for row in told if re.fullmatch(r"`[a-z]+`", row[1])]
    kinds = {words(row[0])[0]: tuple(words(row[2])) for row in told if not re.fullmatch(r"`[a-z]+`", row[1])}
    assert kinds == DECISIONS
    assert consequences == [(kind, decision) for kind, decisions in DECISIONS.items() for decision in decisions]


def test_the_example_of_the_webhook_is_what_it_posts() -> None:
    told = json.loads(marked(document("operations.md"), "example: webhook"))
    attributes = (told[name] for name in ("id", "source", "type", "time"))
    event = Event(9, "run/r", 5, *attributes, json.dumps(told["data"]), None, None, None, None, b"")
    assert json.loads(_document(event)) == told
    fact = from_data(told["type"], told["data"], 0)
    assert to_data(fact, told["data"]["sagaId"], told["data"]["saga"]) == told["data"]


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=!~;\[ ]", wanted, maxsplit=1)[0] for wanted in project["dependencies"]}
    assert {row[0] for row in rows(document("dependencies.md"))} == needed


def test_a_dependency_is_used_where_the_page_says() -> None:
    """Each file that is named imports the package."""
    modules = {"pyyaml": "yaml", "cel-expr-python": "cel_expr_python", "pyjwt": "jwt"}
    for name, _, where, _ in rows(document("dependencies.md")):
        module = modules.get(name, name.replace("-", "_"))
        for path in (word for word in words(where) if "/" in word):
            target = ROOT / "hms_orch_cli" / path
            files = sorted(target.rglob("*.py")) if target.is_dir() else [target]
            assert any(re.search(rf"(import|from) {module}\b", file.read_text(encoding="utf-8")) for file in files), (
                name
            )


def test_the_rooms_are_those_of_the_package() -> None:
    told = {
        word.rstrip("/") for row in rows(section(document("architecture.md"), "## Rooms")) for word in words(row[1])
    }
    package = ROOT / "hms_orch_cli"
    rooms = {path.name for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert told == rooms - {"__init__.py"}


def test_the_files_that_the_rooms_name_exist() -> None:
    for _, room, about in rows(section(document("architecture.md"), "## Rooms")):
        for file in words(about):
            if file.endswith(".py"):
                assert any((ROOT / "hms_orch_cli" / name / file).is_file() for name in words(room)), file


def test_every_file_of_the_middle_has_its_line() -> None:
    told = [word for row in rows(section(document("architecture.md"), "## Inside saga")) for word in words(row[0])]
    assert sorted(told) == sorted({path.name for path in (ROOT / "hms_orch_cli/saga").glob("*.py")} - {"__init__.py"})
