"""A first look at a document: whether it is certainly as the schema says.

Most files are, and loading jsonschema costs a command as much as all the rest of its work. So this says yes only where
it is sure, by a small part of JSON Schema, and jsonschema has the last word on everything else: it alone says what is
wrong. A keyword that is not known here is never taken for fulfilled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_SAYS_NOTHING: Final = frozenset(
    ("description", "examples", "default", "title", "$schema", "$id", "$comment", "$defs", "then", "else")
)
"""Keywords that ask for nothing, or whose `if` is looked at."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "object": (dict,),
    "array": (list,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def is_surely_valid(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether `value` fulfils `schema`; False also where this look is too short to tell."""
    return _fulfils(value, schema, schema)


def _fulfils(value: Any, schema: Any, root: Mapping[str, Any]) -> bool:
    if isinstance(schema, bool):
        return schema
    return all(_keyword(name, wanted, value, schema, root) for name, wanted in schema.items())


def _keyword(name: str, wanted: Any, value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if name in _SAYS_NOTHING:
        return True
    match name:
        case "$ref":
            return _fulfils(value, root["$defs"][wanted.removeprefix("#/$defs/")], root)
        case "type":
            return any(_is(value, kind) for kind in ([wanted] if isinstance(wanted, str) else wanted))
        case "enum":
            return any(type(value) is type(item) and value == item for item in wanted)
        case "const":
            return type(value) is type(wanted) and bool(value == wanted)
        case "if":
            branch = schema.get("then" if _fulfils(value, wanted, root) else "else", True)
            return _fulfils(value, branch, root)
        case "anyOf":
            return any(_fulfils(value, each, root) for each in wanted)
    if isinstance(value, str):
        return _text(name, wanted, value)
    if isinstance(value, dict):
        return _map(name, wanted, value, schema, root)
    if isinstance(value, list):
        return _list(name, wanted, value, root)
    return _number(name, wanted, value)


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES.get(kind, ())) and (kind == "boolean" or not isinstance(value, bool))


def _text(name: str, wanted: Any, value: str) -> bool:
    match name:
        case "pattern":
            # A `$` of ECMA 262 matches at the very end only.
            return re.search(wanted.replace("$", r"\Z"), value) is not None
        case "minLength":
            return bool(len(value) >= wanted)
        case "maxLength":
            return bool(len(value) <= wanted)
    return False


def _number(name: str, wanted: Any, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    match name:
        case "minimum":
            return bool(value >= wanted)
        case "maximum":
            return bool(value <= wanted)
    return False


def _list(name: str, wanted: Any, value: list[Any], root: Mapping[str, Any]) -> bool:
    match name:
        case "items":
            return all(_fulfils(item, wanted, root) for item in value)
        case "minItems":
            return bool(len(value) >= wanted)
        case "maxItems":
            return bool(len(value) <= wanted)
    return False


def _map(name: str, wanted: Any, value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    match name:
        case "required":
            return all(key in value for key in wanted)
        case "properties":
            return all(_fulfils(value[key], part, root) for key, part in wanted.items() if key in value)
        case "patternProperties":
            return all(
                _fulfils(part, each, root)
                for pattern, each in wanted.items()
                for key, part in value.items()
                if _text("pattern", pattern, key)
            )
        case "propertyNames":
            return all(_fulfils(key, wanted, root) for key in value)
        case "additionalProperties":
            named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
            others = [
                part
                for key, part in value.items()
                if key not in named and not any(_text("pattern", pattern, key) for pattern in patterns)
            ]
            return all(_fulfils(part, wanted, root) for part in others)
    return False
