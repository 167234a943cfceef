"""`python -m bench.publisher PORT REQUESTS CONNECTIONS BATCH KIND`: posts events over kept connections.

On each connection the next is sent when the one before is answered. Prints seconds, events, refused, p50_ms and p99_ms as
JSON. It writes bytes that were made before the clock starts, and looks at no more of an answer than its status and its
length, so that it takes little of the processor that it shares with the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import uvloop

BATCH_TYPE, SINGLE_TYPE = "application/cloudevents-batch+json", "application/cloudevents+json"


def requests(count: int, batch: int, kind: str) -> list[bytes]:
    """Whole requests; every event has an id of its own. Without a batch (0) one event is the body."""
    run = os.urandom(6).hex()
    numbers = iter(range(count * max(batch, 1)))
    found = []
    for _ in range(count):
        events = [
            {
                "specversion": "1.0",
                "id": f"{run}-{number}",
                "source": "bench",
                "type": kind,
                "data": {"policyId": "dol.unemployment.v3", "n": number},
            }
            for number in islice(numbers, max(batch, 1))
        ]
        body = json.dumps(events if batch else events[0], separators=(",", ":")).encode()
        media = BATCH_TYPE if batch else SINGLE_TYPE
        head = ["POST /v1/events HTTP/1.1", "Host: localhost", f"Content-Type: {media}", f"Content-Length: {len(body)}"]
        found.append("\r\n".join([*head, "", ""]).encode() + body)
    return found


class Connection(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, sends again."""

    def __init__(self, waiting: Iterator[bytes], done: asyncio.Future[None], statuses: list[int]) -> None:
        self._waiting, self._done, self._statuses = waiting, done, statuses
        self._got = b""
        self.latencies: list[float] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        request = next(self._waiting, None)
        if request is None:
            self._transport.close()
        else:
            self._began = time.perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        self.latencies.append(time.perf_counter() - self._began)
        self._statuses.append(int(head[9:12]))
        self._got = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def post(port: int, made: list[bytes], connections: int) -> tuple[float, list[int], list[float]]:
    """Seconds, statuses and latencies of all requests."""
    loop = asyncio.get_running_loop()
    waiting, statuses, ends, open_ = iter(made), [], [], []
    began = time.perf_counter()
    for _ in range(connections):
        ends.append(loop.create_future())
        _, one = await loop.create_connection(lambda: Connection(waiting, ends[-1], statuses), "127.0.0.1", port)
        open_.append(one)
    await asyncio.gather(*ends)
    return time.perf_counter() - began, statuses, [each for one in open_ for each in one.latencies]


def main() -> None:
    """See the module."""
    port, count, connections, batch = (int(each) for each in sys.argv[1:5])
    made = requests(count, batch, sys.argv[5])
    seconds, statuses, latencies = uvloop.run(post(port, made, connections))
    taken = statuses.count(202)
    refused = statuses.count(429)
    if taken + refused != count:
        sys.exit(f"of {count} requests {taken} were taken and {refused} refused")
    latencies.sort()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "events": taken * max(batch, 1),
                "refused": refused,
                "p50_ms": latencies[len(latencies) // 2] * 1e3,
                "p99_ms": latencies[len(latencies) * 99 // 100] * 1e3,
            }
        )
    )


if __name__ == "__main__":
    main()
