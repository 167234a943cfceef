"""Hearing: in order, at least once, over stops, restarts and broken streams."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from hms_orch_cli.config.tokens import Token, hash_of
from hms_orch_cli.dashboard.app import App
from hms_orch_cli.dashboard.serve import bind
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.sdk import Event, FilePositions, NotMine, SdkError, Undo, emit, listening, on, run
from tests.dashboard.house import House, open_house
from tests.dashboard.house import event as cloudevent
from tests.participant.fake_service import FakeService, Recorded, Reply

PATIENCE_S = 20


class Heard(list[Any]):
    """What a function was called with, and a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Condition()

    async def note(self, value: Any) -> None:
        """One more."""
        async with self._more:
            self.append(value)
            self._more.notify_all()

    async def count(self, number: int) -> None:
        """Until there are so many."""
        async with asyncio.timeout(PATIENCE_S), self._more:
            await self._more.wait_for(lambda: len(self) >= number)


@asynccontextmanager
async def serving(house: House, port: int = 0) -> AsyncIterator[str]:
    """The orchestrator on a real socket; its URL."""
    server = bind("127.0.0.1", port)
    await server.start(App(house.orchestrator, lambda: house.office))
    try:
        yield server.url
    finally:
        await server.stop()


async def say(house: House, *numbers: int, kind: str = "order.placed") -> None:
    answer = await house.publish(*(cloudevent(number, type=kind) for number in numbers))
    assert answer.status_code == 202


@pytest.fixture
def positions(tmp_path: Path) -> FilePositions:
    return FilePositions(tmp_path / "positions")


async def test_every_event_in_order_and_each_once_over_a_restart(house: House, positions: FilePositions) -> None:
    heard = Heard()

    @on("order.placed", name="one")
    async def hear(ev: Event) -> None:
        await heard.note(ev.data["n"])

    await say(house, 1, 2)
    await say(house, 90, kind="other")
    async with serving(house) as url:
        async with listening(url=url):
            await heard.count(2)
            await say(house, 3)
            await heard.count(3)
        assert positions.load("one") == 4
        await say(house, 4, 5)
        async with listening(url=url):
            await heard.count(5)
    assert heard == [1, 2, 3, 4, 5]


async def test_the_server_goes_away_and_comes_back(house: House) -> None:
    heard = Heard()

    @on("order.placed", name="one")
    async def hear(ev: Event) -> None:
        await heard.note(ev.data["n"])

    async with serving(house) as url:
        port = int(url.rpartition(":")[2])
    async with listening(url=url):
        async with serving(house, port):
            await say(house, 1)
            await heard.count(1)
        await say(house, 2)
        async with serving(house, port):
            await heard.count(2)
    assert heard == [1, 2]


