"""What the orchestrator needs from the world, as small Protocols. `wiring.py` is where they meet their backends.

One colour each: the store is synchronous (commands use it as it is; `journal.py` puts a group commit before it for
the orchestrator), participants and the journal are asynchronous.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:  # named in annotations only: the words of the saga room cost 15 ms of CPU, and every command is here
    from hms_orch_cli.saga.events import RunFact
    from hms_orch_cli.saga.outcome import Answer, Op
    from hms_orch_cli.saga.state import Run


class NewEvent(NamedTuple):
    """A CloudEvents 1.0 event on its way into the log.

    `data` is JSON text (None: no data). `time` is RFC 3339 in UTC. `extensions` is a JSON object as text, or None.
    No attribute holds a control character.
    """

    id: str
    source: str
    type: str
    time: str
    data: str | None
    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: str | None = None


class Event(NamedTuple):
    """An event as the log holds it: `seq` rises from 1 without a gap, `version` from 1 within its `stream`; `hash`
    (32 bytes) chains it to the event before."""

    seq: int
    stream: str
    version: int
    id: str
    source: str
    type: str
    time: str
    data: str | None
    subject: str | None
    datacontenttype: str | None
    dataschema: str | None
    extensions: str | None
    hash: bytes


Content = tuple[int, str, str, str, str | None]
"""Of an event what folds read: seq, stream, type, time, data."""


class Append(NamedTuple):
    """Events for one stream, all or none. `expected_version` is where the caller saw the stream: 0 for a new one."""

    stream: str
    events: Sequence[NewEvent]
    expected_version: int


class Together(NamedTuple):
    """Appends to several streams, all or none of them, in one commit and side by side in the log."""

    members: Sequence[Append]


class RunRow(NamedTuple):
    """One row of the run list, a derived table: everything `status` shows of a run, and what a start needs to go on.

    Times are milliseconds since 1970. `due_at` is when the run wants to move next: 0 now, None only if something from
    outside happens (or it has ended). `steps` is JSON text: `[{"name","state","attempts","summary"}]`.

    `parked` is 1 if only a person, an event, a callback or a far time moves the run, else 0: such a run is not loaded
    at a start. `lock_key` is the key of the lock that it holds or waits for; `fence` is the lock's fencing number,
    None while the run waits. `awaits` is JSON text, a list of the event types that steps wait for; `items` likewise
    the open questions to a person. Of these four, None stands for none.
    """

    saga_id: str
    saga: str
    revision: str
    state: str
    reason: str
    started_at: int
    ended_at: int | None
    due_at: int | None
    event_seq: int
    event_id: str
    event_source: str
    event_type: str
    steps: str
    parked: int = 0
    lock_key: str | None = None
    fence: int | None = None
    awaits: str | None = None
    items: str | None = None


Having = Literal["items", "lock", "awaits"]
"""What a row of the run list may have beside its state: `items`, `lock_key` or `awaits`."""


class Derived(NamedTuple):
    """A write to the derived tables: rows to insert or replace, and marks (name -> value). The store itself notes the
    position up to which the tables are folded: `folded_to`, or (None) all that was appended before this write."""

    runs: Sequence[RunRow] = ()
    marks: Mapping[str, str] = {}
    folded_to: int | None = None


class LogReader(Protocol):
    """The reading verbs of the event store."""

    def read(self, stream: str, after: int = 0) -> list[Event]:
        """The events of one stream with a version above `after`, in order."""

    def read_all(self, after: int, limit: int, *, arrivals: bool = False) -> list[Event]:
        """Up to `limit` events with a seq above `after`, in order. `arrivals`: only what is not a run's own (streams
        `run/…` are left out): what a dispatcher has to look at, at a cost that runs do not add to."""

    def read_type(self, kind: str, after: int, to: int, limit: int) -> list[Event]:
        """Up to `limit` events of one type with `after` < seq <= `to`, in order.

        Of a type that begins with `saga.` or `hitl.`, at a cost that every event in between adds to. Of any other,
        which no run records, streams `run/…` are left out, and only events of that type cost anything."""

    def last_seq(self) -> int:
        """The position of the last event, 0 for an empty log."""

    def last_of_runs(self) -> int:
        """The position of the last event in a stream `run/…`, 0 if there is none: what stands behind it has started
        no run yet. Costs a little for each event behind it."""


class EventStore(LogReader, Protocol):
    """The append-only log, and beside it the derived tables that can be thrown away and folded anew."""

    def append(self, batch: Sequence[Append | Together], derived: Derived | None = None) -> list[int | Exception]:
        """Appends each member of the batch in one commit, durable when this returns, and writes `derived` with it.

        One result for each member, in order: the seq of its last event, or VersionConflict if the stream is
        elsewhere (that member is left out, the others hold). Raises StoreFull if no space is left (nothing of the
        batch is in the log), StoreFailed if the outcome of the commit is unknown: then append nothing more.
        """

    def close(self) -> None:
        """Lets go of the file."""


class DerivedTables(Protocol):
    """Reading side of the derived tables."""

    def folded_to(self) -> int:
        """The position that the tables are folded to."""

    def mark(self, name: str) -> str | None:
        """A mark's value."""

    def run_row(self, saga_id: str) -> RunRow | None:
        """One row."""

    def run_rows(
        self,
        *,
        saga: str | None = None,
        states: Sequence[str] = (),
        event_seq: int | None = None,
        unfinished: bool = False,
        having: Having | None = None,
        parked: bool | None = None,
        due_to: int | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[RunRow]:
        """Rows, newest first (saga ids rise with time); `before` is the last id of the page before.

        `due_to` (ms since 1970) leaves out what wants to move later, or not by itself. What costs nothing for other
        rows: `unfinished`, and with it `parked=False`, `parked=True` with `due_to`, or having `lock` or `awaits`;
        having `items` also without it."""

    def next_due(self, after: int) -> int | None:
        """The least `due_at` above `after` (ms since 1970) among the parked rows that are unfinished, None if there
        is none."""

    def oldest_run(self, having: Having | None = None) -> RunRow | None:
        """The unfinished run that was triggered first: ids rise with the position of the event."""

    def count_by_state(self) -> dict[tuple[str, str], int]:
        """(saga, state) -> number of runs that have not ended."""

    def count_by_revision(self) -> dict[tuple[str, str], int]:
        """(saga, revision) -> number of runs that have not ended."""


class Journal(Protocol):
    """The orchestrator's way into the log: the appends of many runs share a commit."""

    def append(self, stream: str, events: Sequence[NewEvent], expected_version: int) -> Awaitable[int]:
        """The seq of the last event, once durable. Raises as `EventStore.append` does; the order of calls is the
        order in the log."""

    def append_together(self, members: Sequence[Append]) -> Awaitable[int]:
        """The same for several streams, all or none: the seq of the very last event."""

    @property
    def is_full(self) -> bool:
        """Whether so much is on its way into the log that nothing more should be taken from outside."""

    async def room(self) -> None:
        """Ends when not too much is on its way into the log: to be awaited before something is begun that nobody waits
        for, so that a hundred thousand runs that could move at once move one after another."""

    def derive(self, derived: Derived) -> None:
        """Writes derived rows along with a coming commit; they never get ahead of the events appended before."""


@dataclass(frozen=True, slots=True)
class Service:
    """An entry of the address book: the base URL of a participant, and the `aud` of its tokens if not its name."""

    url: str
    audience: str | None = None


class CallRequest(NamedTuple):
    """One HTTP request to a participant, with every expression filled in.

    `body` is the JSON text to send, None for none. `headers` are the file's own and the HMS-* ones; the adapter adds
    Authorization, Idempotency-Key, traceparent, Content-Type. `timeout_ms` is the total for this attempt. `url` is
    set for a poll: an absolute URL, followed only on the service's own origin.
    """

    saga_id: str
    step: str
    op: Op
    attempt: int
    key: str
    service: str
    method: str
    path: str
    timeout_ms: int
    body: bytes | None = None
    query: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    purpose: Literal["send", "poll", "check"] = "send"
    url: str | None = None


class Participants(Protocol):
    """The services that steps call."""

    async def call(self, request: CallRequest) -> Answer:
        """Makes the request, bounded in time and size, and says what happened. Never raises for what a participant
        or a network does."""

    async def close(self) -> None:
        """Closes the connections."""


class Claims(NamedTuple):
    """What a token says (SPEC section 3)."""

    audience: str
    saga_id: str
    step: str
    op: str
    attempt: int


class Signer(Protocol):
    """Short-lived tokens for participants."""

    async def token(self, claims: Claims) -> str:
        """A signed JWT, fresh for this attempt."""

    def jwks(self) -> dict[str, Any]:
        """The public keys, as a JWK set."""


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


class Clock(Protocol):
    """The time. Rises monotonically while the process lives, whatever the wall clock does."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""


class Observer(Protocol):
    """Hears of each fact once it is durable: the console, the metrics, the live page."""

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """`facts` of one run, in the order of the log; `run` is the state after them."""
