"""DB-API 2.0 (PEP 249) as drivers speak it: their parameter styles, and whether they commit by themselves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

Dialect = Callable[["Statement"], tuple[str, Any]]


class Statement(NamedTuple):
    """SQL with `{}` in place of each value. `reads` if it gives a row."""

    text: str
    values: tuple[str, ...]
    reads: bool = False


def dialect_of(connection: Any) -> Dialect:
    """Turns statements into what `execute` of this connection takes. Raises TypeError for what is no DB-API."""
    style = _paramstyle(connection)
    if style not in _MARKS:
        name = type(connection).__qualname__
        raise TypeError(f"{name} is no connection of a DB-API driver; of what wraps one give the driver's own")
    mark = _MARKS[style]

    def prepared(statement: Statement) -> tuple[str, Any]:
        text = statement.text.format(*(mark(number) for number in range(1, len(statement.values) + 1)))
        if style == "named":
            return text, {f"v{number}": value for number, value in enumerate(statement.values, 1)}
        return text, statement.values

    return prepared


def commits_by_itself(connection: Any) -> bool:
    """Whether the next statement would be a transaction of its own. What cannot be told counts as no."""
    inside = getattr(connection, "in_transaction", None)
    if isinstance(inside, bool):  # sqlite3: without an isolation level it begins none by itself
        begins = getattr(connection, "isolation_level", None) is not None
        return not inside and (not begins or getattr(connection, "autocommit", None) is True)
    autocommit = getattr(connection, "autocommit", None) is True
    status = getattr(getattr(connection, "info", None), "transaction_status", None)  # psycopg: 0 is in none
    return autocommit and status in (None, 0)


_MARKS: dict[str | None, Callable[[int], str]] = {
    "qmark": lambda _: "?",
    "format": lambda _: "%s",
    "pyformat": lambda _: "%s",
    "numeric": lambda number: f":{number}",
    "named": lambda number: f":v{number}",
}


def _paramstyle(connection: Any) -> str | None:
    """The style of the driver: PEP 249 puts it into the module of its connections, or into one above."""
    for kind in type(connection).__mro__:
        words = kind.__module__.split(".")
        for length in range(len(words), 0, -1):
            style = getattr(sys.modules.get(".".join(words[:length])), "paramstyle", None)
            if isinstance(style, str):
                return style
    return None
