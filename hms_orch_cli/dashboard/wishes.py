"""The body of a request in which a person wants something: who it is, why, and what belongs to the wish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from starlette.requests import Request

from hms_orch_cli.application.operations import MISSING
from hms_orch_cli.dashboard.callers import caller_of
from hms_orch_cli.dashboard.reading import body_of, json_of
from hms_orch_cli.dashboard.refusals import BadRequest

BODY_BYTES: Final = 256 << 10
ACTOR: Final = "api"
"""Who it was if neither the token nor the request says."""

MOST: Final[Mapping[str, int]] = {"actor": 200, "decision": 100}
"""Characters of a text. Of a note the log keeps 500."""

_KINDS: Final[Mapping[type, str]] = {str: "a text", bool: "true or false", object: "JSON"}


class Wish(NamedTuple):
    """Who wants it, why, and the members of this kind of wish; one that was left out is MISSING."""

    actor: str
    note: str
    members: Mapping[str, Any]


async def wish_of(request: Request, **members: type) -> Wish:
    """The wish in a body of JSON, or in none at all; `members` may be there besides, each of its type (object: any).
    Whoever has a named token is the actor, whatever the body says. Raises BadRequest, and what `body_of` raises."""
    raw = await body_of(request, BODY_BYTES)
    told = json_of(raw) if raw else {}
    if not isinstance(told, dict):
        raise BadRequest("the body is no JSON object", 'send such as {"actor": "ann", "note": "why"}')
    known: dict[str, type] = {"actor": str, "note": str, **members}
    for name, value in told.items():
        if name not in known:
            raise BadRequest(f"there is no member {name[:40]!r}", f"known are {', '.join(known)}")
        if not isinstance(value, known[name]):
            raise BadRequest(f"{name} is not {_KINDS[known[name]]}", f"give it as {_KINDS[known[name]]}")
        if isinstance(value, str) and len(value) > MOST.get(name, BODY_BYTES):
            raise BadRequest(f"{name} has {len(value)} characters", f"the limit is {MOST[name]}")
    actor = told.get("actor", ACTOR)
    if not actor.strip():
        raise BadRequest("actor is empty", "say who wants it, or leave it out")
    return Wish(
        caller_of(request).name or actor, told.get("note", ""), {name: told.get(name, MISSING) for name in members}
    )


def needed(wish: Wish, name: str, hint: str) -> Any:
    """A member that has to be there. Raises BadRequest."""
    if (value := wish.members[name]) is MISSING:
        raise BadRequest(f"the body has no {name}", hint)
    return value
