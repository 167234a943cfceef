"""`graph`: a file, a deployed definition, a run; in a terminal, as Mermaid and as DOT."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from typing import Any

import pydot
import pytest

from hms_orch_cli.cli import output
from hms_orch_cli.cli.drawings.cells import broken, width
from hms_orch_cli.cli.drawings.dot import dot
from hms_orch_cli.cli.drawings.labels import LENGTH, PAINTS
from hms_orch_cli.cli.drawings.mermaid import mermaid
from hms_orch_cli.cli.drawings.terminal import drawn
from hms_orch_cli.cli.status import STYLES
from hms_orch_cli.safe import safe
from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.views.graph import Graph, graph_of
from hms_orch_cli.views.states import SIGNS
from tests import documents
from tests.cli.conftest import Desk, Run
from tests.cli.workshop import LATER, NO, OK, ORDER, Workshop
from tests.specs import approval, group, saga_of, sequence, step, wait

SAGAS = Path(__file__).parents[2] / "sagas"

WIDE = """\
dol.benefit.increase.v1  revision e378a3a6db8d

                                                                     ✖ FAILED
● start             on policy.changed                                ▲
│                   only if data.policyId == "dol.unemployment.v3"   ┊
│                                                                    ┊
○ recalc_payments   payment-svc:/recalc                              ↩ payment-svc:/revert
│                                                                    ┊
○ send_notices      notice-svc:/broadcast                            ↩ notice-svc:/cancel
│                                                                    ┊
○ archive_rule      archive-svc:/snapshot                            ↩ archive-svc:/deleteSnapshot
▼
◎ COMPLETED
"""

NARROW = """\
dol.household.moved.v1  revision 5f30be45d7c0

● start                     on household.moved
│
○ record_address            registry-svc:/addresses
│                           ↩ registry-svc:/addresses/restore
│
╥ side by side, cancel on failure
╟─○ recalc_rent_allowance   payment-svc:/rent-allowances/recalc
║ │                         ↩ payment-svc:/rent-allowances/revert
║ │
║ ○ schedule_payment        PUT payment-svc:/households/${data.householdId}/
║                           schedule
║                           ↩ payment-svc:/households/${data.householdId}/
║                             schedule/revert
║
╟─╥ side by side
║ ╟─○ inform_insurer        insurer-svc:/moves
║ ║                         ↩ insurer-svc:/moves/withdraw
║ ╟─○ inform_school         school-svc:/moves
║ ║                         only if data.children > 0
║ ║                         ↩ school-svc:/moves/withdraw
║ ╨
║
╟─○ transfer_file           archive-svc:/files/transfer
║                           ↩ archive-svc:/files/return
╨
│
○ send_letter               notice-svc:/letters
│                           · irreversible
▼
◎ COMPLETED
"""

STUCK = """\
                                         ✖ FAILED
● start       on order.placed            ▲
│                                        ┊
! pay         pay-svc:/pay               ! pay-svc:/refund
│             stuck: no room             ┊
│                                        ┊
✗ ship        ship-svc:/ship             ↩ ship-svc:/return
│             failed: no room            ┊
▼
◎ COMPLETED
"""

BESIDE = """\
                                         ✖ FAILED