async def test_it_is_the_lifespan_of_an_application(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()

    @on("order.placed", name="one")
    async def hear(ev: Event) -> None:
        await heard.note(ev.data["n"])

    await say(house, 1)
    async with serving(house) as url:
        monkeypatch.setenv("HMS_URL", url)
        app = Starlette(lifespan=listening)
        async with app.router.lifespan_context(app):
            await heard.count(1)
    assert heard == [1]


async def test_functions_that_block_are_called_on_a_thread(house: House) -> None:
    heard, loop = Heard(), asyncio.get_running_loop()

    @on("order.placed", name="one")
    def hear(ev: Event) -> None:
        asyncio.run_coroutine_threadsafe(heard.note(ev.data["n"]), loop).result(PATIENCE_S)

    class Hearer:
        async def __call__(self, ev: Event) -> None:
            await heard.note(ev.data["n"] + 100)

    on("order.placed", name="two")(Hearer())
    await say(house, 1)
    async with serving(house) as url, listening(url=url):
        await heard.count(2)
    assert sorted(heard) == [1, 101]


async def test_one_that_raises_is_called_again_and_later_events_wait(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    @on("order.placed", name="one")
    async def hear(ev: Event) -> None:
        await heard.note(ev.data["n"])
        if len(heard) < 4:
            raise RuntimeError("the database is away")

    await say(house, 1, 2)
    async with serving(house) as url, listening(url=url):
        await heard.count(5)
    assert heard == [1, 1, 1, 1, 2]
    assert "the database is away" in caplog.text


async def test_one_that_waited_for_what_was_cancelled_is_called_again(house: House) -> None:
    heard = Heard()

    @on("order.placed", name="one")
    async def hear(ev: Event) -> None:
        await heard.note(ev.data["n"])
        if len(heard) == 1:
            raise asyncio.CancelledError

    await say(house, 1)
    async with serving(house) as url, listening(url=url):
        await heard.count(2)
    assert heard == [1, 1]


async def test_after_its_attempts_an_event_is_passed_over(
    house: House, positions: FilePositions, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    @on("order.placed", name="one", attempts=2)
    async def hear(ev: Event) -> None:
        await heard.note(ev.data["n"])
        if ev.data["n"] == 1:
            raise RuntimeError("never")

    await say(house, 1, 2)
    async with serving(house) as url, listening(url=url):
        await heard.count(3)
    assert heard == [1, 1, 2]
    assert positions.load("one") == 2
    assert "is passed over" in caplog.text


async def test_what_was_not_finished_is_heard_again(house: House, positions: FilePositions) -> None:
    heard, done = Heard(), False

    @on("order.placed", name="one")
    async def hear(ev: Event) -> None:
        await heard.note(ev.data["n"])
        if not done:
            raise RuntimeError("not yet")

    await say(house, 1)
    async with serving(house) as url:
        async with listening(url=url):
            await heard.count(1)
        assert positions.load("one") == 0
        done = True
        before = len(heard)
        async with listening(url=url):
            await heard.count(before + 1)
    assert positions.load("one") == 1
    assert len(heard) == before + 1


async def test_the_position_stands_before_the_next_event(house: House, positions: FilePositions) -> None:
    """Not only at a stop: a program may be killed."""
    heard = Heard()

    @on("order.placed", name="one")
    async def hear(ev: Event) -> None:
        await heard.note((ev.seq, positions.load("one")))

    await say(house, 1, 2, 3)
    async with serving(house) as url, listening(url=url):
        await heard.count(3)
    assert heard == [(1, 0), (2, 1), (3, 2)]


async def test_a_stop_lets_the_function_end(house: House, positions: FilePositions) -> None:
    began, ended = asyncio.Event(), []

    @on("order.placed", name="one")
    async def hear(ev: Event) -> None:
        began.set()
        await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        ended.append(ev.data["n"])

    await say(house, 1, 2)
    async with serving(house) as url, listening(url=url):
        await asyncio.wait_for(began.wait(), PATIENCE_S)
    assert ended == [1]
    assert positions.load("one") == 1


async def test_a_stop_does_not_wait_for_ever(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hms_orch_cli.sdk.follower.GRACE_S", 0.01)
    began = asyncio.Event()

    @on("order.placed", name="one")
    async def hear(_: Event) -> None:
        began.set()
        await asyncio.Event().wait()

    await say(house, 1)
    async with serving(house) as url, listening(url=url):
        await asyncio.wait_for(began.wait(), PATIENCE_S)


async def test_one_that_begins_at_the_end_keeps_that_at_once(house: House, positions: FilePositions) -> None:
    heard = Heard()

    @on("order.placed", name="one", start="end")
    async def hear(ev: Event) -> None:
        await heard.note(ev.data["n"])

    await say(house, 1)
    async with serving(house) as url:
        async with listening(url=url):
            while positions.load("one") is None:
                await asyncio.sleep(0.001)
        await say(house, 2)
        async with listening(url=url):
            await heard.count(1)
    assert heard == [2]


async def test_a_position_beyond_the_end_is_one_of_another_log(
    house: House, positions: FilePositions, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    @on("order.placed", name="one")
    async def hear(ev: Event) -> None:
        await heard.note(ev.data["n"])

    positions.save("one", 900)
    await say(house, 1)
    async with serving(house) as url, listening(url=url):
        await heard.count(1)
    assert positions.load("one") == 1
    assert "one was at 900, but the log ends at 1" in caplog.text


async def test_a_stop_before_the_first_answer_changes_no_position(positions: FilePositions) -> None:
    on("order.placed", name="old")(print)
    on("order.placed", name="new")(print)
    positions.save("old", 7)
    async with FakeService() as service:
        url = service.url
    async with listening(url=url):
        await asyncio.sleep(0.01)
    assert (positions.load("old"), positions.load("new")) == (7, None)


def test_a_program_that_hears_nothing_says_so() -> None:
    with pytest.raises(SdkError, match="nobody hears anything"):
        run()


async def test_what_is_noted_too_late_says_so() -> None:
    async with listening():
        with pytest.raises(RuntimeError, match="too late"):
            on("a", name="late")(print)
    on("a", name="later")(print)


def stream(*parts: str) -> Reply:
    return Reply(body="retry: 1000\n\n" + "".join(parts), headers={"content-type": "text/event-stream"}, close=True)


def message(seq: int) -> str:
    told = {"seq": seq, "id": f"e{seq}", "source": "s", "type": "a", "data": {"n": seq}}
    return f"id: {seq}\ndata: {json.dumps(told)}\n\n"


async def test_a_stream_that_breaks_goes_on_where_it_broke(
    service: FakeService, positions: FilePositions, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a message is none; positions that only pass over count; refusals and nonsense are waited out."""
    caplog.set_level(logging.ERROR)
    replies = [
        stream(message(1), message(2)[:-1]),
        Reply(429, headers={"Retry-After": "0"}),
        Reply(act="reset"),
        stream(message(2), "id: 6\n\n", ":\n\n"),
        stream("id: 7\ndata: no json\n\n"),
        stream(message(7)),
        Reply(hold="never"),
    ]
    asked: list[str] = []

    def behave(request: Recorded) -> Reply:
        if "limit=1" in request.path:
            return Reply(json={"events": [], "next": 0, "last": 10})
        asked.append(request.headers["last-event-id"])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    service._behave = behave
    heard = Heard()

    @on("a", name="one")
    async def hear(ev: Event) -> None:
        await heard.note(ev.seq)

    async with listening(url=service.url):
        await heard.count(3)
        async with asyncio.timeout(PATIENCE_S):
            while len(asked) < 7:
                await asyncio.sleep(0.001)
    assert heard == [1, 2, 7]
    assert asked == ["0", "1", "1", "1", "6", "6", "7"]
    assert positions.load("one") == 7
    assert "JSONDecodeError" in caplog.text


async def test_an_undo_that_the_orchestrator_calls_for_is_not_acknowledged(service: FakeService) -> None:
    about = {"sagaId": "r/1", "saga": "a.v1", "step": {"name": "ship"}, "key": "k", "attempt": 1}
    told = {"id": "r.1", "source": "hms-orch", "type": "saga.compensate"}
    modes = enumerate(("http", "event", "http"), 1)
    documents = [{**told, "seq": seq, "data": {**about, "mode": mode}} for seq, mode in modes]
    streams = [stream(*(f"id: {each['seq']}\ndata: {json.dumps(each)}\n\n" for each in documents)), Reply(hold="never")]

    def behave(request: Recorded) -> Reply:
        if request.method == "POST":
            return Reply(204)
        if "limit=1" in request.path:
            return Reply(json={"last": 10})
        return streams.pop(0) if len(streams) > 1 else streams[0]

    service._behave = behave
    heard = Heard()

    @on("saga.compensate", name="all", all_modes=True)
    async def hear(ev: Undo) -> None:
        await heard.note(ev.mode)

    async with listening(url=service.url):
        await heard.count(3)
    assert heard == ["http", "event", "http"]
    sent = [request.path for request in service.requests if request.method == "POST"]
    assert sent == ["/v1/sagas/r%2F1/steps/ship/compensated"]


SAGA = """
id: shop.order.v1
trigger: order.placed
steps:
  - name: pay
    call: pay-svc:/pay
    compensate: event
  - name: ship
    call: ship-svc:/ship
    compensate: {event: true}
  - name: mail
    call: mail-svc:/mail
retry: {attempts: 1}
"""


@pytest.fixture
async def failing(house: House) -> House:
    """Its run turns back at the last step; ship and then pay are undone by event."""
    house.participants.answers["/mail"] = Answer(Wire.ANSWERED, 422, {})
    await house.deploy(SAGA)
    await say(house, 1)
    return house


async def test_undos_are_heard_and_acknowledged(failing: House) -> None:
    heard = Heard()

    @on("saga.compensate", name="undo")
    async def undo(ev: Undo) -> None:
        await heard.note((ev.step.name, ev.step.context))

    async with serving(failing) as url, listening(url=url):
        await heard.count(2)
        await failing.settle()
    assert heard == [("ship", {"message": "ship done"}), ("pay", {"message": "pay done"})]
    (row,) = failing.office.runs()
    assert row.state == "FAILED"


async def test_a_publisher_may_do_all_that_a_service_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One whose token reaches to other sagas alone says so for as long as it takes, and undoes nothing twice."""
    mine, other = (Token(name, "publisher", hash_of(name), sagas=(f"{name}.*",)) for name in ("shop", "care"))
    monkeypatch.setattr("hms_orch_cli.sdk.follower.GRACE_S", 0.05)
    heard = Heard()

    @on("saga.compensate", name="undo")
    async def undo(ev: Undo) -> None:
        await heard.note(ev.step.name)

    async with open_house(named=[mine, other]) as house:
        house.participants.answers["/mail"] = Answer(Wire.ANSWERED, 422, {})
        await house.office.deploy(SAGA.encode())
        server = bind("127.0.0.1", 0)
        await server.start(house.app)
        try:
            told = await emit("order.placed", {"n": 1}, url=server.url, token="shop")
            async with listening(url=server.url, token="care"):
                await heard.count(1)
            async with listening(url=server.url, token="shop"):
                await heard.count(3)
                await house.settle()
        finally:
            await server.stop()
        (row,) = house.office.runs(event_seq=told.position)
        assert row.state == "FAILED"
    assert heard == ["ship", "ship", "pay"]
    assert "is done, but not acknowledged: 403" in caplog.text


async def test_one_that_is_not_mine_is_not_acknowledged(failing: House) -> None:
    seen, done = Heard(), Heard()

    @on("saga.compensate", name="all")
    async def other(ev: Undo) -> None:
        await seen.note(ev.step.name)
        raise NotMine

    @on("saga.compensate", name="mine", saga="shop.order.v1", step="ship")
    async def ship(ev: Undo) -> None:
        await done.note(ev.step.name)

    async with serving(failing) as url, listening(url=url):
        await seen.count(2)
        await failing.settle()
    assert (seen, done) == (["ship", "pay"], ["ship"])
    (row,) = failing.office.runs()
    assert row.state == "COMPENSATING"


async def test_an_undo_that_raises_is_not_acknowledged(failing: House) -> None:
    heard = Heard()

    @on("saga.compensate", name="undo", attempts=2)
    async def undo(ev: Undo) -> None:
        await heard.note(ev.step.name)
        raise RuntimeError("not now")

    async with serving(failing) as url, listening(url=url):
        await heard.count(2)
        await failing.settle()
    assert heard == ["ship", "ship"]
    (row,) = failing.office.runs()
    assert row.state == "COMPENSATING"


async def test_one_that_is_not_waited_for_is_over(failing: House, positions: FilePositions) -> None:
    """A person has closed the run before anybody heard of the undo: the 409 ends it, and it is not heard again."""
    heard = Heard()

    @on("saga.compensate", name="undo")
    async def undo(ev: Undo) -> None:
        await heard.note(ev.step.name)

    await failing.settle()
    (row,) = failing.office.runs()
    await failing.office.operations.abandon(row.saga_id, "ann", "by hand")
    async with serving(failing) as url, listening(url=url):
        await heard.count(1)
    assert heard == ["ship"]
    async with serving(failing) as url, listening(url=url):
        await say(failing, 2)
        await heard.count(3)
        await failing.settle()
    assert heard == ["ship", "ship", "pay"]
