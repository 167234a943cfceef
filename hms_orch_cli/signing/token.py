"""The token of an attempt: a JWT (RFC 7519) signed with ES256, good for one minute.

Built by hand, since every attempt needs one: the encoded header is kept with the key, the random ids come in blocks,
the hash is made before signing (OpenSSL's one-step way costs a third more). It is signed where it is asked for: at 64
calls at a time on two cores a signer thread was 15 % slower, the hops between threads cost more than the signature.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from orjson import dumps

from hms_orch_cli.ports.participants import Claims
from hms_orch_cli.signing.keys import KeyRing, base64url

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

LIFETIME_S: Final = 60
LOOK_AGAIN_S: Final = 1
"""How soon a running process notices that `hms-orch keys rotate` made a new key."""
_IDS_PER_BLOCK: Final = 256


class Es256Signer:
    """Implements `ports.Signer` with the newest key of the ring. `now` is seconds since 1970."""

    def __init__(self, keys: KeyRing, issuer: str = "hms-orch", now: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._issuer = issuer
        self._now = now
        self._ids: list[str] = []
        self._header = ""
        self._seal: Callable[[bytes], bytes] | None = None
        self._ring_state = -1
        self._look_at = 0.0

    def jwks(self) -> dict[str, Any]:
        """The public keys, as a JWK set."""
        return self._keys.jwks()

    def token(self, claims: Claims) -> str:
        """A signed JWT for this attempt. Raises ConfigError if the keys cannot be used."""
        now = self._now()
        seal = self._newest_seal(now)
        if not self._ids:
            block = os.urandom(16 * _IDS_PER_BLOCK).hex()
            self._ids = [block[at : at + 32] for at in range(0, len(block), 32)]
        issued = int(now)
        payload = {
            "iss": self._issuer,
            "aud": claims.audience,
            "sub": claims.saga_id,
            "iat": issued,
            "exp": issued + LIFETIME_S,
            "jti": self._ids.pop(),
            "step": claims.step,
            "op": claims.op,
            "attempt": claims.attempt,
        }
        signed = self._header + base64url(dumps(payload))
        return f"{signed}.{base64url(seal(signed.encode()))}"

    def _newest_seal(self, now: float) -> Callable[[bytes], bytes]:
        if self._seal is not None and now < self._look_at:
            return self._seal
        self._look_at = now + LOOK_AGAIN_S
        state = self._keys.state()
        if self._seal is None or state != self._ring_state:
            key = self._keys.keys()[0]
            self._seal, self._ring_state = _seal_of(key.private), self._keys.state()
            self._header = base64url(dumps({"alg": "ES256", "typ": "JWT", "kid": key.kid})) + "."
        return self._seal


def _seal_of(private: EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    """What signs with a key. The cryptography is loaded with the first one: nobody is called before."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    algorithm = ec.ECDSA(Prehashed(SHA256()))

    def seal(signed: bytes) -> bytes:
        # JOSE wants the two numbers as 64 raw bytes, not as DER (RFC 7518, 3.4).
        r, s = decode_dss_signature(private.sign(sha256(signed).digest(), algorithm))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return seal
