"""How a command reaches a running `up`, and what it makes of the answers."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hms_orch_cli.cli import remote
from hms_orch_cli.cli.remote import Remote, find_writer
from hms_orch_cli.config import load
from hms_orch_cli.errors import (
    ConfigError,
    EventConflict,
    EventRefused,
    HmsError,
    NotAllowed,
    NotFound,
    SagaFileError,
    ServerError,
    StoreFull,
    StoreHeld,
)
from hms_orch_cli.event_store.holder import Holder

Asked = list[tuple[str, str, dict[str, str], bytes]]


@contextmanager
def server(status: int, body: bytes, headers: dict[str, str] | None = None) -> Iterator[tuple[str, Asked]]:
    """A server that answers every request the same way and remembers them."""
    asked: Asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}", asked
        finally:
            http.shutdown()
            thread.join()


def problem(**members: str) -> bytes:
    """A problem document."""
    return json.dumps(members).encode()


class TestRequests:
    def test_post_sends_json_with_the_token_and_returns_json(self) -> None:
        with server(202, b'{"positions": [1]}') as (url, asked):
            assert Remote(url + "/", "t0ken").post("/v1/events", {"é": 1}) == {"positions": [1]}
        [(method, path, headers, body)] = asked
        assert (method, path, json.loads(body)) == ("POST", "/v1/events", {"é": 1})
        assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer t0ken", "application/json")

    def test_bytes_go_as_they_are_with_their_type(self) -> None:
        with server(202, b"{}") as (url, asked):
            Remote(url).post("/v1/events", b"[1 ]", "application/cloudevents-batch+json")
        assert (asked[0][3], asked[0][2]["Content-Type"]) == (b"[1 ]", "application/cloudevents-batch+json")
        assert "Authorization" not in asked[0][2]

    def test_get_with_a_query_under_a_base_path(self) -> None:
        with server(200, b"[]") as (url, asked):
            assert Remote(url + "/base").get("/v1/sagas", {"state": "a&b", "limit": 1}) == []
        assert asked[0][1] == "/base/v1/sagas?state=a%26b&limit=1"

    def test_an_empty_answer_is_an_empty_object(self) -> None:
        with server(200, b"") as (url, _):
            assert Remote(url).get("/") == {}

    def test_a_token_that_no_header_carries_is_refused_without_showing_it(self) -> None:
        with pytest.raises(ConfigError, match="no header can carry") as caught:
            Remote("http://x", "s3cret\r\nX: y")
        assert "s3cret" not in caught.value.message


class TestProblems:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("event-refused", EventRefused),
            ("event-conflict", EventConflict),
            ("not-allowed", NotAllowed),
            ("not-found", NotFound),
            ("store-full", StoreFull),
            ("hms-error-of-a-later-version", ServerError),
        ],
    )
    def test_a_problem_is_the_error_that_the_server_began_with(self, name: str, kind: type[HmsError]) -> None:
        body = problem(type=f"urn:hms-orch:problem:{name}", detail="no \x1b[31m" + "x" * 1000, hint="do")
        with server(400, body) as (url, _), pytest.raises(HmsError) as caught:
            Remote(url).post("/v1/events", {})
        assert type(caught.value) is kind
        assert r"no \x1b[31mxx" in caught.value.message
        assert len(caught.value.message) < 600
        assert caught.value.hint == "do"

    def test_an_error_of_the_tree_survives_the_way_through_the_server(self) -> None:
        """The names in the documents are made at the other end; here both ends meet."""
        from hms_orch_cli.dashboard.problems import problem_of

        for error in (NotFound("a", "b"), SagaFileError("a", "b"), StoreHeld("a", "b"), EventConflict("a", "b")):
            answer = problem_of(error)
            with server(answer.status_code, bytes(answer.body)) as (url, _), pytest.raises(type(error)) as caught:
                Remote(url).get("/")
            assert type(caught.value) is type(error)
            assert (caught.value.message, caught.value.hint) == ("a", "b")

    def test_findings_come_along(self) -> None:
        body = json.dumps({"type": "urn:hms-orch:problem:saga-file-error", "detail": "a", "findings": [{"line": 1}]})
        with server(422, body.encode()) as (url, _), pytest.raises(SagaFileError) as caught:
            Remote(url).get("/")
        assert caught.value.findings == ({"line": 1},)

    @pytest.mark.parametrize(("status", "hint"), [(401, "set HMS_TOKEN"), (403, "set HMS_TOKEN"), (503, "try again")])
    def test_a_problem_without_a_name_has_a_hint_by_its_status(self, status: int, hint: str) -> None:
        with server(status, problem(title="No", detail="so")) as (url, _), pytest.raises(ServerError) as caught:
            Remote(url).get("/")
        assert caught.value.message == f"{url} answered {status}: No: so"
        assert caught.value.hint == hint

    @pytest.mark.parametrize(
        ("status", "body"),
        [(400, b"<html>"), (404, b'"no"'), (500, b"[]"), (418, b'{"title": 5}'), (502, b"\xff"), (500, b"[" * 100_000)],
    )
    def test_another_program_at_that_address_is_guessed(self, status: int, body: bytes) -> None:
        with server(status, body) as (url, _), pytest.raises(ServerError, match=f"answered {status}") as caught:
            Remote(url).get("/v1/sagas")
        assert "another program" in caught.value.hint

    def test_success_that_is_not_json(self) -> None:
        with (
            server(200, b"<html>") as (url, _),
            pytest.raises(ServerError, match="answered 200 with something else than JSON"),
        ):
            Remote(url).get("/")

    def test_a_redirect_is_not_followed(self) -> None:
        with (
            server(302, problem(title="go"), {"Location": "http://127.0.0.1:1/"}) as (url, asked),
            pytest.raises(ServerError, match="answered 302"),
        ):
            Remote(url, "t").get("/")
        assert len(asked) == 1

    def test_overload_says_when_to_come_back(self) -> None:
        with server(429, problem(title="busy"), {"Retry-After": "7"}) as (url, _), pytest.raises(ServerError) as caught:
            Remote(url).get("/")
        assert caught.value.hint == "try again in 7 s"


class TestSilence:
    def test_nobody_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(ServerError, match="no answer from") as caught:
            Remote(f"http://127.0.0.1:{port}").post("/", {})
        assert "is hms-orch up running there" in caught.value.hint

    @pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", b"garbage\r\n\r\n"])
    def test_a_connection_that_ends_leaves_a_write_in_doubt(self, said: bytes) -> None:
        with _speaker(said) as port, pytest.raises(ServerError) as caught:
            Remote(f"http://127.0.0.1:{port}").post("/v1/events", {})
        assert "whether it took the request is not known" in caught.value.hint

    def test_an_answer_that_never_ends_is_cut_at_the_deadline(self) -> None:
        """Bytes keep coming, so no timeout of the socket would ever fire."""
        with (
            _speaker(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", forever=True) as port,
            pytest.raises(ServerError, match="no answer from"),
        ):
            Remote(f"http://127.0.0.1:{port}", timeout_s=0.3).get("/")

    def test_an_answer_that_is_too_long_is_not_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote, "MAX_ANSWER_BYTES", 10)
        with server(200, b"x" * 11) as (url, _), pytest.raises(ServerError, match="is over 10 bytes"):
            Remote(url).get("/")


@contextmanager
def _speaker(said: bytes, *, forever: bool = False) -> Iterator[int]:
    """Takes one connection, reads something, says `said` (then a byte at a time for ever) and hangs up."""
    over = threading.Event()

    def speak(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            try:
                connection.sendall(said)
                while forever and not over.wait(0.01):
                    connection.sendall(b"x")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=speak, args=[listener])
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join()


class TestFindWriter:
    def test_nobody_holds_the_store_so_the_command_takes_it(self, shop: Path) -> None:
        holder = find_writer(load(shop, {}))
        assert isinstance(holder, Holder)
        holder.release()

    def test_hms_url_wins(self, shop: Path) -> None:
        found = find_writer(load(shop, {"HMS_URL": "http://up:1/"}))
        assert isinstance(found, Remote)
        assert found.url == "http://up:1"
        assert list(shop.iterdir()) == []

    def test_an_up_that_holds_it_is_written_to(self, shop: Path) -> None:
        config = load(shop, {"HMS_SERVER_TOKENS": "a b"})
        with Holder.take(config.store_path) as holder:
            holder.announce("http://127.0.0.1:7600")
            found = find_writer(config)
        assert isinstance(found, Remote)
        assert found.url == "http://127.0.0.1:7600"

    def test_it_waits_while_an_up_starts(self, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = load(shop, {})
        with Holder.take(config.store_path) as holder:
            pauses: list[float] = []

            def pause(seconds: float) -> None:
                pauses.append(seconds)
                if len(pauses) == 3:
                    holder.announce("http://127.0.0.1:7600")

            monkeypatch.setattr(remote.time, "sleep", pause)
            found = find_writer(config)
        assert isinstance(found, Remote)
        assert len(pauses) == 3

    def test_it_does_not_wait_for_ever(self, shop: Path) -> None:
        config = load(shop, {})
        with Holder.take(config.store_path), pytest.raises(StoreHeld, match=f"process {os.getpid()}"):
            find_writer(config, wait_s=0)

    def test_it_takes_the_store_when_a_short_command_has_let_go(
        self, shop: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = load(shop, {})
        other = Holder.take(config.store_path)
        monkeypatch.setattr(remote.time, "sleep", lambda _: other.release())
        found = find_writer(config)
        assert isinstance(found, Holder)
        found.release()
