"""What a text of CEL reads, without evaluating it: `context.pay.count`, where it stands, and whether it is sure to be
read.

The library tells nothing of how it has read a text, so this goes by the tokens. It never says of a macro's own
variable that it is a name of the orchestrator's.
"""

from __future__ import annotations

from functools import lru_cache

from hms_orch_cli.expressions.lexer import Token, is_selected, plain_literal, tokens
from hms_orch_cli.ports.expressions import Read

ROOTS = frozenset(("data", "event", "context", "response", "saga", "secret"))
"""The names that an expression may be given."""

_MACROS = frozenset(("all", "exists", "exists_one", "map", "filter"))
_CHOICE = frozenset("?&|")


@lru_cache(maxsize=512)  # many sagas say the same
def reads(text: str) -> tuple[Read, ...]:
    """Every name that the orchestrator gives, with the members that are selected from it, in the order of the text."""
    stream = list(tokens(text))
    own = _variables(stream)
    sure = not own and all(token.kind != "sign" or token.text not in _CHOICE for token in stream)
    found: list[Read] = []
    for index, token in enumerate(stream):
        if token.kind == "name" and token.text in ROOTS - own and not is_selected(stream, index):
            path, end = _path(stream, index)
            asked = [before.text for before in stream[max(index - 2, 0) : index]] == ["has", "("]
            found.append(Read(path, token.start + 1, end - token.start, asked, sure))
    return tuple(found)


def _path(stream: list[Token], index: int) -> tuple[tuple[str, ...], int]:
    """The name at `index` with all the members that follow it, and where the last of them ends."""
    path, last = [stream[index].text], index
    while True:
        following = [token.text for token in stream[last + 1 : last + 4]]
        if following[:1] == ["."] and len(following) > 1 and stream[last + 2].kind == "name":
            if following[2:] == ["("]:
                break
            path.append(following[1])
            last += 2
        elif len(following) == 3 and following[0] == "[" and following[2] == "]":
            member = plain_literal(stream[last + 2])
            if member is None:
                break
            path.append(member)
            last += 3
        else:
            break
    return tuple(path), stream[last].start + len(stream[last].text)


def _variables(stream: list[Token]) -> frozenset[str]:
    """The names that macros bind: the `line` of `lines.map(line, …)`."""
    return frozenset(
        stream[index + 2].text
        for index, token in enumerate(stream[:-3])
        if token.text in _MACROS and stream[index + 1].text == "(" and stream[index + 3].text == ","
    )
