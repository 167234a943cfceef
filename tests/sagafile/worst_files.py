"""Files that ask for as much work as the limits allow: up to 256 KiB and just below 10,000 values, or beyond both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hms_orch_cli.sagafile.reader import MAX_NODES
from hms_orch_cli.sagafile.source import MAX_BYTES

HEAD: Final = "id: worst.v1\ntrigger: a\n"
EXPRESSION: Final = 1024
"""Characters of an expression that the promise is about."""

Maker = Callable[[int, int], str]
"""Makes a text of at most so many bytes and values."""


def _made(begin: str, piece: Callable[[int], str], end: str, values: int) -> Maker:
    """As many pieces as fit, each of so many values."""

    def make(size: int, most: int) -> str:
        parts, length = [begin], len(begin) + len(end)
        for number in range((most - 20) // values if values else size):
            part = piece(number)
            length += len(part.encode())
            if length > size:
                break
            parts.append(part)
        return "".join([*parts, end])

    return make


def _same(begin: str, piece: str, end: str = "", values: int = 0) -> Maker:
    return _made(begin, lambda _: piece, end, values)


def _each(begin: str, piece: str, end: str = "", values: int = 2) -> Maker:
    """Pieces that are numbered, at `{0}`; `{1}` is the number before."""
    return _made(begin, lambda number: piece.format(number, number - 1), end, values)


def _steps(more: str = "", values: int = 0, name: str = "s{0}") -> Maker:
    step = "  - {{name: NAME, call: 'pay:/x', compensate: 'pay:/y'MORE}}\n"
    return _each(HEAD + "steps:\n", step.replace("NAME", name).replace("MORE", more), values=7 + values)


def _sequences(more: str = "", values: int = 0, parallel: str = "") -> Maker:
    """As many steps as one list may have, and again."""
    step = "    - {{name: s{0}, call: 'pay:/x', compensate: 'pay:/y'MORE}}\n".replace("MORE", more)

    def piece(number: int) -> str:
        begin = f"  - {parallel}\n    steps:\n" if parallel else "  - steps:\n"
        return (begin if number % 100 == 0 else "") + step.format(number, number - 1)

    return _made(HEAD + "steps:\n", piece, "", 8 + values)


def _long(text: str, between: str = " && ") -> str:
    """An expression that says a thing as often as one may."""
    return between.join([text] * (EXPRESSION // (len(text) + len(between))))


TEN: Final = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
LOOP: Final = f'{TEN}.all(a, {TEN}.all(b, {TEN}.all(c, {TEN}.all(d, event.source != "" || data.a == 1))))'
WAIT: Final = " - {{name: s{0}, await: {{event: a, match: 'MATCH'}}}}\n"

BOMB: Final = "a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n"

FILES: Final[Mapping[str, Maker]] = {
    "alias bomb": _each("a: &a-1 [lol]\n", BOMB, values=12),
    "anchors": _each("", "- &a{0} x\n", values=1),
    "lists in lists": _same("", "["),
    "maps in maps": _same("", "{a: "),
    "maps as keys": _same("", "? {a: b}\n: c\n", values=4),
    "empty values": _same("x:\n", "- \n", values=1),
    "one long text": _same(HEAD + "filter: ", "x"),
    "one long line of quotes": _same(HEAD + "filter: ", "''"),
    "an open quote": _same(HEAD + "filter: '", "x y\n"),
    "a block of what would be comments": _same("x: |\n", " # hms-orch: ignore[HMS042]\n"),
    "blanks": _same("x:", " "),
    "line ends": _same("x:", "\n"),
    "carriage returns": _same("", "\r"),
    "tabs": _same("", "\t"),
    "escapes": _same(HEAD + 'x: "', "\\0", '"'),
    "empty documents": _same("", "---\n", values=1),
    "small documents": _same("", "--- {}\n", values=1),
    "sagas": _each(
        "", "---\nid: a{0}\ntrigger: b\nsteps: [{{name: s, call: 'p:/x', compensate: 'p:/y'}}]\n", values=15
    ),
    "sagas of one id": _same("", "---\nid: a\ntrigger: a\nsteps: [{name: s, call: 'p:/x'}]\n", values=13),
    "unknown keys": _each("", "k{0}: 1\n"),
    "unknown keys that are nearly known": _each("", "steps{0}: 1\n"),
    "long unknown keys": _each("", "{0}" + "step" * 200 + ": 1\n"),
    "one key again and again": _same("", "id: a\n", values=2),
    "steps with unknown keys": _steps(", retri: 1, sumary: 1, chek: 1, wen: 1", 8),
    "comments": _same(HEAD, "# words\n"),
    "comments for us": _same(HEAD, "# hms-orch: ignore[HMS042] why\n"),
    "comments that say nothing": _same(HEAD, "# hms-orch: x\n"),
    "comments on unused rules": _each(
        HEAD + "steps:\n", " - x{0} # hms-orch: ignore[HMS042,HMS101,HMS051]\n", values=1
    ),
    "a comment with many rules": _same(HEAD + "# hms-orch: ignore[", "HMS042,", "HMS042]"),
    "a comment with many words": _same(HEAD + "# hms-orch: ignore[", "x ,", "]"),
    "many marks in a line": _same(HEAD + "x: '", " # hms-orch: ", "'"),
    "steps": _steps(),
    "steps of one name": _steps(name="same"),
    "steps that are nothing": _same(HEAD + "steps:\n", "  - {}\n", values=1),
    "steps that read the one before": _steps(", when: 'context.s{1}.a == 1'", 2),
    "steps that read what is not there": _steps(", when: 'context.r{0}.a == 1'", 2),
    "steps with long conditions": _steps(f", when: '{_long('context.s{1}.a == 1')}'", 2),
    "steps with long sums": _steps(f", when: '{_long('data.a', ' + ')}'", 2),
    "steps with nested lists": _steps(f", when: '{'[' * 512}{']' * 512}'", 2),
    "steps with open brackets": _steps(f", when: '{'(' * EXPRESSION}'", 2),
    "steps with long texts in CEL": _steps(f", when: '\"{'x' * EXPRESSION}\" == data.a'", 2),
    "steps with nested loops": _steps(", when: '" + "[1, 2, 3].all(x, " * 50 + "true" + ")" * 50 + "'", 2),
    "steps with templates": _steps(", summary: '" + "${{data.a}} " * (EXPRESSION // 10) + "'", 2),
    "steps with open templates": _steps(", summary: '" + "${{" * (EXPRESSION // 2) + "'", 2),
    "an open template": _same(HEAD + "steps: [{name: s, call: 'pay:/", "${", "'}]"),
    "templates": _each(HEAD + "steps: [{{name: s, call: 'pay:/".replace("{{", "{"), "${{{0}}}", "'}]", values=0),
    "steps with outputs": _steps(", output: {{a{0}: response.a, b: response.b}}, redact: [a.b.c]", 9),
    "steps that wait": _each(
        HEAD + "steps:\n", " - {{name: s{0}, await: {{event: b{0}, match: 'event.data.a == 1'}}}}\n", values=9
    ),
    "steps that loop": _each(
        HEAD + "steps:\n",
        WAIT.replace("MATCH", f"{TEN}.all(a, {TEN}.all(b, {TEN}.all(c, {TEN}.all(d, true))))"),
        values=9,
    ),
    "steps that make a long list": _each(
        HEAD + "steps:\n",
        WAIT.replace("MATCH", f'{TEN}.map(a, {TEN}.map(b, {TEN}.map(c, {TEN}.map(d, "{"x" * 800}")))) == []'),
        values=9,
    ),
    "steps that make a long text": _each(
        HEAD + "steps:\n",
        WAIT.replace("MATCH", f'{TEN}.map(a, "{"x" * 300}" + "{"y" * 300}" + "{"z" * 300}").size() == 0'),
        values=9,
    ),
    "sagas that may start themselves": _made(
        "",
        lambda number: (
            f"---\nid: a{number}\nfilter: '{LOOP}'\ntrigger: [{', '.join(['saga.completed'] * 100)}]\n"
            "steps: [{name: s, call: 'p:/x', compensate: 'p:/y'}]\n"
        ),
        "",
        120,
    ),
    "sagas that may start one another": _each(
        "",
        f"---\nid: a{{0}}\nfilter: '{LOOP}'\ntrigger: [saga.completed, saga.failed, saga.stuck]\n"
        "steps: [{{name: s, call: 'p:/x', compensate: 'p:/y'}}]\n",
        values=20,
    ),
    "sagas that may start one another, shortly": _each(
        "",
        "---\nid: a{0}\nfilter: data.nowhere\ntrigger: [saga.completed, saga.failed, saga.stuck]\n"
        "steps: [{{name: s, call: 'p:/x', compensate: 'p:/y'}}]\n",
        values=20,
    ),
    "sagas that name all those that they wait for": _each(
        "",
        "---\nid: a{0}\nlock: data.a\ntrigger: x\n"
        + "steps: [{{name: s, await: {{event: saga.completed, match: 'event.data.saga in ["
        + ", ".join(f'"a{number}"' for number in range(100))
        + "] && false'}}}}]\n",
        values=20,
    ),
    "sagas that may wait for one another": _each(
        "",
        "---\nid: a{0}\nlock: data.a\ntrigger: x\n"
        f"steps: [{{{{name: s, await: {{{{event: saga.completed, match: '{LOOP}'}}}}}}}}]\n",
        values=20,
    ),
    "steps side by side": _each(
        HEAD + "steps:\n- parallel: true\n  steps:\n",
        "  - {{name: s{0}, call: 'pay:/x', compensate: 'pay:/y'}}\n",
        values=7,
    ),
    "groups in groups": _each(
        HEAD + "steps: [" + "{{parallel: true, steps: [".replace("{{", "{") * 12,
        "{{name: s{0}, call: 'pay:/x', when: 'context.s{1}.a'}},",
        "]}" * 12 + "]",
        values=7,
    ),
    "groups": _each(
        HEAD + "steps:\n",
        "- {{parallel: true, steps: [{{name: a{0}, call: 'p:/x'}}, {{name: b{0}, call: 'p:/x'}}]}}\n",
        values=16,
    ),
    "all the steps there may be": _sequences(),
    "all of them side by side": _sequences(parallel="parallel: true"),
    "all of them on one object, side by side": _sequences(", lock: data.a", 2, "parallel: true"),
    "all of them may be skipped, and are read": _sequences(", when: 'context.s{1}.a == 1'", 2),
    "all of them read what is not there": _sequences(", when: 'context.t{1}.a == 1'", 2),
    "all of them read many": _sequences(f", when: '{_long('context.s7.a == data.b')}'", 2),
    "all of them read later ones": _sequences(", when: 'context.s9{0}.a == 1'", 2),
    "all of them wait long": _sequences(", timeoutMs: 1000, retry: {{attempts: 100, budgetMs: 5}}", 8),
    "all of them are irreversible": _sequences(", irreversible: true", 2),
    "all of them with a body": _sequences(
        ", summary: '${{response.a}} ${{context.s{0}.b}}', output: {{a: response.b}}", 6
    ),
    "steps that cannot be undone": _steps(", irreversible: true", 2),
    "triggers": _each("id: a\nsteps: []\ntrigger:\n", "- t{0}\n", values=1),
    "one trigger again and again": _same("id: a\nsteps: []\ntrigger:\n", "- t\n", values=1),
    "services": _each(HEAD + "steps:\n", " - {{name: s{0}, call: 'pay{0}:/x', compensate: 'pai{0}:/y'}}\n", values=7),
    "headers": _each(
        HEAD + "steps:\n - name: a\n   call:\n    service: pay\n    path: /\n    headers:\n", "     h{0}: x\n"
    ),
    "what may be a secret": _same(HEAD + "x: ", "AKIAIOSFODNN7EXAMPLE ghp_"),
    "one letter of what may be a secret": _same(HEAD + "x: ", "a"),
    "lines that may be secrets": _each(HEAD, "token{0}: eyJhbGciOiJIUzI1NiJ9.eyJhbGciOiJIUzI1NiJ9.x\n"),
    "what may be an address": _same(HEAD + "x: ", "a:b@"),
    "no utf-8 behind much": lambda size, most: _same("", "é")(size - 1, most) + "\udcff",
    "a control character behind much": lambda size, most: _same("", "é\n")(size - 1, most) + "\x00",
}


def worst_file(name: str, part: float = 1.0) -> bytes:
    """The file of that name; with `part` one that has so much of what the limits allow."""
    data = FILES[name](int(MAX_BYTES * part), int(MAX_NODES * part)).encode("utf-8", "surrogateescape")
    assert len(data) <= MAX_BYTES, (name, len(data))
    return data
