"""The types of CEL, as far as they are known before anything runs.

An expression is compiled once more, with a stand-in of the right type for each path whose type is known, blanks after
it so that every place stays where it is. The library's checker is stricter than its evaluation (`1 < 1.5` and
`x == null` work), so only those complaints count that no value can put right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from hms_orch_cli.expressions.messages import OVERLOAD
from hms_orch_cli.expressions.reads import reads
from hms_orch_cli.ports.expressions import CelType

if TYPE_CHECKING:
    from cel_expr_python import cel

Known = Mapping[tuple[str, ...], CelType]
"""Path -> what stands there."""

_STAND_INS: Mapping[CelType, str] = {
    "string": "_s",
    "bool": "_b",
    "int": "_i",
    "double": "_d",
    "list": "_l",
    "map": "_m",
}
_YIELDS: Mapping[str, CelType] = {
    "STRING": "string",
    "BOOL": "bool",
    "INT": "int",
    "UINT": "int",
    "DOUBLE": "double",
    "BYTES": "string",
    "TIMESTAMP": "string",
    "DURATION": "string",
}
"""What a type of the library is once it has become JSON."""

_NUMBERS = ("int", "uint", "double")
_COMPARED_BY_ORDER = ("_<_", "_<=_", "_>_", "_>=_")
_SELECT = re.compile(r"expression of type '(string|bool|int|double|list)\b.*' cannot be the operand of a select")


@cache
def stand_ins() -> Mapping[str, cel.Type]:
    """The variables that an environment needs for `with_stand_ins`."""
    from cel_expr_python import cel

    types = (cel.Type.STRING, cel.Type.BOOL, cel.Type.INT, cel.Type.DOUBLE, cel.Type.List(cel.Type.DYN))
    return dict(zip(_STAND_INS.values(), (*types, cel.Type.Map(cel.Type.STRING, cel.Type.DYN)), strict=True))


def with_stand_ins(text: str, known: Known) -> str:
    """The text with a variable of the known type in the place of each path, every character at its place. What `has`
    asks for stays: it wants a member."""
    written = text
    for path, column, length, asked, _ in reads(text):
        for count in range(len(path) - asked, 1, -1):
            kind = known.get(path[:count], "any")
            spelt = ".".join(path[:count])
            if kind != "any" and length >= len(spelt) and text.startswith(spelt, column - 1):
                stand_in = _STAND_INS[kind].ljust(len(spelt))
                written = written[: column - 1] + stand_in + written[column - 1 + len(spelt) :]
                break
    return written


def json_type(kind: Any) -> CelType:
    """What a type of the library is as JSON."""
    name = kind.name()
    if name.startswith("LIST"):
        return "list"
    return "map" if name.startswith("MAP") else _YIELDS.get(name, "any")


def is_certain(said: str) -> bool:
    """Whether the first complaint of the checker holds whatever the values: it fails, or compares what is never
    equal."""
    first = said.partition("\n")[0]
    if found := OVERLOAD.search(first):
        return _never_works(found[1], _split(found[2]))
    return _SELECT.search(first) is not None


def _never_works(operator: str, types: Sequence[str]) -> bool:
    classes = [_class(kind) for kind in types]
    if operator in ("_==_", "_!=_"):
        return None not in classes and classes[0] != classes[1]
    if operator in _COMPARED_BY_ORDER:
        return classes != ["number", "number"]
    if operator == "@in":
        items = re.fullmatch(r"(?:list\((.*)\)|map\((.*?), .*\))", types[1])
        inside = _class((items[1] or items[2]) if items else types[1])
        return items is None or (None not in (classes[0], inside) and classes[0] != inside)
    if operator == "_[_]":
        return classes not in (["list", "number"], ["map", "number"])
    return operator != "_?_:_" or classes[0] not in (None, "bool")


def _class(kind: str) -> str | None:
    """Types of one class compare with one another when it runs; None for one that is not known, and for null."""
    if kind in _NUMBERS:
        return "number"
    head = kind.partition("(")[0]
    return head if head in ("string", "bool", "list", "map") else None


def _split(types: str) -> list[str]:
    """`string, map(string, int)` in its parts."""
    parts, depth = [""], 0
    for character in types:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
