"""Words for the messages about a configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hms_orch_cli.errors import ConfigError

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

KINDS: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def kind(value: object) -> str:
    """The kind of a TOML or JSON value."""
    return KINDS.get(type(value), "a date or time")


def json_object(text: str, where: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """The object that a variable holds as JSON. `where` begins the message of the ConfigError."""
    import json

    hint = f"write it as {json.dumps(example, ensure_ascii=False)}"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is not JSON", hint) from error
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be a JSON object, not {kind(value)}", hint)
    return value


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint: the known word that `word` is likely to mean, else all of them."""
    from difflib import get_close_matches

    known = sorted(known)
    match = get_close_matches(word.lower(), [name.lower() for name in known], n=1)
    best = next((name for name in known if match and name.lower() == match[0]), None)
    return f"did you mean {best}?" if best else f"known are {', '.join(known)}"
