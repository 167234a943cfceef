"""The JSON Schemas of saga files and of their tests, and their complaints in plain words, each at the key or value that
it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hms_orch_cli.safe import safe
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Path
from hms_orch_cli.sagafile.glance import Look, look_for
from hms_orch_cli.sagafile.reader import Tree
from hms_orch_cli.sagafile.source import Source

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator


class Published(NamedTuple):
    """A published schema: its file in this package, and what a message calls a whole document."""

    file: str
    whole: str


SAGAS: Final = Published("schema.json", "the saga")
TESTS: Final = Published("test-schema.json", "the file")

_TYPES: Final = {
    "string": "a text",
    "object": "a map",
    "array": "a list",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}

_FORMS: Final = {
    "^[a-z0-9][a-z0-9._-]{0,127}$": "lower-case letters, digits, '.', '_', '-'; the first a letter or digit; up to 128",
    "^[a-z_][a-z0-9_]*$": "lower-case letters, digits and '_', not beginning with a digit",
    "^[A-Za-z_][A-Za-z0-9_]*$": "letters, digits and '_', not beginning with a digit",
    "^[^\\s]{1,255}$": "an event type: 1 to 255 characters without white space",
    "^[^.\\s]+(\\.[^.\\s]+)*$": "a dotted path such as card.number",
    "^[a-z0-9]{1,20}$": "up to 20 lower-case letters and digits",
    "^[a-z_][a-z0-9_]*(\\.(undo|check|poll|undo\\.poll))?$": "a step, or step.undo, .check, .poll, .undo.poll",
}
"""What a pattern of the schema asks for."""

MOST_COMPLAINTS: Final = 1000
"""Complaints of the schema on one saga that are looked at; nobody is told of more than a hundred."""

MOST_COMPARED: Final = 100
"""Words among which the nearest is looked for; of more, as many that begin like the wrong one."""

RULES_HAVE_IT: Final = "rules"
"""`$comment` where the schema serves editors alone: `rules.py` checks the same with better words."""


def schema_text(published: Published = SAGAS) -> str:
    """A published JSON Schema, as it stands in the package."""
    return resources.files(__package__).joinpath(published.file).read_text(encoding="utf-8")


def check_schema(tree: Tree, source: Source, published: Published = SAGAS) -> None:
    """Notes where a document is not as the schema says."""
    if _look(published)(tree.value):
        return
    errors = list(islice(_validator(published).iter_errors(tree.value), MOST_COMPLAINTS))
    by_path: dict[Path, set[str]] = {}
    for error in errors:
        by_path.setdefault(tuple(error.absolute_path), set()).add(str(error.validator))
    explained: set[Path] = set()
    # Unknown keys first: one that is near to a missing key explains why that is missing.
    for error in sorted(errors, key=lambda error: error.validator != "additionalProperties"):
        path = tuple(error.absolute_path)
        if path in tree.stand_ins or (error.validator != "type" and "type" in by_path[path]):
            continue
        _note(error, path, published.whole, tree, source, explained)


@cache
def _schema(published: Published) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(schema_text(published))
    return schema


@cache
def _look(published: Published) -> Look:
    return look_for(_schema(published))


@cache
def _validator(published: Published) -> Validator:
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(_: Any, wanted: str, instance: Any, schema: Mapping[str, Any]) -> Iterable[ValidationError]:
        # In Python's `re` a `$` also matches before a last new line; in ECMA 262, which JSON Schema means, it does not.
        if isinstance(instance, str) and not re.search(wanted.replace("$", r"\Z"), instance):
            yield ValidationError("does not match")

    extend: Any = validators.extend  # has no types
    validator: Validator = extend(Draft202012Validator, {"pattern": pattern})(_schema(published))
    return validator


def _note(error: ValidationError, path: Path, whole: str, tree: Tree, source: Source, explained: set[Path]) -> None:
    """One complaint of the schema as findings. `explained` are the missing keys that an unknown key explains."""
    keyword = str(error.validator)
    if isinstance(error.schema, Mapping) and error.schema.get("$comment") == RULES_HAVE_IT and keyword != "type":
        return
    wanted: Any = error.validator_value
    value: Any = error.instance
    schema: Any = error.schema
    where = _name(path) if path else whole
    if keyword == "additionalProperties":
        _unknown_keys(path, value, schema, tree, source, explained)
    elif keyword == "required":
        missing = [key for key in wanted if key not in value and f"'{key}'" in error.message.split(" is a ")[0]]
        for key in missing:
            if (*path, key) not in explained:
                place = tree.key_place(path) if path else tree.place(path)
                source.add(catalogue.MISSING_KEY, f"{where} has no '{key}'", _example(schema, key), place, path)
    elif keyword == "type":
        names = [_TYPES[name] for name in ([wanted] if isinstance(wanted, str) else wanted)]
        message = f"{where} must be {' or '.join(names)}, but is {shown(value)}"
        fix = _retyped(wanted, value) or _like(schema, path)
        source.add(catalogue.WRONG_TYPE, message, fix, tree.place(path), path)
    elif keyword in ("enum", "const"):
        allowed = [str(item).lower() if isinstance(item, bool) else str(item) for item in _listed(wanted)]
        fix = (nearest(value, allowed) if isinstance(value, str) else "") or _like(schema, path)
        message = f"{where} is {shown(value)}, but takes {' | '.join(allowed)}"
        source.add(catalogue.WRONG_VALUE, message, fix, tree.place(path), path)
    elif keyword == "pattern":
        if "propertyNames" in error.absolute_schema_path:
            path, where = (*path, value), f"the name {shown(value)}"
        else:
            where = f"{where} is {shown(value)}"
        message = f"{where}, but takes {_FORMS[wanted]}"
        place = tree.key_place(path) if "propertyNames" in error.absolute_schema_path else tree.place(path)
        source.add(catalogue.BAD_FORM, message, _like(schema, path), place, path)
    else:
        message = _range(keyword, wanted, value, where)
        source.add(catalogue.OUT_OF_RANGE, message, _like(schema, path), tree.place(path), path)


def _unknown_keys(
    path: Path, value: Mapping[str, Any], schema: Any, tree: Tree, source: Source, explained: set[Path]
) -> None:
    known = list(schema.get("properties", ()))
    patterns = list(schema.get("patternProperties", ()))
    for key in value:
        if key in known or any(re.search(pattern, key) for pattern in patterns):
            continue
        place = tree.key_place((*path, key))
        if patterns:
            message = f"'{key[:80]}' is no HTTP status: 100 to 599"
            source.add(catalogue.UNKNOWN_KEY, message, "", place, (*path, key))
            continue
        free = [name for name in known if name not in value]
        close = _close(key, free)
        explained.add((*path, close))
        fix = f"Did you mean '{close}'?" if close else f"Known here: {', '.join(known)}."
        source.add(catalogue.UNKNOWN_KEY, f"unknown key '{key[:80]}'", fix, place, (*path, key))


def _retyped(wanted: Any, value: Any) -> str:
    """How to write a value so that it has the type that is wanted."""
    if "string" in wanted and isinstance(value, bool | int | float):
        return "Put it in quotes."
    if wanted == "boolean" and isinstance(value, str) and value.lower() in ("yes", "no", "on", "off", "y", "n"):
        return f"Write {'true' if value.lower() in ('yes', 'on', 'y') else 'false'}."
    if wanted in ("integer", "number") and isinstance(value, str) and value.isdigit():
        return "Write it without quotes."
    return ""


def _range(keyword: str, wanted: Any, value: Any, where: str) -> str:
    if keyword in ("minimum", "maximum"):
        return f"{where} is {value}, but must be at {'least' if keyword == 'minimum' else 'most'} {wanted}"
    if keyword in ("minLength", "minItems") and not value:
        return f"{where} is empty"
    unit = "characters" if keyword == "maxLength" else "items"
    return f"{where} has {len(value)} {unit}, but may have {wanted}"


def shown(value: Any) -> str:
    """A value in a message: short, on one line, nothing hidden."""
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    text = safe(str(value), 60)
    return f"'{text}'" if isinstance(value, str) else text


def nearest(word: str, known: Collection[str]) -> str:
    """A question for the nearest right word, empty if none is near."""
    close = _close(word, known)
    return f"Did you mean '{close}'?" if close else ""


def _close(word: str, known: Collection[str]) -> str:
    """The nearest right word, whatever its case; empty if none is near."""
    wanted, by_lower = word[:80].lower(), {name.lower(): name for name in known}
    compared: Iterable[str] = by_lower
    if len(by_lower) > MOST_COMPARED:
        compared = islice((name for name in by_lower if name[:1] == wanted[:1]), MOST_COMPARED)
    close = get_close_matches(wanted, compared, 1)
    return by_lower[close[0]] if close else ""


def _name(path: Path) -> str:
    """What a message calls a value: its key, with the list position for an item."""
    keys = [part for part in path if isinstance(part, str)]
    if isinstance(path[-1], int):
        return f"item {path[-1] + 1} of '{keys[-1]}'" if keys else f"item {path[-1] + 1}"
    return f"'{path[-1][:80]}'"


def _listed(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _like(schema: Any, path: Path) -> str:
    """What to write in the place of a value: the example that editors show, of a list its first item; empty if there is
    none."""
    examples = schema.get("examples", ()) if isinstance(schema, Mapping) else ()
    if not examples:
        return ""
    example = examples[0][:1] if isinstance(examples[0], list) else examples[0]
    written = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
    key = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
    return f"Write for example '{key}{written}'."


def _example(schema: Any, key: str) -> str:
    """What to write for a missing key."""
    examples = schema.get("properties", {}).get(key, {}).get("examples", ())
    if examples and isinstance(examples[0], str):
        return f"Add for example '{key}: {examples[0]}'."
    return f"Add '{key}'."
