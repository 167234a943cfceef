"""A page left open, as a browser keeps it: the stream says that something is new, and the page fetches itself, at most
once a second. Prints how often; ends when the server does."""

from __future__ import annotations

import http.client
import sys
import time

PAUSE_S = 1.0
WAIT_S = 60.0


def main(port: int, path: str) -> None:
    """Looks on until the server is gone."""
    looks = 0
    try:
        answer = opened(port)
        last = 0.0
        while line := answer.readline():
            if line.startswith(b"data:") and time.monotonic() - last >= PAUSE_S:
                last = time.monotonic()
                fetch(port, path)
                looks += 1
    except (OSError, http.client.HTTPException):
        pass
    sys.stdout.write(f"{looks}\n")


def opened(port: int) -> http.client.HTTPResponse:
    """The stream, as soon as there is a server. Raises OSError after a while."""
    until = time.monotonic() + WAIT_S
    while True:
        stream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            stream.request("GET", "/live", headers={"Accept": "text/event-stream"})
            return stream.getresponse()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def fetch(port: int, path: str) -> None:
    """The page, whole."""
    page = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    page.request("GET", path, headers={"Accept": "text/html"})
    page.getresponse().read()
    page.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
