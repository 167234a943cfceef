"""POST /v1/events: what is taken, what is refused, and that a refusal leaves the log as it was."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import orjson
import pytest

from hms_orch_cli.dashboard.reading import Intake
from tests.dashboard.house import EVENT_BYTES, House, event, open_house
from tests.event_store.gate import Gate

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MIB = 1 << 20

BINARY = {"ce-specversion": "1.0", "ce-id": "b1", "ce-source": "tests", "ce-type": "order.placed"}


async def post(house: House, body: Any, media: str | None = STRUCTURED, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return await house.client.post(
        "/v1/events", content=raw, headers={**({"content-type": media} if media else {}), **told}
    )


@pytest.mark.parametrize("media", [STRUCTURED, "application/json", "application/cloudevents+json; charset=utf-8"])
async def test_a_structured_event_is_taken(house: House, media: str) -> None:
    answer = await post(house, event(1, subject="s", comment="an extension"), media)
    assert (answer.status_code, answer.json()) == (202, {"position": 1, "duplicate": False, "positions": [1]})
    (kept,) = house.store.read_all(0, 10)
    assert (kept.id, kept.subject, kept.data, kept.extensions) == ("e1", "s", '{"n":1}', '{"comment":"an extension"}')


async def test_a_binary_event_is_taken_as_it_is_written(house: House) -> None:
    headers = {
        **BINARY,
        "ce-subject": "%C3%BCber",
        "ce-comment": '"quoted \\" text"',
        "content-type": "application/json",
    }
    answer = await house.client.post("/v1/events", content=b'{ "n":  1 }', headers=headers)
    assert answer.status_code == 202, answer.text
    (kept,) = house.store.read_all(0, 10)
    assert (kept.id, kept.data, kept.subject, kept.datacontenttype) == ("b1", '{ "n":  1 }', "über", "application/json")
    assert kept.extensions == '{"comment":"quoted \\" text"}'


async def test_a_binary_event_may_have_no_data(house: House) -> None:
    answer = await house.client.post("/v1/events", headers=BINARY)
    assert answer.status_code == 202
    assert house.store.read_all(0, 10)[0].data is None


async def test_a_second_time_is_answered_with_the_first_position(house: House) -> None:
    await post(house, event(1))
    answer = await post(house, event(1))
    assert (answer.status_code, answer.json()) == (202, {"position": 1, "duplicate": True, "positions": [1]})
    assert house.store.last_seq() == 1


async def test_the_same_id_with_other_data_is_a_conflict(house: House) -> None:
    await post(house, event(1))
    answer = await post(house, event(1, data={"n": 2}))
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:hms-orch:problem:event-conflict"
    assert house.store.last_seq() == 1


@pytest.mark.parametrize(
    ("value", "kept"),
    [(-2147483648, -2147483648), (2147483647, 2147483647), (7.0, 7), (True, True), (2147483648, None), (1.5, None),
     (-2147483649, None), ([1], None), ({}, None)],
)  # fmt: skip
async def test_an_extension_is_text_integer_or_boolean(house: House, value: Any, kept: Any) -> None:
    answer = await post(house, event(1, mine=value))
    assert answer.status_code == (400 if kept is None else 202), answer.text
    if kept is not None:
        (stored,) = (await house.client.get("/v1/events")).json()["events"]
        assert stored["mine"] == kept and type(stored["mine"]) is type(kept)


async def test_a_batch_is_answered_in_its_order(house: House) -> None:
    answer = await house.publish(event(1), event(2), event(1))
    assert answer.status_code == 202
    assert answer.json() == {
        "positions": [1, 2, 1],
        "events": [
            {"position": 1, "duplicate": False},
            {"position": 2, "duplicate": False},
            {"position": 1, "duplicate": True},
        ],
    }


async def test_an_empty_batch_is_no_mistake(house: House) -> None:
    answer = await house.publish()
    assert (answer.status_code, answer.json()) == (202, {"positions": [], "events": []})


@pytest.mark.parametrize(
    "bad",
    [event(2, type=None), event(2, specversion="0.3"), event(2, type="saga.started"), "text", event(2, time="now")],
)
async def test_a_batch_with_a_bad_member_takes_nothing_and_names_it(house: House, bad: Any) -> None:
    answer = await house.publish(event(0), event(1), bad, event(3))
    assert answer.status_code == 400
    assert answer.json()["index"] == 2
    assert "event 2 of the batch" in answer.json()["detail"]
    assert house.store.last_seq() == 0


async def test_a_batch_with_an_id_that_came_before_with_other_data_takes_nothing_and_names_it(house: House) -> None:
    await house.publish(event(7))
    answer = await house.publish(event(1), event(2), event(7, data={"n": 8}), event(3))
    assert (answer.status_code, answer.json()["index"]) == (409, 2)
    assert "event 2 of the batch" in answer.json()["detail"]
    assert "at position 1" in answer.json()["detail"]
    assert house.store.last_seq() == 1
    assert (await house.publish(event(1), event(7), event(2))).json()["positions"] == [2, 1, 3]


async def test_a_batch_that_contradicts_itself_takes_nothing_and_names_it(house: House) -> None:
    answer = await house.publish(event(1), event(2), event(1, data={"n": 5}))
    assert (answer.status_code, answer.json()["index"]) == (409, 2)
    assert house.store.last_seq() == 0


async def test_of_two_batches_at_a_time_that_contradict_each_other_one_is_taken_whole() -> None:
    disk = Gate()
    async with open_house(store=disk) as house:
        disk.open.clear()
        first = asyncio.ensure_future(house.publish(event(1), event(2)))
        await asyncio.to_thread(disk.entered.acquire)
        second = asyncio.ensure_future(house.publish(event(3), event(2, data={"n": 5}), event(4)))
        third = asyncio.ensure_future(house.publish(event(5), event(2)))
        disk.open.set()
        assert (await first).json()["positions"] == [1, 2]
        assert ((await second).status_code, (await second).json()["index"]) == (409, 1)
        assert (await third).json()["events"][1] == {"position": 2, "duplicate": True}
        assert sorted(each.id for each in disk.read_all(0, 10)) == ["e1", "e2", "e5"]


REFUSED: dict[str, tuple[Any, str | None, int, str]] = {
    "no type": (event(type=None), STRUCTURED, 400, "type"),
    "no id": (event(id=None), STRUCTURED, 400, "id"),
    "no source": (event(source=None), STRUCTURED, 400, "source"),
    "no specversion": (event(specversion=None), STRUCTURED, 400, "specversion"),
    "specversion null": ({**event(), "specversion": None}, STRUCTURED, 400, "specversion"),
    "other specversion": (event(specversion="0.3"), STRUCTURED, 400, "0.3"),
    "the type is a number": (event(type=5), STRUCTURED, 400, "type"),
    "reserved type": (event(type="saga.completed"), STRUCTURED, 400, "orchestrator's own"),
    "reserved type of people": (event(type="hitl.decided"), STRUCTURED, 400, "orchestrator's own"),
    "deeper than the limit": (orjson.loads("[" * 101 + "]" * 101), STRUCTURED, 400, "deeper than 100"),
    "control character": (event(id="a\nb"), STRUCTURED, 400, "control"),
    "time": (event(time="yesterday"), STRUCTURED, 400, "RFC 3339"),
    "binary data": (event(data=None, data_base64="AAAA"), STRUCTURED, 400, "binary"),
    "not JSON": (b"{'a': 1}", STRUCTURED, 400, "JSON"),
    "not UTF-8": (b'{"a": "\xff"}', STRUCTURED, 400, "JSON"),
    "no body": (b"", STRUCTURED, 400, "JSON"),
    "an array as one event": ([event()], STRUCTURED, 400, "object"),
    "one event as a batch": (event(), BATCH, 400, "array"),
    "deep": (b"[" * 100_000, BATCH, 400, "JSON"),
    "text": (event(), "text/plain", 415, "text/plain"),
    "a form": (b"a=b", "application/x-www-form-urlencoded", 415, "form"),
    "avro": (b"x", "application/cloudevents+avro", 415, "avro"),
    "no content type": (event(), None, 415, "''"),
    "too much data": (event(data="x" * (EVENT_BYTES + 1)), STRUCTURED, 413, str(EVENT_BYTES)),
    "10 MB": (event(data="x" * (10 * MIB)), STRUCTURED, 413, "limit"),
    "10 MB as a batch": ([event(data="x" * (10 * MIB))], BATCH, 413, "limit"),
    "1001 events": ([event(n) for n in range(1001)], BATCH, 413, "1001"),
}


@pytest.mark.parametrize(("body", "media", "status", "word"), REFUSED.values(), ids=REFUSED)
async def test_what_is_refused_leaves_no_trace(
    house: House, body: Any, media: str | None, status: int, word: str
) -> None:
    answer = await post(house, body, media)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "detail", "hint"} <= problem.keys()
    assert word in problem["detail"], problem
    assert house.store.last_seq() == 0


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"ce-specversion": "2.0"}, b"{}", 400),
        ({"ce-id": ""}, b"{}", 400),
        ({"ce-type": "saga.started"}, b"{}", 400),
        ({"ce-subject": "%ff"}, b"{}", 400),
        ({"ce-loud-name": "x"}, b"{}", 400),
        ({}, b"not json", 400),
        ({}, b"[" * 101 + b"]" * 101, 400),
        ({"content-type": "text/xml"}, b"<a/>", 400),
        ({}, b"[" + b"1," * EVENT_BYTES + b"1]", 413),
    ],
)
async def test_a_bad_binary_event_is_refused(house: House, headers: dict[str, str], body: bytes, status: int) -> None:
    answer = await house.client.post("/v1/events", content=body, headers={**BINARY, **headers})
    assert answer.status_code == status, answer.text
    assert house.store.last_seq() == 0


async def test_a_body_without_a_length_is_cut_off_at_the_limit(house: House) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 100 * MIB:
            sent += MIB
            yield b" " * MIB

    answer = await house.client.post("/v1/events", content=endless(), headers={"content-type": BATCH})
    assert answer.status_code == 413
    assert sent <= 10 * MIB


async def test_bodies_that_are_read_at_one_time_are_bounded_together(house: House) -> None:
    house.routes.state.intake = Intake(3_000)
    half_there, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> Any:
        raw = orjson.dumps(event(1, data="x" * 2_000))
        yield raw[:1_500]
        half_there.set()
        await go_on.wait()
        yield raw[1_500:]

    slow = house.client.post("/v1/events", content=slowly(), headers={"content-type": STRUCTURED})
    sent = asyncio.ensure_future(slow)
    await half_there.wait()
    refused = await post(house, event(2, data="x" * 1_800))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    go_on.set()
    assert (await sent).status_code == 202
    assert house.routes.state.intake.bytes == 0
    assert (await post(house, event(2, data="x" * 1_800))).status_code == 202


async def test_a_coded_body_is_not_unpacked(house: House) -> None:
    answer = await post(house, event(), content_encoding="gzip")
    assert answer.status_code == 415
    assert house.store.last_seq() == 0


async def test_too_much_at_a_time_is_told_and_may_be_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    disk = Gate()
    async with open_house(waiting=2, store=disk) as house:
        disk.open.clear()
        taken = asyncio.ensure_future(house.publish(*(event(n) for n in range(3))))
        await asyncio.to_thread(disk.entered.acquire)
        refused = await house.publish(event(3), event(4))
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        gc.collect()  # an error that nobody took would be logged now
        assert not caplog.records
        disk.open.set()
        assert (await taken).status_code == 202
        answers = [await house.publish(event(n)) for n in range(5)]
        assert [answer.json()["events"][0] for answer in answers] == [
            {"position": n + 1, "duplicate": n < 3} for n in range(5)
        ]
