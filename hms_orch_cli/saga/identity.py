"""The id of a run: derived from what triggered it, so the same event never starts the same definition twice."""

from __future__ import annotations

from hashlib import sha256


def run_id(definition: str, seq: int, event_hash: bytes) -> str:
    """A UUID of version 8 (RFC 9562): 48 bits of the triggering event's position, so ids rise with the log, then a
    digest of the definition's id and the event's chain hash, so ids of two stores never meet."""
    digest = sha256(b"%s\0%d\0%s" % (definition.encode(), seq, event_hash)).hexdigest()
    variant = "89ab"[int(digest[3], 16) & 3]
    return f"{seq >> 16 & 0xFFFFFFFF:08x}-{seq & 0xFFFF:04x}-8{digest[:3]}-{variant}{digest[4:7]}-{digest[7:19]}"
