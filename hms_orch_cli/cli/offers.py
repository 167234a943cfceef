"""What a shell offers while a word is typed: the ids and names that are there, and the words that are known.

Whoever presses the tab key waits for this, in the middle of a line. So a look ends after a second at most, what fails
offers nothing, and nothing is printed. Names from outside are offered only if no shell can read them as more than a
word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from hms_orch_cli.cli.log_source import LogSource

MOST: Final = 50
"""Words that are offered."""

PATIENCE_S: Final = 1.0

LAST_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""Behind every id of a run."""

ONE_WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._,/-]{0,199}")

Offer = tuple[str, str]
"""A word, and what it is, for shells that show that."""

Look = Callable[[typer.Context, str], Iterable[Offer]]
"""From what is typed already, and the beginning of the word, to the words that may fit."""

Completer = Callable[[typer.Context, str], list[Offer]]


def offering(look: Look) -> Completer:
    """`look` as typer's `autocompletion`."""

    def offered(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        from itertools import islice
        from threading import Thread

        found: list[Offer] = []

        def work() -> None:
            with suppress(Exception):  # no mistake is worth a word in the middle of somebody's line
                fitting = (offer for offer in look(context, incomplete) if _fits(offer[0], incomplete))
                found.extend(islice(fitting, MOST))

        worker = Thread(target=work, daemon=True)
        worker.start()
        worker.join(PATIENCE_S)
        return list(found)

    return offered


def _fits(word: str, incomplete: str) -> bool:
    return word.startswith(incomplete) and ONE_WORD.fullmatch(word) is not None


def _log() -> AbstractContextManager[LogSource]:
    from hms_orch_cli.cli.log_source import open_log
    from hms_orch_cli.config import load

    return open_log(load())


def _runs(*states: str) -> Look:
    def look(_: typer.Context, incomplete: str) -> Iterator[Offer]:
        with _log() as log:
            runs = log.runs(None, states, MOST, _behind(incomplete) if incomplete else None)
        return ((run["sagaId"], f"{run['saga']} {run['state']}") for run in runs)

    return look


def _behind(incomplete: str) -> str:
    """An id behind every one that begins so. Its last part is left open: a whole id has to be in front of it."""
    begun = incomplete[: LAST_ID.rindex("-") + 1]
    return begun + LAST_ID[len(begun) :]


def _definitions(_: typer.Context, incomplete: str) -> Iterator[Offer]:
    with _log() as log:
        return iter([(name, "definition") for name in log.definitions()])


def _drawable(context: typer.Context, incomplete: str) -> Iterator[Offer]:
    yield from _definitions(context, incomplete)
    yield from _runs()(context, incomplete)


def _items(_: typer.Context, incomplete: str) -> Iterator[Offer]:
    with _log() as log:
        return iter([(item["id"], f"{item['kind']} of {item['saga']}") for item in log.items()])


def _decisions(context: typer.Context, _: str) -> Iterator[Offer]:
    """Those of the item before it on the line."""
    with _log() as log:
        item = log.item(_given(context, "item"))
    return ((decision, "") for decision in item["decisions"])


def _steps(context: typer.Context, _: str) -> Iterator[Offer]:
    """Those of the run on the line."""
    with _log() as log:
        run = log.run(_given(context, "saga_id"))
    return ((step["name"], step["state"]) for step in run["steps"])


def _given(context: typer.Context, name: str) -> str:
    """An argument that is on the line already. It is not told apart yet where an option behind it has no value."""
    return str(context.params.get(name) or next(each for each in context.args if not each.startswith("-")))


def _locks(_: typer.Context, incomplete: str) -> Iterator[Offer]:
    with _log() as log:
        held = [lock for lock in log.locks() if lock["holder"]]
    return ((_typed(lock["key"]), f"held by {lock['holder']['sagaId']}") for lock in held)


def _typed(key: Any) -> str:
    """A key as `lock release` takes it: a text that is no JSON needs no quotes."""
    import json

    if isinstance(key, str):
        with suppress(ValueError):
            json.loads(key)
            return json.dumps(key)
        return key
    return json.dumps(key)


def _event_types(_: typer.Context, incomplete: str) -> Iterator[Offer]:
    """Those that deployed definitions are triggered by."""
    with _log() as log:
        for name in log.definitions()[:MOST]:
            trigger = log.definition(name)["content"]["trigger"]
            yield from ((kind, f"starts {name}") for kind in ([trigger] if isinstance(trigger, str) else trigger))


def _services(_: typer.Context, incomplete: str) -> Iterator[Offer]:
    from hms_orch_cli.config import load

    return ((name, service.url) for name, service in sorted(load().services.items()))


def _states(_: typer.Context, incomplete: str) -> Iterator[Offer]:
    """States, also behind a comma."""
    from hms_orch_cli.views.states import STATES

    before, comma, _last = incomplete.rpartition(",")
    return ((f"{before}{comma}{state.lower()}", "") for state in STATES)


_UNFINISHED: Final = ("RUNNING", "WAITING", "PAUSED", "COMPENSATING", "STUCK")

runs = offering(_runs())
unfinished_runs = offering(_runs(*_UNFINISHED))
redrivable_runs = offering(_runs("FAILED", "CANCELLED", "ABANDONED"))
definitions = offering(_definitions)
drawable = offering(_drawable)
items = offering(_items)
decisions = offering(_decisions)
steps = offering(_steps)
locks = offering(_locks)
event_types = offering(_event_types)
services = offering(_services)
states = offering(_states)