● start       on order.placed            ▲
│                                        ┊
╥ side by side                           ╥
╟─○ a         svc:/a                     ╟╌↩ svc:/undo/a
╟─○ b         svc:/b                     ╟╌· no undo
║                                        ║
╟─○ c         svc:/c                     ╟╌↩ svc:/undo/c
║ │                                      ║ ┊
║ ╥ side by side, cancel on failure      ║ ╥
║ ╟─○ d       svc:/d                     ║ ╟╌↩ svc:/undo/d
║ ╟─○ e       svc:/e                     ║ ╟╌↩ svc:/undo/e
║ ╨                                      ║ ╨
╨                                        ╨
▼
◎ COMPLETED
"""


class TestWhatIsDrawn:
    def test_a_file(self, orch: Run) -> None:
        assert orch("graph", str(SAGAS / "benefit-increase.yaml")).out == WIDE

    def test_a_file_where_there_is_less_room(self, orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        assert orch("graph", str(SAGAS / "parallel.yaml")).out == NARROW

    def test_standard_input(self, orch: Run) -> None:
        assert orch("graph", "-", stdin=(SAGAS / "benefit-increase.yaml").read_text()).out == WIDE

    def test_every_saga_of_a_file(self, orch: Run, shop: Path) -> None:
        (shop / "two.yaml").write_text(ORDER + "---\n" + ORDER.replace("shop.order.v1", "other.v1"))
        lines = orch("graph", "two.yaml").out.splitlines()
        assert [line.split()[0] for line in lines if "revision" in line] == ["shop.order.v1", "other.v1"]
        assert len(parsed(orch("graph", "two.yaml", "--format", "dot").out)) == 2

    def test_what_is_deployed(self, desk: Desk, workshop: Workshop) -> None:
        revision = workshop.deploy(ORDER)
        assert desk("graph", "shop.order.v1").out.startswith(f"shop.order.v1  revision {revision[:12]}\n")

    def test_a_run_in_its_own_revision(self, desk: Desk, workshop: Workshop) -> None:
        first = workshop.deploy(ORDER)
        run = workshop.run(pay=OK, ship=NO, undo_pay=NO)
        workshop.deploy(ORDER.replace("/pay", "/pay2"))
        out = desk("graph", run).out
        assert out == (f"shop.order.v1  revision {first[:12]}\nrun {run}  STUCK  undo of pay: 422 no room\n\n{STUCK}")

    def test_at_a_server(self, orch: Run, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
        first = workshop.deploy(ORDER)
        run = workshop.run(pay=LATER)
        second = workshop.deploy(ORDER.replace("/pay", "/pay2"))
        with workshop.up() as url:
            monkeypatch.setenv("HMS_URL", url)
            monkeypatch.setenv("HMS_STORE_URL", "sqlite:///elsewhere.db")
            assert f"revision {first[:12]}\nrun {run}  WAITING" in orch("graph", run).out
            assert f"revision {second[:12]}\n" in orch("graph", "shop.order.v1").out
            ended = orch("graph", "nix")
            assert (ended.code, ended.err.splitlines()[0]) == (1, "error: no definition nix is deployed")

    def test_what_is_not_there(self, desk: Desk, workshop: Workshop) -> None:
        workshop.deploy(ORDER)
        assert "error: no definition nix is deployed\n" in desk.refuses("graph", "nix")
        assert "error: there is no run 0" in desk.refuses("graph", "00000000-0000-0000-0000-000000000000")
        assert "error: no such file or folder: nix.yaml\n" in desk.refuses("graph", "nix.yaml")

    def test_a_definition_that_was_taken_back(self, orch: Run, workshop: Workshop) -> None:
        workshop.deploy(ORDER)
        run = workshop.run(pay=LATER)
        orch("undeploy", "shop.order.v1")
        assert orch("graph", "shop.order.v1").code == 1
        assert f"run {run}" in orch("graph", run).out

    def test_a_file_with_errors(self, orch: Run, shop: Path) -> None:
        (shop / "bad.yaml").write_text("id: a\nsteps: []\n")
        ended = orch("graph", "bad.yaml")
        assert (ended.code, ended.out) == (1, "")
        assert "bad.yaml:1:1: error HMS011: the saga has no 'trigger'" in ended.err
        assert "error: nothing was drawn, for errors in bad.yaml\n" in ended.err

    def test_a_folder_is_no_drawing(self, orch: Run, shop: Path) -> None:
        assert (orch("graph", str(shop)).code, orch("graph", "sagas/").code) == (2, 1)

    def test_a_file_of_tests_is_no_drawing(self, orch: Run, shop: Path) -> None:
        (shop / "order.test.yaml").write_text("tests: []\n")
        assert orch("graph", "order.test.yaml").code == 2


def lines_of(graph: Graph, columns: int) -> list[str]:
    """The drawing without colours."""
    return [
        safe("".join(part if isinstance(part, str) else part.text for part in line))
        for line in drawn(graph, columns, STYLES)
    ]


class TestInATerminal:
    def test_groups_on_both_ways(self) -> None:
        inner = group(step("d"), step("e"), on_sibling_failure="cancel")
        saga = saga_of(group(step("a"), step("b", compensate=None), sequence(step("c"), inner)))
        assert "\n".join(lines_of(graph_of(saga), 100)[2:]) + "\n" == BESIDE

    @pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
    @pytest.mark.parametrize("name", [path.name for path in documents.SAGAS])
    def test_no_line_is_wider_than_the_terminal(
        self, orch: Run, monkeypatch: pytest.MonkeyPatch, name: str, columns: int
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        assert max(map(width, orch("graph", str(SAGAS / name)).out.splitlines())) <= columns

    def test_every_line_is_kept_within_bounds_whatever_stands_in_a_file(self) -> None:
        saga = hostile_saga('"`<b>\x1b[31m\u202e\n' + "漢" * 200)
        for columns in (20, 80, 300):
            lines = lines_of(graph_of(saga), columns)
            assert max(map(width, lines)) <= max(columns, 80)
            assert not re.search("[\x00-\x1f\x7f-\x9f\u202e]", "".join(lines))

    @pytest.mark.parametrize("state", SIGNS)
    def test_each_state_has_its_sign_and_its_colour(self, state: str) -> None:
        steps = [{"name": "pay", "state": state, "attempts": 2, "summary": "said"}]
        run = {"sagaId": "r", "state": "RUNNING", "reason": "", "steps": steps}
        lines = drawn(graph_of(saga_of(step("pay")), run), 100, STYLES)
        row = next(i for i, line in enumerate(lines) if any("pay" in str(part) for part in line) and i > 3)
        sign = lines[row][1]
        assert isinstance(sign, output.Styled)
        assert sign == (("○" if state == "PENDING" else SIGNS[state]), STYLES.get(state, "dim"))
        below = "".join(part if isinstance(part, str) else part.text for part in lines[row + 1])
        assert (f"{state.lower()}, 2 attempts: said" in below) == (state != "PENDING")

    @pytest.mark.parametrize(("state", "lit"), [("FAILED", "FAILED"), ("CANCELLED", "CANCELLED"), ("RUNNING", "")])
    def test_the_end_that_a_run_came_to_is_lit(self, state: str, lit: str) -> None:
        run = {"sagaId": "r", "state": state, "reason": "", "steps": []}
        parts = [part for line in drawn(graph_of(saga_of(step("a")), run), 100, STYLES)[2:] for part in line]
        ends = [part for part in parts if isinstance(part, output.Styled) and part.text in ("FAILED", "CANCELLED")]
        assert [each.text for each in ends if each.style != "dim"] == [lit] * bool(lit)

    @pytest.mark.parametrize("no_colour", ["", "1"])
    def test_colour_is_for_terminals_that_want_it(
        self, orch: Run, monkeypatch: pytest.MonkeyPatch, no_colour: str
    ) -> None:
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("NO_COLOR", no_colour)
        monkeypatch.setattr(output, "is_terminal", lambda stream: stream is sys.stdout)
        out = orch("graph", str(SAGAS / "benefit-increase.yaml")).out
        assert ("\x1b[" in out) is not bool(no_colour)
        assert re.sub("\x1b\\[[0-9;]*m", "", out) == WIDE


@pytest.mark.parametrize(
    ("text", "cells", "pieces"),
    [
        ("", 5, [""]),
        ("abc", 3, ["abc"]),
        ("abcdef", 3, ["abc", "def"]),
        ("ab cd ef", 5, ["ab", "cd ef"]),
        ("svc:/one/two", 10, ["svc:/one/", "two"]),
        ("漢字漢", 4, ["漢字", "漢"]),
        ("e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301"]),
    ],
)
def test_text_is_broken_where_it_reads_well(text: str, cells: int, pieces: list[str]) -> None:
    assert broken(text, cells) == pieces


def hostile_saga(text: str) -> Saga:
    """A saga that has a text wherever one may stand."""
    return saga_of(
        step("a", call=f"svc:/{text}", compensate=f"svc:/{text}", check=f"svc:/{text}", when=text),
        group(
            {"name": "b", "await": {"event": text, "match": text}},
            {"name": "c", "approval": {"prompt": text}},
            on_sibling_failure="cancel",
        ),
        filter=text,
        lock=text,
        trigger=[text],
    )


HOSTILE = [
    '"',
    '"]; evil [label="x"]; "',
    "\\",
    '\\"',
    "\\N\\G\\l",
    "&amp;&lt;&#34;",
    "#quot;#35;",
    "<script>alert(1)</script><br/>",
    "`*bold* _it_`",
    '"])\n  x --> y\n  click x href "http://evil.example"',
    "%%{init: {'theme': 'dark'}}%%",
    "style n0 fill:#f00;",
    "classDef x fill:#f00;",
    "end subgraph graph",
    "{}|[]()",
    "\x1b[2J\u202e\x00",
    "漢字é\U0001f600",
    "x" * 500,
]


def shown(text: str) -> str:
    """A line that only holds this text, as a label shows it."""
    return safe(text, LENGTH)


class TestDot:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_a_hostile_label_stays_a_label(self, text: str) -> None:
        """The parser of another program finds the same points and arrows as in a harmless saga, and the text."""
        (harmless,) = parsed(dot(graph_of(hostile_saga("x"))))
        (found,) = parsed(dot(graph_of(hostile_saga(text))))
        assert [each.get_name() for each in found.get_nodes()] == [each.get_name() for each in harmless.get_nodes()]
        assert edges(found) == edges(harmless)
        assert unquoted(found.get_node("n1")[0].get_label()).split("\n")[0] == "side by side"
        prompts = [unquoted(node.get_label()) for node in found.get_nodes() if node.get_label()]
        assert any(f"only if {text}"[: LENGTH - 1] in prompt for prompt in prompts) or shown(text) != text

    def test_a_run_is_painted(self) -> None:
        (found,) = parsed(dot(painted()))
        assert found.get_node("n0")[0].get_fillcolor() is None
        assert found.get_node("n1")[0].get_fillcolor() == f'"{PAINTS["FAILED"].fill}"'
        assert found.get_node("n3")[0].get_fillcolor() == f'"{PAINTS["COMPENSATED"].fill}"'

    def test_a_saga_without_undo(self) -> None:
        (found,) = parsed(dot(graph_of(saga_of(step("a", compensate=None)))))
        assert edges(found) == [("start", "n0"), ("n0", "completed")]


def parsed(text: str) -> list[Any]:
    """The graphs in a text of DOT, as another program reads them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the parser about its own parts
        found: list[Any] = pydot.graph_from_dot_data(text)
    assert found, text
    return found


