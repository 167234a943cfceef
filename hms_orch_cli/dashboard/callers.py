"""Who sends a request, and what they may do: the rights of a role, narrowed by the scopes of a token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from hms_orch_cli.config.tokens import Role, Tokens, hash_of
from hms_orch_cli.dashboard.refusals import NotPermitted

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Scope

Right = Literal["read", "follow", "publish", "acknowledge", "operate"]
"""`read`: see everything. `follow`: read the log. `publish`: put events into it. `acknowledge`: an undo by event.
`operate`: decide, steer runs, take locks away, deploy."""

ROLES: Final[Mapping[Role, frozenset[Right]]] = {
    "viewer": frozenset(("read", "follow")),
    "publisher": frozenset(("follow", "publish", "acknowledge")),
    "operator": frozenset(("read", "follow", "publish", "acknowledge", "operate")),
}

RIGHTS_BY_ROUTE: Final[Mapping[tuple[str, str], Right]] = {
    ("GET", "/v1/me"): "follow",
    ("GET", "/v1/events"): "follow",
    ("POST", "/v1/events"): "publish",
    ("POST", "/v1/sagas/{id}/steps/{name}/compensated"): "acknowledge",
}
"""Where more than operators may write, or more than viewers may read."""

OPEN_PATHS: Final = ("/healthz", "/readyz", "/.well-known/jwks.json", "/login", "/logout")
OPEN_PREFIXES: Final = ("/v1/callbacks/", "/static/")
"""What needs no token: a callback's path is one, and the others tell nothing but how it is."""


def is_open(path: str) -> bool:
    """Whether anybody may ask for this."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def right_of(method: str, path: str) -> Right | None:
    """What a request needs, by its method and the path of its route; None for what is open to all."""
    if is_open(path):
        return None
    return RIGHTS_BY_ROUTE.get((method, path), "read" if method == "GET" else "operate")


class Caller(NamedTuple):
    """Who asks. Without a `name` it is whoever the request says. `sagas` and `types` are patterns: a name, or the
    beginning of one before a *; empty for all."""

    name: str | None
    role: Role
    sagas: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def need(self, right: Right) -> None:
        """Raises NotPermitted."""
        if right not in ROLES[self.role]:
            able = " or ".join(role for role, rights in ROLES.items() if right in rights)
            raise NotPermitted(f"{self.name} is a {self.role}, and may not {_IN_WORDS[right]}", f"ask {_a(able)}")

    def need_saga(self, saga: str) -> None:
        """Raises NotPermitted if the token does not reach to this definition."""
        if self.sagas and not _fits(saga, self.sagas):
            raise NotPermitted(f"{self.name} may not act on {saga}", f"its token is for {', '.join(self.sagas)}")

    def need_type(self, kind: str) -> None:
        """Raises NotPermitted if the token may not publish this type."""
        if self.types and not _fits(kind, self.types):
            raise NotPermitted(f"{self.name} may not publish {kind}", f"its token is for {', '.join(self.types)}")

    def to_json(self) -> dict[str, Any]:
        """The answer of GET /v1/me."""
        rights = sorted(ROLES[self.role])
        return {**self._asdict(), "rights": rights}


OWNER: Final = Caller(None, "operator")
"""Anybody on this machine where no token is set, and whoever has a token without a name."""


NO_TOKENS: Final = Tokens()


class Register:
    """Who a server knows, by the tokens that hold when `follow` is called. `local` is a token of whoever owns the
    store: it opens everything, and does not by itself close the door to others.

    A server that has needed a token needs one until its end: who takes the last one away opens nothing by it."""

    def __init__(self, tokens: Callable[[], Tokens] = lambda: NO_TOKENS, local: str = "") -> None:
        self._tokens = tokens
        self._local = {hash_of(local): OWNER} if local else {}
        self._taken = NO_TOKENS
        self._callers: Mapping[str, Caller] = self._local
        self.needs_token = False
        self.follow()

    def follow(self) -> None:
        """Takes over what has changed."""
        if (tokens := self._tokens()) is self._taken:
            return
        named = {each.hash: Caller(each.name, each.role, each.sagas, each.types) for each in tokens.named}
        self._callers = named | {hash_of(each): OWNER for each in tokens.nameless} | self._local
        self.needs_token = self.needs_token or any(tokens)
        self._taken = tokens

    def caller(self, kept: str | None) -> Caller | None:
        """Who sends a request with the token of this hash, or with none; None for nobody who is known."""
        return self.named(kept or "") if self.needs_token else OWNER

    def named(self, kept: str) -> Caller | None:
        """Who has the token of this hash. Finding it by the hash takes a time that tells nothing of the token."""
        return self._callers.get(kept)

    def hashes(self) -> Iterable[str]:
        """All that is known."""
        return self._callers


def caller_of(request: Request) -> Caller:
    """Who sent a request that was let in."""
    caller: Caller = request.scope["caller"]
    return caller


def let_in(scope: Scope, caller: Caller | None, still: Callable[[], bool]) -> None:
    """Notes who sends a request, None for what is open to all; `still` says whether they would be let in as the same
    now."""
    scope["caller"] = caller
    scope["still"] = still


def is_still_in(scope: Scope) -> bool:
    """Whether who was let in with this request would be let in as the same now: for an answer that takes long."""
    still: Callable[[], bool] = scope["still"]
    return still()


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(name.startswith(each[:-1]) if each.endswith("*") else name == each for each in patterns)


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


_IN_WORDS: Final[Mapping[Right, str]] = {
    "read": "read this",
    "follow": "read the log",
    "publish": "publish events",
    "acknowledge": "acknowledge an undo",
    "operate": "change anything",
}
