"""`emit`: says that something happened, and returns once it is durable."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple
from uuid import uuid4

from hms_orch_cli.sdk import environment
from hms_orch_cli.sdk.server import ask, refusal, server

PATIENCE_S: Final = 30.0
MEDIA_TYPE: Final = "application/cloudevents+json"


class Emitted(NamedTuple):
    """Where the event stands in the log; `duplicate` if it stood there before."""

    position: int
    duplicate: bool


async def emit(
    kind: str,
    data: Any = None,
    *,
    id: str | None = None,  # noqa: A002  # the attribute's own name
    source: str | None = None,
    subject: str | None = None,
    patience_s: float = PATIENCE_S,
    url: str | None = None,
    token: str | None = None,
) -> Emitted:
    """Emits an event of type `kind` with `data`, any JSON, and returns once it is durable.

    While the orchestrator is away or overloaded it is sent again for `patience_s` seconds, always with the same id, so
    that it counts once; with an `id` of your own that holds over a crash of yours, too. `source` is by default
    HMS_SOURCE. Raises Refused, and Unreachable if it is not known whether the event was taken.
    """
    event = {
        "specversion": "1.0",
        "id": id or str(uuid4()),
        "source": source or environment.source(),
        "type": kind,
        **({"subject": subject} if subject is not None else {}),
        **({"data": data} if data is not None else {}),
    }
    content = json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
    async with server(url, token).client() as client:
        answer = await ask(client, "/v1/events", patience_s, content=content, headers={"content-type": MEDIA_TYPE})
    if answer.status_code != 202:
        raise refusal(answer)
    told = answer.json()
    return Emitted(told["position"], told["duplicate"])
