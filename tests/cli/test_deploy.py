"""deploy says what changes, and how many runs are in flight on each revision: alone, beside `up`, and in a dry run."""

import json
import re
from pathlib import Path

import pytest

from hms_orch_cli.cli.markdown import code
from hms_orch_cli.safe import safe
from hms_orch_cli.sagafile.check import check
from tests.cli.conftest import Desk, Run
from tests.cli.workshop import LATER, OK, ORDER, Workshop

NEXT = ORDER.replace("/pay", "/pay2")


@pytest.fixture
def revisions(workshop: Workshop, shop: Path) -> tuple[str, str]:
    """Two runs in flight on one revision, one on the next, one that has ended; saga.yaml holds the next."""
    old = workshop.deploy(ORDER)
    workshop.run(pay=LATER)
    workshop.run(pay=OK, ship=OK)
    workshop.run(pay=OK, ship=LATER)
    new = workshop.deploy(NEXT)
    workshop.run(pay=LATER, fold=False)
    (shop / "saga.yaml").write_text(NEXT)
    (shop / "old.yaml").write_text(ORDER)
    (shop / "other.yaml").write_text(ORDER.replace("shop.order.v1", "other.v1"))
    return old, new


@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_what_is_in_flight_on_each_revision(desk: Desk, revisions: tuple[str, str], how: tuple[str, ...]) -> None:
    old, new = revisions
    (told,) = json.loads(desk("deploy", "saga.yaml", *how, "-o", "json").out)
    assert told["inFlight"] == {old: 2, new: 1}
    assert (told["saga"], told["revision"], told["change"]) == ("shop.order.v1", new, "unchanged")
    said = desk("deploy", "saga.yaml", *how).out
    assert f"  2 runs in flight on revision {old[:12]}\n" in said
    assert "  1 run in flight on this revision\n" in said


def test_a_change_says_what_keeps_its_revision(desk: Desk, revisions: tuple[str, str]) -> None:
    old, new = revisions
    ended = desk("deploy", "old.yaml", "--dry-run", "-o", "json")
    (told,) = json.loads(ended.out)
    assert (ended.code, told["change"], told["previous"], told["inFlight"]) == (4, "changed", new, {old: 2, new: 1})
    (told,) = json.loads(desk("deploy", "old.yaml", "-o", "json").out)
    assert (told["revision"], told["inFlight"]) == (old, {old: 2, new: 1})


def test_a_new_one_has_nothing_in_flight(desk: Desk, revisions: tuple[str, str]) -> None:
    ended = desk("deploy", "other.yaml", "-o", "json")
    (told,) = json.loads(ended.out)
    assert (told["change"], told["inFlight"]) == ("new", {})
    assert "in flight" not in desk("deploy", "other.yaml").out


def test_what_the_tables_do_not_know_yet_counts(desk: Desk, workshop: Workshop, shop: Path) -> None:
    """One run has moved since the tables were written, another has ended."""
    revision = workshop.deploy(ORDER)
    paused, ended = workshop.run(pay=LATER), workshop.run(pay=LATER)
    (shop / "saga.yaml").write_text(ORDER)
    desk("pause", paused)
    desk("abandon", ended, "--note", "by hand")
    (told,) = json.loads(desk("deploy", "saga.yaml", "-o", "json").out)
    assert told["inFlight"] == {revision: 1}


def test_files_of_tests_are_left_out(orch: Run, shop: Path) -> None:
    """In a folder, and where the shell has named them."""
    (shop / "order.yaml").write_text(ORDER)
    (shop / "order.test.yaml").write_text("tests: []\n")
    for paths in (["."], ["order.test.yaml", "order.yaml"]):
        (told,) = json.loads(orch("deploy", *paths, "-o", "json").out)
        assert told["saga"] == "shop.order.v1"


def test_a_comment_in_the_file_holds_for_a_strict_deploy_too(orch: Run, shop: Path) -> None:
    (shop / "order.yaml").write_text(ORDER)
    assert orch("deploy", "--strict", "order.yaml", "--dry-run").code == 1
    (shop / "order.yaml").write_text("# hms-orch: ignore-file[HMS042] known where it runs\n" + ORDER)
    assert orch("deploy", "--strict", "order.yaml", "--dry-run").code == 4


def test_nothing_is_deployed_where_a_file_cannot_be_read(orch: Run, shop: Path) -> None:
    (shop / "order.yaml").write_text(ORDER)
    (shop / "gone.yaml").symlink_to("nowhere")
    ended = orch("deploy", ".")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: no such file or folder: gone.yaml\n")
    assert not (shop / ".hms").exists()


