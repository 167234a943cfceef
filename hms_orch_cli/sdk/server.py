"""The orchestrator as a client sees it: where it is, what its refusals mean, and asking until there is an answer."""

from __future__ import annotations

import asyncio
import random
import ssl
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hms_orch_cli.sdk import environment
from hms_orch_cli.sdk.errors import Refused, Unreachable

if TYPE_CHECKING:
    import httpx

CONNECT_S: Final = 10.0
ATTEMPT_S: Final = 10.0
"""Seconds that one POST may take in all."""

QUIET_S: Final = 60.0
"""Seconds without a byte after which a connection counts as dead; a stream has a heartbeat every 15."""

TEMPORARY: Final = (408, 425, 429, 500, 502, 503, 504)
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 30.0
LONGEST_RETRY_AFTER_S: Final = 300
WORDS: Final = 500
"""Characters of a refusal that are kept."""


class Server(NamedTuple):
    """Where the orchestrator answers, and the token that opens it."""

    url: str
    token: str | None

    def client(self) -> httpx.AsyncClient:
        """A client for a `with` statement. It follows no redirect and knows no proxy of the environment."""
        import httpx

        return httpx.AsyncClient(
            base_url=self.url,
            headers={"user-agent": "hms-sdk", **({"authorization": f"Bearer {self.token}"} if self.token else {})},
            timeout=httpx.Timeout(QUIET_S, connect=CONNECT_S),
            verify=authorities() if self.url.startswith("https:") else False,
            trust_env=False,
        )


def server(url: str | None = None, token: str | None = None) -> Server:
    """What was given, else HMS_URL and HMS_TOKEN, else http://localhost:7600."""
    return Server((url or environment.url()).rstrip("/"), token or environment.token())


@cache
def authorities() -> ssl.SSLContext:
    """Whom this system trusts; SSL_CERT_FILE adds to it. Made once: it takes a while."""
    return ssl.create_default_context()


async def ask(client: httpx.AsyncClient, path: str, patience_s: float | None, **content: Any) -> httpx.Response:
    """POSTs until the answer is not a temporary one; the same request may be taken twice. Raises Unreachable after
    `patience_s` seconds (None: never)."""
    import httpx

    until = None if patience_s is None else monotonic() + patience_s
    failures = 0
    while True:
        told = 0.0
        try:
            async with asyncio.timeout(ATTEMPT_S):
                answer = await client.post(path, **content)
        except TimeoutError:
            why = f"no answer within {ATTEMPT_S:.0f} s"
        except httpx.TransportError as error:
            why = no_answer(error)
        else:
            if answer.status_code not in TEMPORARY:
                return answer
            why, told = said(answer), retry_after(answer)
        pause = max(pause_after(failures), told)
        failures += 1
        if until is not None and monotonic() + pause > until:
            raise Unreachable(f"{client.base_url}: {why}; HMS_URL says where to look")
        await asyncio.sleep(pause)


def pause_after(failures: int) -> float:
    """Seconds to wait after one more than so many failures in a row: doubling, with chance in it."""
    longest = min(FIRST_PAUSE_S * 2.0 ** min(failures, 20), LONGEST_PAUSE_S)
    return longest * random.uniform(0.8, 1.2)  # noqa: S311  # spreads clients out, keeps no secret


def retry_after(answer: httpx.Response) -> float:
    """The seconds that an answer asks for."""
    told = answer.headers.get("retry-after", "")
    return min(int(told), LONGEST_RETRY_AFTER_S) if told.isascii() and told.isdigit() and len(told) < 10 else 0.0


def refusal(answer: httpx.Response) -> Refused:
    """A definite no as an error."""
    return Refused(answer.status_code, words_of(answer))


def said(answer: httpx.Response) -> str:
    """An answer in a few words."""
    return f"{answer.status_code} {words_of(answer)}"


def words_of(answer: httpx.Response) -> str:
    """What a problem document says, else the name of the status."""
    try:
        problem = answer.json()
        told = [problem.get(name) for name in ("title", "detail", "hint")]
    except (ValueError, AttributeError):
        told = []
    return ": ".join(word for word in told if isinstance(word, str) and word)[:WORDS] or answer.reason_phrase


def no_answer(error: httpx.TransportError) -> str:
    """Why nothing came."""
    return f"no answer ({str(error) or type(error).__name__})"
