"""CEL's tokens, as far as they are needed without evaluating: where a `${…}` ends, and which names a text uses.

Source of the rules: the lexis of the CEL language definition (strings with `r` and `b` prefixes, triple quotes,
escapes, `//` comments).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hms_orch_cli.errors import ExpressionError

_TOKEN = re.compile(
    r"""
      (?P<space>   \s+ | //[^\n]* )
    | (?P<string>
          (?: [rR][bB]? | [bB][rR] ) (?: \"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\r\n]*" | '[^'\r\n]*' )
        | [bB]? (?: \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
                  | "(?:\\.|[^"\\\r\n])*" | '(?:\\.|[^'\\\r\n])*' ) )
    | (?P<name>    [A-Za-z_]\w* )
    | (?P<number>  (?: 0[xX][0-9a-fA-F]+ | \d+(?:\.\d+)?(?:[eE][+-]?\d+)? | \.\d+(?:[eE][+-]?\d+)? ) [uU]? )
    | (?P<sign>    . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)

_PLAIN = re.compile(r"[^{}\"'/]*\}")
"""CEL up to its end, without a string, a comment or a brace, in which another `}` could stand."""

Members = frozenset[str] | None
"""The members of a name that a text selects (`data.a`, `data["b"]`); None if it uses the name as a whole."""


class Token(NamedTuple):
    """One token; `start` counts characters from 0. `kind` is string, name, number or sign; white space is left out."""

    kind: str
    text: str
    start: int


def tokens(text: str, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """The tokens of `text[start:end]`. Never fails: what CEL does not know comes as a sign."""
    for found in _TOKEN.finditer(text, start, len(text) if end is None else end):
        kind = found.lastgroup
        if kind is not None and kind != "space":
            yield Token(kind, found[0], found.start())


def closing_brace(text: str, start: int, end: int) -> int | None:
    """Where the `}` stands that closes a `${` whose CEL part begins at `start`; None if there is none before `end`."""
    plain = _PLAIN.match(text, start, end)
    if plain is not None:
        return plain.end() - 1
    depth = 0
    for token in tokens(text, start, end):
        if token.text == "{":
            depth += 1
        elif token.text == "}":
            if depth == 0:
                return token.start
            depth -= 1
    return None


def uses(text: str, names: frozenset[str]) -> Mapping[str, Members]:
    """Which of `names` a CEL text uses, and which of their members: all that an evaluation has to be given.

    A macro's own variable of the same name is counted too, which gives an evaluation more than it needs, never less.
    """
    found: dict[str, Members] = {}
    stream = list(tokens(text))
    for index, token in enumerate(stream):
        if token.kind != "name" or token.text not in names or is_selected(stream, index):
            continue
        member = _member(stream, index)
        before = found.get(token.text, frozenset())
        found[token.text] = None if member is None or before is None else before | {member}
    return found


def secret_names(text: str) -> frozenset[str]:
    """The NAMEs of `secret.NAME` in a CEL text. Raises ExpressionError for a `secret` without a name to look up."""
    members = uses(text, frozenset({"secret"})).get("secret", frozenset())
    if members is None:
        place = next(token.start for token in tokens(text) if token.text == "secret")
        raise ExpressionError(
            "a secret is named in the file: secret.NAME", "Write for example ${secret.API_KEY}.", column=place + 1
        )
    return members


def is_selected(stream: list[Token], index: int) -> bool:
    """Whether the name at `index` is a member (`x.name`) and no name of its own (`name`, `.name`)."""
    if index < 2 or stream[index - 1].text != ".":
        return False
    before = stream[index - 2]
    return before.text in (")", "]", "}", "`") or (before.kind != "sign" and before.text != "in")


def _member(stream: list[Token], index: int) -> str | None:
    """The member that is selected from the name at `index`, None if the name is used as a whole."""
    following = [token.text for token in stream[index + 1 : index + 4]]
    if len(following) >= 2 and following[0] == "." and stream[index + 2].kind == "name":
        return None if following[2:] == ["("] else following[1]
    if len(following) == 3 and following[0] == "[" and following[2] == "]":
        return plain_literal(stream[index + 2])
    return None


def plain_literal(token: Token) -> str | None:
    """What a string says that holds no escapes; None for any other token."""
    text = token.text
    plain = text[0] in "\"'" and "\\" not in text and not text.startswith(('"""', "'''"))
    return text[1:-1] if plain and token.kind == "string" else None
