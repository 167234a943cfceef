"""`${cel}` in a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Protocol

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.expressions.lexer import Members, closing_brace
from hms_orch_cli.expressions.values import to_text
from hms_orch_cli.ports.expressions import Inserted


class Part(Protocol):
    """A compiled expression, as a template needs it."""

    secrets: frozenset[str]

    @property
    def needs(self) -> Mapping[str, Members]:
        """What its evaluation has to be given."""

    def activation(self, needs: Mapping[str, Members], names: Mapping[str, Any]) -> Any:
        """What an evaluation is given."""

    def evaluate_in(self, activation: Any) -> Any:
        """The value."""


class CelTemplate:
    """A text with `${cel}` in it.

    A text that is one `${…}` alone keeps the value's type, unless `encode` makes it text. Otherwise the parts are
    joined: a string as it is, all else as compact JSON, so null is `null` and true is `true`.
    """

    def __init__(self, parts: tuple[str | Part, ...]) -> None:
        self._parts = parts
        self._inserted = [part for part in parts if not isinstance(part, str)]
        self._alone = self._inserted[0] if len(parts) == 1 and self._inserted else None
        self.secrets = frozenset[str]().union(*(part.secrets for part in self._inserted))

    @cached_property
    def _needs(self) -> Mapping[str, Members]:
        return _together(part.needs for part in self._inserted)

    def render(self, names: Mapping[str, Any], encode: Callable[[str], str] | None = None) -> Any:
        """The filled-in value; `encode` is applied to the text of each inserted part. Raises ExpressionError."""
        if not self._inserted:
            return "".join(part for part in self._parts if isinstance(part, str))
        activation = self._inserted[0].activation(self._needs, names)
        if self._alone is not None and encode is None:
            return self._alone.evaluate_in(activation)
        written = []
        for part in self._parts:
            if isinstance(part, str):
                written.append(part)
            else:
                text = to_text(part.evaluate_in(activation))
                written.append(text if encode is None else encode(text))
        return "".join(written)


def split(text: str, max_expression: int) -> Iterator[str | Inserted]:
    """The parts of a text: plain ones with `$${` turned into `${`, and the CEL of each `${…}`.

    Raises ExpressionError for a `${` that nothing closes within `max_expression` characters.
    """
    plain: list[str] = []
    at = 0
    while (found := text.find("${", at)) >= 0:
        if found > at and text[found - 1] == "$":
            plain.append(text[at:found] + "{")
            at = found + 2
            continue
        plain.append(text[at:found])
        start = found + 2
        end = closing_brace(text, start, min(len(text), start + max_expression + 1))
        if end is None:
            raise ExpressionError(
                "'${' is not closed by a '}'", "Close it, or write $${ for a plain ${.", column=found + 1
            )
        if literal := "".join(plain):
            yield literal
        plain.clear()
        yield Inserted(text[start:end], start)
        at = end + 1
    if literal := "".join(plain) + text[at:]:
        yield literal


def _together(needs: Iterator[Mapping[str, Members]]) -> Mapping[str, Members]:
    """What all parts of a template need."""
    found: dict[str, Members] = {}
    for need in needs:
        for name, members in need.items():
            before = found.get(name, frozenset())
            found[name] = None if members is None or before is None else before | members
    return found
