"""The animals of the zoo, each with one line of what it does and what the outcome table makes of it."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable

from tests.acceptance.zoo import NEVER, REFUSED, SUCCESS, UNKNOWN, Animal, Visit, self_signed

OK = b"HTTP/1.1 200 OK\r\n"
JSON = b"content-type: application/json\r\n"
CHUNKED = OK + JSON + b"transfer-encoding: chunked\r\n\r\n"
BRIEF_MS = 500
"""For those that nothing but the deadline ends."""
NOT_HTTP = "the answer is not HTTP"
LATE = "no whole answer within the attempt's time"
CLOSED = "connection lost: it was closed before the whole answer came"
RESET = "connection lost"
OVER = "body over 1 MiB"
NOT_JSON = "application/json that is not JSON"
ESC_AND_BIDI = "\\u001b[2J\\u001b]0;owned\\u0007\\u009b31m\\u202egnp.exe\\u2066\\u200b\\r\\nsaga.completed\\u0000"
STOLEN = "meant for nobody"
"""In each answer that no request belongs to."""

Act = Callable[[Visit], None]


def says(*parts: bytes, then: Act | None = None) -> Act:
    """Reads the request, sends the parts, one segment each, and hangs up, unless there is more to do."""

    def act(visit: Visit) -> None:
        visit.read()
        visit.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            visit.push(part)
        if then:
            then(visit)

    return act


def drip(piece: bytes, every_s: float = 0.02) -> Act:
    """Goes on with one small piece after another until the caller has gone."""

    def act(visit: Visit) -> None:
        while not visit.left_within(every_s):
            visit.push(piece)

    return act


def pour(piece: bytes) -> Act:
    """Goes on as fast as somebody reads until the caller has gone."""
    bucket = piece * max(1, 65_536 // len(piece))

    def act(visit: Visit) -> None:
        while True:
            visit.push(bucket)

    return act


def again_and_again(answer: bytes) -> Act:
    """Gives the same whole answer to every request of a connection."""

    def act(visit: Visit) -> None:
        while visit.read() is not None:
            visit.push(answer)

    return act


def whole(status: str, body: str | bytes = b"", *headers: str, media: str = "application/json") -> bytes:
    """An answer as HTTP wants it."""
    data = body.encode() if isinstance(body, str) else body
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"HTTP/1.1 {status}\r\ncontent-type: {media}\r\n{lines}content-length: {len(data)}\r\n\r\n".encode() + data


def _wait(visit: Visit) -> None:
    visit.wait()


def _reset(visit: Visit) -> None:
    visit.reset()


def _close(visit: Visit) -> None:
    pass


def _answer_first(visit: Visit) -> None:
    visit.push(whole("503 Service Unavailable"))
    visit.wait()


def _answer_from_the_head(visit: Visit) -> None:
    """The answer goes out as soon as a first byte of the request has come."""
    visit.socket.recv(1)
    visit.push(whole("503 Service Unavailable"))
    visit.wait()


def _two_answers(visit: Visit) -> None:
    """Every request gets its answer and, in the same segment, one more that belongs to none."""
    while (path := visit.read()) is not None:
        visit.push(b"".join(whole("200 OK", f'{{"for": "{text}"}}') for text in (path, STOLEN)))


def _self_signed() -> Act:
    context = self_signed()

    def act(visit: Visit) -> None:
        visit.socket = context.wrap_socket(visit.socket, server_side=True)
        visit.read()
        visit.push(whole("200 OK", "{}"))

    return act


def _accept_and_999(visit: Visit) -> None:
    while (path := visit.read()) is not None:
        visit.push(whole("999 Whatever") if path == "/poll" else whole("202 Accepted", "", "location: /poll"))


def _plain_on_tls(visit: Visit) -> None:
    visit.socket.recv(65_536)
    visit.push(whole("400 Bad Request"))


def _reset_in_handshake(visit: Visit) -> None:
    visit.socket.recv(16)
    visit.reset()


def never_ends(name: str, does: str, act: Act, reason: str = LATE) -> Animal:
    """Only the deadline ends it."""
    return Animal(name, does, act, UNKNOWN, reason, 2, BRIEF_MS)


def doubtful(name: str, does: str, act: Act, reason: str, *, endless: bool = False) -> Animal:
    """It is found out long before the deadline, and nobody knows whether the call took effect."""
    return Animal(name, does, act, UNKNOWN, reason, 2, is_endless=endless)


def _json(body: str | bytes) -> Act:
    return again_and_again(whole("200 OK", body))


def _later(text: str, status: str) -> Act:
    return again_and_again(whole(status, "", f"retry-after: {text}"))


ANIMALS = [
    # Slow and silent
    never_ends("slow_headers", "sends its head a byte at a time, for ever", says(OK + b"x-slow: ", then=drip(b"a"))),
    never_ends("slow_body", "sends its body a byte at a time, for ever",
               says(OK + b"content-length: 100000\r\n\r\n", then=drip(b" "))),
    never_ends("slow_chunks", "sends chunks of one byte, slowly, for ever", says(CHUNKED, then=drip(b"1\r\n \r\n"))),
    never_ends("slow_early_hints", "sends a 103 now and then, and no answer",
               says(then=drip(b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.1))),
    never_ends("mute_at_the_door", "accepts and does not even read", _wait),
    never_ends("mute", "reads the request and says nothing", says(then=_wait)),
    never_ends("continue_and_nothing", "answers 100 Continue and no more",
               says(b"HTTP/1.1 100 Continue\r\n\r\n", then=_wait)),
    never_ends("length_too_long_open", "promises 1000 bytes, sends 10 and stays",
               says(OK + JSON + b'content-length: 1000\r\n\r\n{"count": ', then=_wait)),
    # Hanging up
    Animal("closes_before_reading", "closes at once", _close, UNKNOWN, "connection lost", 2),
    doubtful("closes_before_status", "reads the request and closes", says(), CLOSED),
    doubtful("closes_in_headers", "closes in the middle of its head", says(OK + b"content-le"), CLOSED),
    doubtful("length_too_long", "promises 1000 bytes, sends 10 and closes",
             says(OK + JSON + b'content-length: 1000\r\n\r\n{"count": '), CLOSED),
    doubtful("no_last_chunk", "closes without a last chunk", says(CHUNKED + b"2\r\n{}\r\n"), CLOSED),
    doubtful("resets_before_status", "reads the request and resets", says(then=_reset), RESET),
    doubtful("resets_in_headers", "resets in the middle of its head", says(OK + b"content-le", then=_reset), RESET),
    doubtful("resets_in_body", "resets in the middle of its body",
             says(OK + JSON + b'content-length: 1000\r\n\r\n{"count": ', then=_reset), RESET),
    doubtful("resets_without_length", "resets in a body that its closing would have ended",
             says(OK + JSON + b"\r\n{}", then=_reset), RESET),
    # Lengths
    Animal("length_too_short", "sends more than it promises", says(OK + JSON + b"content-length: 2\r\n\r\n{} and more"),
           SUCCESS),
    doubtful("length_negative", "promises -5 bytes", says(OK + b"content-length: -5\r\n\r\nhello"), NOT_HTTP),
    doubtful("length_twice", "promises 5 bytes and 7",
             says(OK + b"content-length: 5\r\ncontent-length: 7\r\n\r\nhello, "), NOT_HTTP),
    doubtful("length_no_number", "promises five bytes in a word",
             says(OK + b"content-length: five\r\n\r\nhello"), NOT_HTTP),
    doubtful("length_beyond_64_bits", "promises 10^30 bytes",
             says(OK + b"content-length: 1" + b"0" * 30 + b"\r\n\r\nhello"), NOT_HTTP),
    doubtful("length_and_chunks", "gives a length and chunks",
             says(OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"), NOT_HTTP),
    # Without end
    doubtful("huge_declared", "sends 10^15 bytes and says so",
             says(OK + JSON + b"content-length: 1" + b"0" * 15 + b"\r\n\r\n", then=pour(b" ")), OVER, endless=True),
    doubtful("endless_body", "sends a body that only its closing would end", says(OK + JSON + b"\r\n", then=pour(b" ")),
             OVER, endless=True),
    doubtful("endless_chunks", "sends chunks for ever", says(CHUNKED, then=pour(b"1000\r\n" + b" " * 4_096 + b"\r\n")),
             OVER, endless=True),
    doubtful("endless_tiny_chunks", "sends chunks of one byte for ever", says(CHUNKED, then=pour(b"1\r\n \r\n")),
             OVER, endless=True),
    doubtful("endless_chunk_extension", "sends the extension of a chunk for ever",
             says(CHUNKED + b"1;x=", then=pour(b"a")), OVER, endless=True),
    doubtful("endless_trailers", "sends trailers for ever", says(CHUNKED + b"0\r\n", then=pour(b"x-a: b\r\n")), OVER,
             endless=True),
    doubtful("endless_trailer", "sends one trailer for ever", says(CHUNKED + b"0\r\nx-a: ", then=pour(b"b")), OVER,
             endless=True),
    doubtful("endless_headers", "sends headers for ever", says(OK, then=pour(b"x-a: b\r\n")), "headers over 64 KiB",
             endless=True),
    doubtful("endless_header", "sends one header for ever", says(OK + b"x-a: ", then=pour(b"b")), "headers over 64 KiB",
             endless=True),
    doubtful("endless_header_name", "sends the name of a header for ever", says(OK, then=pour(b"b")),
             "headers over 64 KiB", endless=True),
    doubtful("endless_reason", "sends its reason phrase for ever", says(b"HTTP/1.1 200 ", then=pour(b"OK")),
             "headers over 64 KiB", endless=True),
    doubtful("endless_early_hints", "sends 103 for ever",
             says(then=pour(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")),
             "headers over 64 KiB", endless=True),
    # Chunks
    doubtful("chunk_size_nonsense", "gives a chunk size that is none",
             says(CHUNKED + b"not a size\r\n{}\r\n0\r\n\r\n"), NOT_HTTP),
    doubtful("chunk_size_huge", "gives a chunk size beyond 64 bits", says(CHUNKED + b"f" * 20 + b"\r\n{}"), NOT_HTTP),
    doubtful("chunk_size_negative", "gives a chunk size below zero",
             says(CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"), NOT_HTTP),
    doubtful("chunk_too_long", "sends more in a chunk than it says",
             says(CHUNKED + b"2\r\n{}{}\r\n0\r\n\r\n"), NOT_HTTP),
    # No HTTP
    doubtful("garbage", "sends bytes of no kind", says(bytes(range(256)) * 16), NOT_HTTP),
    doubtful("nothing_but_nul", "sends zeros", says(bytes(4_096)), NOT_HTTP),
    doubtful("http_0_9", "answers without a status line", says(b"<html>It worked.</html>"), NOT_HTTP),
    doubtful("http_2", "answers with frames of HTTP/2",
             says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)), NOT_HTTP),
    doubtful("wrong_version", "answers in HTTP/7.3", says(whole("200 OK", "{}").replace(b"/1.1", b"/7.3")), NOT_HTTP),
    doubtful("other_protocol", "greets in SSH", says(b"SSH-2.0-OpenSSH_9.6\r\n"), NOT_HTTP),
    doubtful("split_header", "folds a header and puts a NUL into another",
             says(OK + b"x-a: b\r\n c\r\nx-d: \x00\r\ncontent-length: 0\r\n\r\n"), NOT_HTTP),
    # Statuses
    doubtful("switching_protocols", "switches to another protocol unasked",
             says(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", then=_wait),
             "switched"),
    Animal("moved_to_metadata", "redirects to the metadata service",
           again_and_again(whole("307 Moved", "", "location: http://169.254.169.254/latest/meta-data/")), REFUSED),
    doubtful("see_other", "answers 303",
             again_and_again(whole("303 See Other", "", "location: /elsewhere")), "See Other"),
    doubtful("status_zero", "answers with status 000", again_and_again(whole("000 Zero")), "status 0"),
    doubtful("status_999", "answers with status 999", again_and_again(whole("999 Whatever")), "status 999"),
    doubtful("status_of_four_digits", "answers with status 2000", says(whole("2000 OK", "{}")), NOT_HTTP),
    Animal("empty_reason", "leaves its reason phrase empty", again_and_again(whole("200 ", "{}")), SUCCESS),
    Animal("no_reason", "has no reason phrase", again_and_again(whole("200", "{}")), SUCCESS),
    Animal("no_content_with_content", "sends a body with 204", again_and_again(whole("204 No Content", "{}")), SUCCESS),
    # Bodies
    doubtful("json_that_is_not", "declares JSON and breaks off", _json('{"count": '), NOT_JSON),
    doubtful("json_deep", "nests its JSON 100,000 deep", _json("[" * 100_000 + "]" * 100_000), NOT_JSON),
    doubtful("json_rather_deep", "nests its JSON as deep as a parser takes, and no writer",
             _json('{"a":' * 1_000 + "1" + "}" * 1_000), "nested"),
    doubtful("json_beyond_numbers", "sends a number that no float holds", _json('{"n": 1e400}'), NOT_JSON),
    doubtful("json_not_a_number", "sends NaN", _json('{"n": NaN}'), NOT_JSON),
    doubtful("json_lone_surrogate", "sends half a surrogate pair", _json('{"message": "\\ud800"}'), NOT_JSON),
    doubtful("json_not_utf_8", "sends JSON in Latin-1", _json('{"message": "ü"}'.encode("latin-1")), NOT_JSON),
    Animal("json_keys_twice", "gives a key twice", _json('{"message": "one", "message": "two"}'), SUCCESS),
    Animal("json_long_number", "sends an integer of 300 digits", _json('{"n": ' + "1" * 300 + "}"), SUCCESS),
    Animal("json_of_empty_lists", "sends 1 MiB of empty lists", _json("[" + "[]," * 349_000 + "[]]"), SUCCESS),
    doubtful("gzip_bomb", "sends 50 MB as 50 kB of gzip, unasked",
             again_and_again(whole("200 OK", gzip.compress(b" " * 50_000_000, 6), "content-encoding: gzip")), "gzip"),
    # Order
    never_ends("answers_first", "answers 503 before it was asked, and reads nothing", _answer_first, ""),
    never_ends("answers_in_the_request", "answers 503 after a byte of the request", _answer_from_the_head, ""),
    Animal("two_answers", "gives two answers at once", _two_answers, SUCCESS),
    # TLS
    Animal("tls_plain", "speaks plain HTTP where TLS is asked for",
           _plain_on_tls, NEVER, "not sent", 2, scheme="https"),
    Animal("tls_self_signed", "shows a certificate that nobody vouches for", _self_signed(), NEVER, "not sent", 2,
           scheme="https"),
    Animal("tls_reset", "resets in the handshake", _reset_in_handshake, NEVER, "not sent", 2, scheme="https"),
    never_ends("tls_mute", "never ends the handshake", _wait)._replace(scheme="https"),
    # Words
    Animal("escape_sequences", "has control and bidi characters in the title of its problem",
           again_and_again(whole("422 No", f'{{"title": "{ESC_AND_BIDI}"}}', media="application/problem+json")),
           REFUSED),
    doubtful("escape_sequences_plain", "has escape sequences in a plain text",
             again_and_again(whole("500 Oops", "\x1b[2J\x1b]0;owned\x07\r\nsaga.completed\x00", media="text/plain")),
             "owned"),
    # 202, 425 and Retry-After
    never_ends("poll_elsewhere", "takes it on, to be asked about at another origin",
               again_and_again(whole("202 Accepted", "", "location: http://localhost:1/poll")), ""),
    never_ends("poll_at_metadata", "takes it on, to be asked about at the metadata service",
               again_and_again(whole("202 Accepted", "", "location: http://169.254.169.254/")), ""),
    never_ends("poll_in_a_circle", "takes it on, and each poll points to the next",
               again_and_again(whole("202 Accepted", "", "location: /circle")), ""),
    doubtful("poll_of_status_999", "takes it on, and ends it with status 999", _accept_and_999, "status 999"),
    never_ends("too_early_for_ever", "answers 425 for ever", again_and_again(whole("425 Too Early")), ""),
    never_ends("poll_in_ages", "takes it on, to be asked about in 10^30 seconds",
               again_and_again(whole("202 Accepted", "", "location: /poll", f"retry-after: 1{'0' * 30}")), ""),
    Animal("retry_in_ages", "asks to come again in 10^30 seconds", _later("1" + "0" * 30, "429 Too Many"), NEVER),
    Animal("retry_in_the_past", "asks to come again years ago", _later("Tue, 14 Nov 2023 22:13:20 GMT", "429 Too Many"),
           NEVER, attempts=2),
    Animal("retry_before", "asks to come again in -5 seconds", _later("-5", "503 Down"), UNKNOWN, attempts=2),
    Animal("retry_some_time", "asks to come again in words", _later("tomorrow, \xff", "503 Down"), UNKNOWN, attempts=2),
]  # fmt: skip
