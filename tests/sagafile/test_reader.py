"""YAML with places: scalars, positions, documents, limits."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from hms_orch_cli.sagafile import reader
from hms_orch_cli.sagafile.findings import Place
from hms_orch_cli.sagafile.reader import MAX_DEPTH, MAX_NODES, Tree, read
from hms_orch_cli.sagafile.source import MAX_BYTES, Source


@pytest.fixture(params=["C", "Python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers of PyYAML: libyaml is not in every build."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader) if request.param == "C" else yaml.SafeLoader
    monkeypatch.setattr(reader, "_LOADER", loader)


def trees(text: str | bytes) -> tuple[list[Tree], list[tuple[str, int, int]]]:
    source = Source(text if isinstance(text, bytes) else text.encode(), "x.yaml")
    found = list(read(source))
    return found, [(finding.rule, finding.line, finding.column) for finding in source.findings]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("1e3", 1000),
        ("3.0", 3),
        ("3.5", 3.5),
        ("-0", 0),
        ("+7", 7),
        (".5", 0.5),
        ("0x1F", 31),
        ("0o17", 15),
        ("0b1", "0b1"),
        ("1.2.3", "1.2.3"),
        ("-", ["-"]),
        ("~", None),
        ("", None),
        ("Null", None),
        ("TRUE", True),
        ("false", False),
        ("'5'", "5"),
        ('"true"', "true"),
        ("9007199254740991", 2**53 - 1),
        ("0", 0),
        ("0.1", 0.1),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: Any) -> None:
    """YAML 1.1 would read `on` as true, `12:30:45` as 45045 and `1_000` as 1000."""
    if written == "-":
        written, value = "[-a]", ["-a"]
    found, findings = trees(f"key: {written}\n")

    assert findings == []
    assert found[0].value == {"key": value}
    assert type(found[0].value["key"]) is type(value)


@pytest.mark.parametrize(
    "number",
    ["010", "-007", "00.5", ".inf", "-.INF", ".nan", "1e999", "9007199254740992", "9" * 5000, "0x" + "f" * 900],
)
def test_numbers_that_json_cannot_carry_are_refused_with_their_place(number: str) -> None:
    assert trees(f"a: 1\nkey: {number}\n")[1] == [("HMS006", 2, 6)]


def test_keys_are_texts_as_they_are_written() -> None:
    """409 in `outcomes` is the key "409", as JSON has it."""
    assert trees("{409: a, true: b, 1.0: c}")[0][0].value == {"409": "a", "true": "b", "1.0": "c"}


def test_every_key_and_value_has_its_place() -> None:
    (tree,), _ = trees("steps:\n  - name: pay\n    note: 'it''s'\n    text: \"abc\"\n")

    assert tree.keys["steps",] == Place(1, 1, 1, 6, 1)
    assert tree.places["steps", 0, "name"] == Place(2, 11, 2, 14, 11)
    assert tree.keys["steps", 0, "name"] == Place(2, 5, 2, 9, 5)
    assert tree.places["steps", 0, "text"] == Place(4, 11, 4, 16, 12)
    assert tree.places["steps", 0, "note"].text_column == 0, "escaped, so a place inside cannot be told"
    assert tree.place(("steps", 0, "name")).inside(3, 5) == Place(2, 13, 2, 14)


def test_byte_order_mark_and_windows_lines_shift_no_place() -> None:
    (tree,), findings = trees(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")

    assert findings == []
    assert tree.places["b",][:2] == (2, 4)


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\x85", "\u2028", "\u2029"])
def test_lines_are_counted_as_yaml_counts_them(line_break: str) -> None:
    """The source line that a finding shows is the one that its number says."""
    source = Source(f"# one{line_break}key: 1{line_break}key: 2{line_break}".encode(), "x")
    list(read(source))

    for finding in source.findings:
        assert finding.source_line.startswith("key"), finding


def test_documents_come_one_by_one() -> None:
    found, findings = trees("---\na: 1\n---\nb: 2\n...\n---\nc: 3\n")

    assert [tree.value for tree in found] == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert [tree.places["c",].line for tree in found if ("c",) in tree.places] == [7]
    assert findings == []


def test_a_document_before_a_syntax_error_is_read() -> None:
    found, findings = trees("a: 1\n---\nb: [\n")

    assert [tree.value for tree in found] == [{"a": 1}]
    assert [rule for rule, _, _ in findings] == ["HMS001"]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a: 1\na: 2\n", ("HMS004", 2, 1)),
        ("a: &x 1\n", ("HMS005", 1, 4)),
        ("a: !!str 1\n", ("HMS005", 1, 4)),
        ("a: !own 1\n", ("HMS005", 1, 4)),
        ("a: !!python/object/apply:os.system [id]\n", ("HMS005", 1, 4)),
        ("<<: {a: 1}\n", ("HMS005", 1, 1)),
        ("? [a]\n: 1\n", ("HMS005", 1, 3)),
        ('a: "x\\0y"\n', ("HMS002", 1, 4)),
        ("a: \x1b[31m\n", ("HMS002", 1, 4)),
        ("a: b\x7f\n", ("HMS002", 1, 5)),
    ],
)
def test_what_could_surprise_is_refused_with_its_place(text: str, finding: tuple[str, int, int]) -> None:
    assert trees(text)[1] == [finding]


def test_a_value_goes_on_after_a_refused_key() -> None:
    """All mistakes of a file come at once."""
    found, findings = trees("? {a: b}\n: [c, {d: e}]\nx: 1\nx: {y: 2}\nz: *w\nlast: 5\n")

    assert found[0].value == {"x": 1, "z": None, "last": 5}
    assert [(rule, line) for rule, line, _ in findings] == [("HMS005", 1), ("HMS004", 4), ("HMS005", 5)]
    assert found[0].stand_ins == {("z",)}


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param("[" * 100_000, id="deep lists"),
        pytest.param("{a: " * 50_000, id="deep maps"),
        pytest.param("- " * 50_000, id="deep blocks"),
        pytest.param("a: [" + "1," * (MAX_NODES + 5) + "]", id="many values"),
        pytest.param("x" * (MAX_BYTES + 1), id="many bytes"),
        pytest.param("? " * 20_000, id="deep keys"),
    ],
)
def test_bombs_are_stopped_by_a_limit(bomb: str) -> None:
    """In C, composing the first of them ends the process."""
    found, findings = trees(bomb)

    assert found == []
    assert findings[-1][0] == "HMS003"


@pytest.mark.parametrize("level", ["[", "{", "[ ", "[{", "{a: ", "[[[[[[[ ", "[\n"])
def test_the_first_level_too_many_is_named_whatever_the_parser(level: str) -> None:
    """Newer libyaml has a limit of its own, which it meets while it looks ahead."""
    deep = level * 20_000
    at = [index for index, character in enumerate(deep) if character in "[{"][MAX_DEPTH]
    before = deep[:at].split("\n")

    found, findings = trees(deep)

    assert found == []
    assert findings[-1] == ("HMS003", len(before), len(before[-1]) + 1)


def test_an_alias_bomb_never_grows() -> None:
    lines = ["a0: &a0 [x, x, x]"] + [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 12)]
    found, findings = trees("\n".join(lines))

    assert {rule for rule, _, _ in findings} == {"HMS005"}
    assert found[0].value["a11"] == [None] * 9


def test_the_limits_let_their_last_value_pass() -> None:
    assert trees("[" * 32 + "]" * 32)[1] == []
    assert trees("[" + "1," * (MAX_NODES - 1) + "]")[1] == []
    assert trees("#" * MAX_BYTES)[1] == []