CHANGED = ORDER.replace(', compensate: "ship-svc:/return"', ", timeoutMs: 5000") + "filter: data.n > 1\n"
MEANS = [
    "filter added: data.n > 1",
    "step ship: timeoutMs 30000 → 5000",
    "step ship: undo removed, was ship-svc:/return",
]


@pytest.fixture
def changed(workshop: Workshop, shop: Path) -> tuple[str, str]:
    """A definition is deployed, a run of it is in flight; saga.yaml holds another revision. Both revisions."""
    old = workshop.deploy(ORDER)
    workshop.run(pay=LATER)
    (shop / "saga.yaml").write_text(CHANGED)
    (document,) = check(CHANGED.encode(), "saga.yaml", workshop.cel).documents
    return old, document.revision


@pytest.mark.parametrize(("how", "code"), [((), 0), (("--dry-run",), 4)])
def test_what_a_change_means(desk: Desk, changed: tuple[str, str], how: tuple[str, ...], code: int) -> None:
    old, new = (revision[:12] for revision in changed)
    ended = desk("deploy", "saga.yaml", *how)
    assert (ended.code, ended.out) == (
        code,
        f"~ shop.order.v1  revision {new}  changed, was {old}\n"
        f"  + {MEANS[0]}\n  ~ {MEANS[1]}\n  - {MEANS[2]}\n"
        f"  1 run in flight on revision {old}\n",
    )


@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_what_a_change_means_to_programs(desk: Desk, changed: tuple[str, str], how: tuple[str, ...]) -> None:
    (told,) = json.loads(desk("deploy", "saga.yaml", *how, "-o", "json").out)
    assert told["changes"] == MEANS == [each["sentence"] for each in told["difference"]]
    assert told["difference"][2] == {
        "kind": "changed",
        "steps": ["ship"],
        "key": "compensate",
        "before": "ship-svc:/return",
        "after": None,
        "sentence": MEANS[2],
    }


def test_a_comment_for_a_review(desk: Desk, changed: tuple[str, str], shop: Path) -> None:
    old, new = (revision[:12] for revision in changed)
    (shop / "b.yaml").write_text(ORDER.replace("shop.order.v1", "b"))
    ended = desk("deploy", "saga.yaml", "b.yaml", "--dry-run", "-o", "markdown")
    assert ended.code == 4
    assert ended.out.splitlines()[:7] == [
        "### hms-orch deploy --dry-run: 1 new, 1 changed",
        "",
        f"- **`shop.order.v1`** is changed, revision `{old}` → `{new}`",
        "  - `filter` added: `data.n > 1`",
        "  - step `ship`: `timeoutMs` `30000` → `5000`",
        "  - step `ship`: undo removed, was `ship-svc:/return`",
        f"  - 1 run in flight on revision `{old}`",
    ]
    assert ended.out.splitlines()[7].startswith("- **`b`** is new, revision `")
    desk("deploy", "saga.yaml", "b.yaml")
    again = desk("deploy", "saga.yaml", "b.yaml", "--dry-run", "-o", "markdown")
    assert (again.code, again.out) == (
        0,
        "### hms-orch deploy --dry-run: 2 unchanged\n\n- unchanged: `shop.order.v1`, `b`\n",
    )


def test_a_dry_run_asks_the_server_that_a_deploy_would_ask(
    orch: Run, workshop: Workshop, changed: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store beside the command is another one."""
    with workshop.up() as url:
        monkeypatch.setenv("HMS_URL", url)
        monkeypatch.setenv("HMS_STORE_URL", "sqlite:///elsewhere.db")
        ended = orch("deploy", "saga.yaml", "--dry-run", "-o", "json")
    (told,) = json.loads(ended.out)
    assert (ended.code, told["change"], told["previous"], told["changes"]) == (4, "changed", changed[0], MEANS)
    assert told["inFlight"] == {changed[0]: 1}


HOSTILE = ["`", "``", "a`b", " a ", "<b>@team</b> #1 **x** [l](u)", "\n- x", "\x1b[2J\u202e", "", "|"]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_a_file_stays_text_in_markdown(text: str) -> None:
    """A code span ends at the first run of as many backquotes as it began with."""
    span = code(text)
    fence = span[: len(span) - len(span.lstrip("`"))]
    inside = span[len(fence) : -len(fence)]
    assert span == fence + inside + fence
    assert len(fence) not in {len(run) for run in re.findall("`+", inside)}
    assert inside.strip() == safe(text).strip()
    assert "\n" not in span
