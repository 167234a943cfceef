"""Where a command brings what a person wants: to the process that holds the store, or, when nobody holds it, into the
store itself. Both answer in the JSON of the API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.options import Format
from hms_orch_cli.errors import UsageError

if TYPE_CHECKING:
    from hms_orch_cli.application.operations import Operations
    from hms_orch_cli.cli.remote import Remote
    from hms_orch_cli.config import Config

ACTOR_LIMIT = 200

SagaId = Annotated[
    str,
    typer.Argument(
        metavar="SAGA_ID",
        help="The run, as status lists it.",
        show_default=False,
        autocompletion=offers.unfinished_runs,
    ),
]
Actor = Annotated[
    str | None, typer.Option("--actor", help="Who wants it, for the log; else HMS_ACTOR, else your user name.")
]
Note = Annotated[str, typer.Option("--note", help="Why, for the log.", show_default=False)]
"""Both for the log: who reads it later wants to know."""

Steer = Literal["cancel", "abandon", "pause", "resume"]


class Desk(Protocol):
    """What commands want done. Each raises NotFound and NotAllowed, and is durable when it returns."""

    def steer(self, verb: Steer, saga_id: str, actor: str, note: str) -> dict[str, Any]:
        """The run after it."""

    def steer_definition(self, verb: Literal["pause", "resume"], saga: str, actor: str, note: str) -> None:
        """Pauses or resumes a definition."""

    def redrive(self, saga_id: str, actor: str, note: str, *, keep_revision: bool) -> dict[str, Any]:
        """`{"sagaId", "redriveOf"}`: the run that goes on, and the one whose place it takes."""

    def decide(self, item: str, decision: str, actor: str, note: str, output: Any) -> dict[str, Any] | None:
        """The run after it, None for an item about a definition; `output` may be MISSING."""

    def release(self, key: str, actor: str, note: str) -> dict[str, Any]:
        """The run that had the lock; `key` as it is typed."""


@contextmanager
def open_desk(config: Config) -> Iterator[Desk]:
    """Whoever takes writes for the store that this configuration means. Raises StoreMissing, StoreHeld, ServerError."""
    from hms_orch_cli.cli.remote import Remote, find_writer
    from hms_orch_cli.wiring import expressions, open_reader, open_store

    if not config.url:
        open_reader(config).close()  # a store that is not there has no runs: nothing is made for want of one
    writer = find_writer(config)
    if isinstance(writer, Remote):
        yield _Server(writer)
        return
    from hms_orch_cli.application.alone import Alone
    from hms_orch_cli.application.operations import Operations

    with writer:
        store = open_store(config)
        try:
            yield _Store(Operations(Alone(store, expressions, _now_ms), store, _now_ms))
        finally:
            store.close()


def who(config: Config, actor: str | None) -> str:
    """Who wants it. Raises UsageError for a name that no log takes."""
    told = sound(config.actor if actor is None else actor, "the actor").strip()
    if not told or len(told) > ACTOR_LIMIT:
        raise UsageError(f"the actor has {len(told)} characters", f"give --actor NAME, 1 to {ACTOR_LIMIT}")
    return told


def sound(text: str, what: str) -> str:
    """An argument that is text. Raises UsageError for bytes that are not."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} is not UTF-8", "type it in the encoding of the terminal") from error
    return text


def steer(verb: Steer, saga_id: str, actor: str | None, note: str, form: Format) -> None:
    """Steers one run and says where it stands."""
    from hms_orch_cli.config import load

    config = load()
    by, why, saga_id = who(config, actor), sound(note, "the note"), sound(saga_id, "the run")
    with open_desk(config) as desk:
        run = desk.steer(verb, saga_id, by, why)
    show(run, form)
    say_if_nobody_works(config)


def show(run: dict[str, Any], form: Format) -> None:
    """One run, as a line or as JSON."""
    if form is Format.JSON:
        output.as_json(run)
        return
    from hms_orch_cli.cli.status import STYLES

    state = output.styled(run["state"], STYLES.get(run["state"], ""))
    output.result(f"{run['sagaId']}  {run['saga']}  ", state, f"{'  ' if run['reason'] else ''}{run['reason']}")


def say_if_nobody_works(config: Config) -> None:
    """A note if what was recorded is carried out later."""
    from hms_orch_cli.event_store.holder import look

    if not config.url and look(config.store_path) is None:
        output.note("recorded; nobody runs sagas on this store now: the next hms-orch up goes on from there")


class _Store:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def steer(self, verb: Steer, saga_id: str, actor: str, note: str) -> dict[str, Any]:
        from hms_orch_cli.application.alone import drive
        from hms_orch_cli.application.overview import state_json

        return state_json(drive(getattr(self._operations, verb)(saga_id, actor, note)))

    def steer_definition(self, verb: Literal["pause", "resume"], saga: str, actor: str, note: str) -> None:
        from hms_orch_cli.application.alone import drive

        drive(getattr(self._operations, f"{verb}_definition")(saga, actor, note))

    def redrive(self, saga_id: str, actor: str, note: str, *, keep_revision: bool) -> dict[str, Any]:
        from hms_orch_cli.application.alone import drive

        redriven = drive(self._operations.redrive(saga_id, actor, note, keep_revision=keep_revision))
        return {"sagaId": redriven.saga_id, "redriveOf": redriven.redrive_of}

    def decide(self, item: str, decision: str, actor: str, note: str, output: Any) -> dict[str, Any] | None:
        from hms_orch_cli.application.alone import drive
        from hms_orch_cli.application.overview import state_json

        run = drive(self._operations.decide(item, decision, actor, note, output))
        return None if run is None else state_json(run)

    def release(self, key: str, actor: str, note: str) -> dict[str, Any]:
        from hms_orch_cli.application.alone import drive
        from hms_orch_cli.application.overview import state_json

        return state_json(drive(self._operations.release(key, actor, note)))


class _Server:
    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def steer(self, verb: Steer, saga_id: str, actor: str, note: str) -> dict[str, Any]:
        return self._post(f"/v1/sagas/{_part(saga_id)}/{verb}", actor, note)

    def steer_definition(self, verb: Literal["pause", "resume"], saga: str, actor: str, note: str) -> None:
        self._post(f"/v1/definitions/{_part(saga)}/{verb}", actor, note)

    def redrive(self, saga_id: str, actor: str, note: str, *, keep_revision: bool) -> dict[str, Any]:
        return self._post(f"/v1/sagas/{_part(saga_id)}/redrive", actor, note, keepRevision=keep_revision)

    def decide(self, item: str, decision: str, actor: str, note: str, output: Any) -> dict[str, Any] | None:
        from hms_orch_cli.application.operations import MISSING

        given = {} if output is MISSING else {"output": output}
        answer = self._post(f"/v1/hitl/{_part(item)}", actor, note, decision=decision, **given)
        run: dict[str, Any] | None = answer["run"]
        return run

    def release(self, key: str, actor: str, note: str) -> dict[str, Any]:
        import orjson

        try:
            value = orjson.loads(key)
        except ValueError:
            value = key
        return self._post("/v1/locks/release", actor, note, key=value)

    def _post(self, path: str, actor: str, note: str, **members: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._remote.post(path, {"actor": actor, "note": note, **members})
        return answer


def _part(text: str) -> str:
    from hms_orch_cli.cli.log_source import quoted

    return quoted(text)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
