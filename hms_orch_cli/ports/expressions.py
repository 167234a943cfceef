"""CEL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol


class Expression(Protocol):
    """A compiled CEL expression."""

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """Its value as plain JSON values. Raises ExpressionError."""


class Template(Protocol):
    """A text with `${cel}` in it; a text that is one `${…}` alone keeps the value's type."""

    @property
    def secrets(self) -> frozenset[str]:
        """The NAMEs of the `secret.NAME` that it uses: only those are resolved, when the request is sent."""

    def render(self, names: Mapping[str, Any], encode: Callable[[str], str] | None = None) -> Any:
        """The filled-in value; `encode` is applied to each inserted part. Raises ExpressionError."""


class Inserted(NamedTuple):
    """The CEL of one `${…}`; it begins at the character `start` (from 0) of the text."""

    text: str
    start: int


class Read(NamedTuple):
    """A name that an expression reads, with the members that it selects: `context.pay.count` is the path (context, pay,
    count). `column` is the character where it begins, from 1, `length` how many it has. `asked`: it is the question of
    a `has(…)`. `sure`: nothing in the expression decides whether it is read (no `?`, `&&`, `||`, no macro)."""

    path: tuple[str, ...]
    column: int
    length: int
    asked: bool = False
    sure: bool = True


CelType = Literal["string", "bool", "int", "double", "list", "map", "any"]
"""What an expression yields, as JSON carries it; `any` shows only at run time."""


class Expressions(Protocol):
    """CEL: compiled once, evaluated often."""

    def compile(self, text: str, names: Sequence[str], *, boolean: bool = False) -> Expression:
        """Compiles `text`, which may use `names` (of data, event, context, response, saga, secret). `boolean`: the
        result must be true or false. Raises ExpressionError with the place."""

    def template(self, text: str, names: Sequence[str]) -> Template | None:
        """The template in `text`, None if it has no `${…}`. Raises ExpressionError with the place."""

    def inserted(self, text: str) -> Sequence[Inserted]:
        """The CEL of each `${…}` in `text`; none where one is not closed."""

    def reads(self, text: str) -> Sequence[Read]:
        """What an expression reads, in the order of the text, whether it compiles or not."""

    def type_of(
        self, text: str, names: Sequence[str], known: Mapping[tuple[str, ...], CelType], *, boolean: bool = False
    ) -> CelType:
        """What an expression yields if the paths in `known` are of these types. Raises ExpressionError with the place
        where they do not go together, so that it fails, or compares what is never equal, whatever the values."""