def edges(found: Any) -> list[tuple[str, str]]:
    """All arrows, those within `{rank=same …}` too."""
    inner = [edge for part in found.get_subgraphs() for edge in part.get_edges()]
    return [(edge.get_source(), edge.get_destination()) for edge in (*found.get_edges(), *inner)]


def unquoted(text: str) -> str:
    """A quoted text of DOT as Graphviz shows it."""
    inner = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text[1:-1])
    return inner.replace("&amp;", "&")


def painted() -> Graph:
    steps = [
        {"name": "a", "state": "COMPENSATED", "attempts": 1, "summary": None},
        {"name": "b", "state": "FAILED", "attempts": 1, "summary": "no"},
    ]
    run = {"sagaId": "r", "state": "FAILED", "reason": "no", "steps": steps}
    return graph_of(saga_of(step("a"), step("b")), run)


BOX = re.compile(r"  (n\d+|start)(\(\[|\[/|\[|\(\(|\{\{|\{)\"([^\"]*)\"(\]\)|/\]|\]|\)\)|\}\}|\})")
ARROW = re.compile(
    r"  (n\d+|start) (-->|-\. undo \.->|-\.->) (n\d+|completed\(\(\"COMPLETED\"\)\)|failed\(\(\"FAILED\"\)\))"
)
STYLE = re.compile(r"  style n\d+ fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}")


