"""The hash chain over the log: each event's hash covers the hash before it and every stored column.

    hash(n) = SHA-256( hash(n-1) ‖ seq ␀ stream ␀ version ␀ id ␀ source ␀ type ␀ time
                       ␀ subject ␀ datacontenttype ␀ dataschema ␀ extensions ␀ data )        hash(0) = 32 zero bytes

all as UTF-8. The five columns that can be NULL are written as nothing for NULL, else as `=` and their text. No column
but `data` may hold NUL, and `data` stands last, so two different rows never give the same bytes.

The chain is tamper-evident, not unforgeable: whoever can write the file can also hash it anew from any point on. What
betrays that, and a tail that was cut off, is an anchor kept elsewhere: `SEQ:HASH`, as `backup` and `export` print it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final, NamedTuple

from hms_orch_cli.errors import LogTampered, UsageError
from hms_orch_cli.ports.store import Event

HASH_BYTES: Final = 32
GENESIS: Final = bytes(HASH_BYTES)
_SEPARATORS: Final = 11


class Anchor(NamedTuple):
    """A position and the hash there. As text: `SEQ:HASH`, the hash in hex."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


START: Final = Anchor(0, GENESIS)
"""The head of an empty log."""


def parse_anchor(text: str) -> Anchor:
    """Reads `SEQ:HASH`. Raises UsageError."""
    seq, _, digest = text.strip().partition(":")
    # isdecimal alone lets other scripts' digits through, and fromhex skips spaces: hence the plain round trip.
    if seq.isascii() and seq.isdecimal() and len(digest) == 2 * HASH_BYTES:
        try:
            anchor = Anchor(int(seq), bytes.fromhex(digest))
        except ValueError:
            anchor = None
        if anchor is not None and anchor.hash.hex() == digest.lower():
            return anchor
    raise UsageError(
        f"{text!r} is not a position with its hash",
        "give SEQ:HASH as backup and export print it, such as 1204:9f86d0…, with all 64 digits of the hash",
    )


def link(
    prev: bytes,
    seq: int,
    stream: str,
    version: int,
    id: str,  # noqa: A002 the CloudEvents attribute's own name
    source: str,
    type: str,  # noqa: A002
    time: str,
    data: str | None,
    subject: str | None,
    datacontenttype: str | None,
    dataschema: str | None,
    extensions: str | None,
) -> bytes:
    """The hash of one row after `prev`; the arguments stand in the order of `ports.Event`.

    Raises ValueError if a column but `data` holds NUL, or a text is no Unicode (a lone surrogate).
    """
    head = (
        f"{seq}\0{stream}\0{version}\0{id}\0{source}\0{type}\0{time}"
        f"\0{'' if subject is None else '=' + subject}"
        f"\0{'' if datacontenttype is None else '=' + datacontenttype}"
        f"\0{'' if dataschema is None else '=' + dataschema}"
        f"\0{'' if extensions is None else '=' + extensions}"
        f"\0{'' if data is None else '='}"
    )
    if head.count("\0") != _SEPARATORS:
        raise ValueError("an attribute holds a NUL character")
    return sha256(prev + (head + (data or "")).encode()).digest()


def verify(rows: Iterable[Event], anchor: Anchor | None = None, after: Anchor = START) -> Anchor:
    """Walks the log from the event behind `after`, so from its first one, to its end and returns its head.

    Raises LogTampered with the first position that was changed, removed, swapped or inserted; with `anchor` also if
    the log ends before it or holds something else there.
    """
    seq, prev = after
    if anchor is not None and anchor.seq == 0 and anchor.hash != GENESIS:
        raise _other_than(anchor)
    iterator = iter(rows)
    while True:
        try:
            row = next(iterator, None)
        except UnicodeDecodeError:
            raise _tampered(seq + 1, "was changed: it holds bytes that are not text") from None
        if row is None:
            break
        seq += 1
        if row[0] != seq:
            raise _out_of_line(row[0], seq)
        try:
            expected = link(prev, *row[:-1])
        except (TypeError, ValueError):
            raise _tampered(seq, "was changed: a column holds what it cannot hold") from None
        if expected != row[-1]:
            raise _tampered(seq, "is not what was recorded there: it was changed, swapped or inserted")
        prev = expected
        if anchor is not None and anchor.seq == seq and anchor.hash != expected:
            raise _other_than(anchor)
    if anchor is not None and anchor.seq > seq:
        raise _cut_off(seq, anchor)
    return Anchor(seq, prev)


def held_to(rows: Iterable[Event], anchor: Anchor) -> Iterator[Event]:
    """The rows as they come, of a log that was verified. Raises LogTampered if they end before `anchor` or hold
    something else there."""
    seq = 0
    for row in rows:
        seq = row.seq
        if seq == anchor.seq and row.hash != anchor.hash:
            raise _other_than(anchor)
        yield row
    if anchor.seq > seq:
        raise _cut_off(seq, anchor)


def _out_of_line(found: int, expected: int) -> LogTampered:
    if found > expected:
        return _tampered(expected, f"is missing: the next one is {found}")
    return _tampered(found, "was inserted: positions begin at 1 and rise one by one")


def _cut_off(seq: int, anchor: Anchor) -> LogTampered:
    return LogTampered(
        f"the log ends at position {seq}, before {anchor.seq}: its tail was cut off from position {seq + 1} on",
        "restore a backup that reaches at least as far",
        position=seq + 1,
    )


def _other_than(anchor: Anchor) -> LogTampered:
    return LogTampered(
        f"the hash at position {anchor.seq} is not the one given: the log was written anew up to there",
        "compare with a backup made before that anchor",
        position=anchor.seq,
    )


def _tampered(position: int, what: str) -> LogTampered:
    return LogTampered(
        f"the log was tampered with: position {position} {what}",
        "what stands before this position is intact; compare the rest with a backup",
        position=position,
    )
