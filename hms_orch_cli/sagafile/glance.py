"""A first look at a document: whether it is certainly as the schema says.

Most files are, and loading jsonschema costs a command as much as all the rest of its work. So this says yes only where
it is sure, by a small part of JSON Schema, and jsonschema has the last word on everything else: it alone says what is
wrong. A keyword that is not known here is never taken for fulfilled.

Each schema becomes a function when it is first needed: a thousand files ask the same questions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Look = Callable[[Any], bool]
"""Whether a value certainly fulfils a schema."""

_SAYS_NOTHING: Final = frozenset(
    ("description", "examples", "default", "title", "$schema", "$id", "$comment", "$defs", "then", "else")
)
"""Keywords that ask for nothing, or whose `if` is looked at."""

_OF_MAPS: Final = frozenset(("properties", "patternProperties", "additionalProperties"))
"""Keywords that are looked at together, key by key."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "object": (dict,),
    "array": (list,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def look_for(schema: Mapping[str, Any]) -> Look:
    """A function that says whether a value fulfils `schema`; False also where it cannot tell."""
    return _Looks(schema).at(schema)


class _Looks:
    """The functions of one schema and of all schemas within it."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._made: dict[int, tuple[Look, ...]] = {}

    def at(self, schema: Any) -> Look:
        """The function of a schema, which is made when it is first called: a schema may contain itself."""
        if isinstance(schema, bool):
            return lambda _: schema

        def look(value: Any) -> bool:
            parts = self._made.get(id(schema))
            if parts is None:
                parts = self._made[id(schema)] = tuple(self._parts(schema))
            for part in parts:  # noqa: SIM110  # all() takes twice as long, and every value comes by
                if not part(value):
                    return False
            return True

        return look

    def _parts(self, schema: Mapping[str, Any]) -> list[Look]:
        made = [self._keyword(name, wanted, schema) for name, wanted in schema.items() if name not in _OF_MAPS]
        if not _OF_MAPS.isdisjoint(schema):
            made.append(self._members(schema))
        return [part for part in made if part is not None]

    def _keyword(self, name: str, wanted: Any, schema: Mapping[str, Any]) -> Look | None:
        if name in _SAYS_NOTHING:
            return None
        match name:
            case "$ref":
                return self.at(self._root["$defs"][wanted.removeprefix("#/$defs/")])
            case "type":
                return _of_type([wanted] if isinstance(wanted, str) else wanted)
            case "enum":
                return lambda value: any(type(value) is type(item) and value == item for item in wanted)
            case "const":
                return lambda value: type(value) is type(wanted) and bool(value == wanted)
            case "if":
                asked, then, other = (
                    self.at(part) for part in (wanted, schema.get("then", True), schema.get("else", True))
                )
                return lambda value: then(value) if asked(value) else other(value)
            case "anyOf":
                looks = [self.at(each) for each in wanted]
                return lambda value: any(look(value) for look in looks)
        return self._of_its_type(name, wanted)

    def _of_its_type(self, name: str, wanted: Any) -> Look:
        """A keyword that asks for something of one type, and so for nothing of the others."""
        is_number = _of_type(["number"])
        match name:
            case "pattern":
                # A `$` of ECMA 262 matches at the very end only.
                search = re.compile(wanted.replace("$", r"\Z")).search
                return lambda value: not isinstance(value, str) or search(value) is not None
            case "minLength":
                return lambda value: not isinstance(value, str) or len(value) >= wanted
            case "maxLength":
                return lambda value: not isinstance(value, str) or len(value) <= wanted
            case "minimum":
                return lambda value: not is_number(value) or value >= wanted
            case "maximum":
                return lambda value: not is_number(value) or value <= wanted
            case "minItems":
                return lambda value: not isinstance(value, list) or len(value) >= wanted
            case "maxItems":
                return lambda value: not isinstance(value, list) or len(value) <= wanted
            case "items":
                item = self.at(wanted)
                return lambda value: not isinstance(value, list) or all(map(item, value))
            case "required":
                return lambda value: not isinstance(value, dict) or all(key in value for key in wanted)
            case "propertyNames":
                name_of = self.at(wanted)
                return lambda value: not isinstance(value, dict) or all(map(name_of, value))
        return lambda _: False

    def _members(self, schema: Mapping[str, Any]) -> Look:
        """What is asked of each member of a map, by its name."""
        named = {key: self.at(part) for key, part in schema.get("properties", {}).items()}
        patterns = [
            (re.compile(pattern.replace("$", r"\Z")).search, self.at(part))
            for pattern, part in schema.get("patternProperties", {}).items()
        ]
        others = self.at(schema.get("additionalProperties", True))

        def look(value: Any) -> bool:
            if not isinstance(value, dict):
                return True
            for key, part in value.items():
                matching = [look for search, look in patterns if search(key)]
                if not all(look(part) for look in matching):
                    return False
                if (key in named or not matching) and not named.get(key, others)(part):
                    return False
            return True

        return look


def _of_type(kinds: Sequence[str]) -> Look:
    types = tuple(each for kind in kinds for each in _TYPES.get(kind, ()))
    if bool in types:
        return lambda value: isinstance(value, types)
    return lambda value: isinstance(value, types) and type(value) is not bool