class TestMermaid:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_a_hostile_label_stays_a_label(self, text: str) -> None:
        """Every line is one of the four that a flowchart of ours consists of; a label holds nothing but letters,
        numbers of characters, line ends, and signs that mean nothing in it."""
        first, *lines = mermaid(graph_of(hostile_saga(text))).splitlines()
        assert first == "flowchart TD"
        labels = []
        for line in lines:
            if box := BOX.fullmatch(line):
                labels.append(box[3])
            else:
                assert ARROW.fullmatch(line), line
        assert len(lines) == len(mermaid(graph_of(hostile_saga("x"))).splitlines()) - 1
        for label in labels:
            assert re.fullmatch(r"([A-Za-z0-9 _./:,?-]|#\d+;|<br/>)*", label), label
            assert "style" not in label
            assert "classDef" not in label
        pieces = [decoded(piece) for label in labels for piece in label.split("<br/>")]
        assert shown(f"only if {text}") in pieces

    def test_a_run_is_painted(self) -> None:
        lines = mermaid(painted()).splitlines()
        styles = [line.split()[1:3] for line in lines if STYLE.fullmatch(line)]
        assert [(name, style.split(",")[0]) for name, style in styles] == [
            ("n1", f"fill:{PAINTS['FAILED'].fill}"),
            ("n3", f"fill:{PAINTS['COMPENSATED'].fill}"),
        ]

    def test_the_whole_of_a_small_one(self) -> None:
        saga = saga_of(step("pay"), group(step("ship"), wait("paid", 5)), approval("praise"))
        assert mermaid(graph_of(saga)) == MERMAID


def decoded(label: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label)


MERMAID = """\
flowchart TD
  start(["shop.order.v1<br/>on order.placed"])
  n0["pay<br/>svc:/pay"]
  n1{{"side by side"}}
  n2((" "))
  n3["ship<br/>svc:/ship"]
  n4["paid<br/>waits for stock.arrived<br/>at most 5 ms"]
  n5{"praise<br/>asks a person<br/>#8220;Ship it?#8221;"}
  n6[/"undo ship<br/>svc:/undo/ship"/]
  n7[/"undo pay<br/>svc:/undo/pay"/]
  start --> n0
  n1 --> n3
  n3 --> n2
  n1 --> n4
  n4 --> n2
  n0 --> n1
  n2 --> n5
  n5 --> completed(("COMPLETED"))
  n3 -. undo .-> n6
  n0 -. undo .-> n7
  n6 -.-> n7
  n7 -.-> failed(("FAILED"))
"""
