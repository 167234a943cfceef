"""The key ring: a folder with ES256 private keys (`<kid>.pem`) and the secret of callback tokens (`callback.key`).

The newest file signs; its predecessors stay in the JWK set, so that a token made just before a rotation can still be
verified. There is no marker file that could disagree with the keys: a rotation is one new file, whole or absent. A
key's name is its RFC 7638 thumbprint. Nobody but the owner may read the folder, else nothing in it is used.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hms_orch_cli.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

KEPT: Final = 2
"""How many predecessors of the signing key stay published, however old they are."""
OVERLAP_S: Final = 3_600
"""How long a key stays published after its successor was made. Tokens live 60 s, verifiers cache key sets longer."""
CALLBACK_FILE: Final = "callback.key"
SECRET_BYTES: Final = 32


class SigningKey(NamedTuple):
    """One key pair. `made_at` is nanoseconds since 1970, `jwk` its public half."""

    kid: str
    made_at: int
    private: EllipticCurvePrivateKey
    jwk: dict[str, Any]


class KeyRing:
    """The keys in `folder`, which is made with the first key. `now` is seconds since 1970. Raises ConfigError."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._now = now

    def keys(self) -> tuple[SigningKey, ...]:
        """Every key, newest first, so the first one signs; one is made if there is none yet."""
        with _as_config_error(self._folder):
            found = self._load()
            if not found:
                self._make_key(made_at=self._now_ns())
                found = self._load()
            return found

    def made(self) -> tuple[SigningKey, ...]:
        """Every key that there is, newest first; none is made."""
        with _as_config_error(self._folder):
            return self._load()

    def rotate(self) -> SigningKey:
        """Makes a new signing key and forgets the keys that nobody can need any more."""
        with _as_config_error(self._folder):
            before = self._load()
            # A clock that was set back must not leave the old key in charge.
            newest = before[0].made_at if before else 0
            self._make_key(made_at=max(self._now_ns(), newest + 1_000_000))
            keys = self._load()
            for key in keys[len(_published(keys, self._now_ns())) :]:
                (self._folder / f"{key.kid}.pem").unlink(missing_ok=True)
            return keys[0]

    def jwks(self) -> dict[str, Any]:
        """The public halves as a JWK set (RFC 7517), the signing key first."""
        return {"keys": [key.jwk for key in _published(self.keys(), self._now_ns())]}

    def callback_secret(self) -> bytes:
        """The 32 secret bytes of callback tokens, made on first use."""
        with _as_config_error(self._folder):
            path = self._folder / CALLBACK_FILE
            if not path.exists():
                self._publish(CALLBACK_FILE, secrets.token_bytes(SECRET_BYTES))
            secret = _read_private(path)
        if len(secret) != SECRET_BYTES:
            raise ConfigError(
                f"{path} holds {len(secret)} bytes instead of {SECRET_BYTES}.",
                "Delete it: a new one is made, and callbacks under way are refused.",
            )
        return secret

    def state(self) -> int:
        """Changes when a key is added or removed: cheap to ask."""
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return 0

    def _now_ns(self) -> int:
        return int(self._now() * 1e9)

    def _load(self) -> tuple[SigningKey, ...]:
        if not self._folder.exists():
            return ()
        _refuse_if_shared(self._folder, self._folder.stat().st_mode, "700")
        keys = [_parse(path) for path in self._folder.glob("*.pem") if not path.name.startswith(".")]
        return tuple(sorted(keys, key=lambda key: (key.made_at, key.kid), reverse=True))

    def _make_key(self, made_at: int) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        private = ec.generate_private_key(ec.SECP256R1())
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._publish(f"{_public_jwk(private)['kid']}.pem", pem, made_at)

    def _publish(self, name: str, content: bytes, made_at: int | None = None) -> None:
        """Writes a file that is seen whole or not at all; one that is there already stays as it is."""
        for folder in (*reversed(self._folder.parents), self._folder):  # mkdir's own `parents` are open to all
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        _refuse_if_shared(self._folder, self._folder.stat().st_mode, "700")
        draft = self._folder / f".{secrets.token_hex(8)}.new"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if made_at is not None:
                os.utime(draft, ns=(made_at, made_at))
            with contextlib.suppress(FileExistsError):
                (self._folder / name).hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)


def _published(keys: tuple[SigningKey, ...], now: int) -> tuple[SigningKey, ...]:
    """The keys that may still be needed: a prefix of `keys`, which are newest first."""
    kept = min(len(keys), 1 + KEPT)
    while kept < len(keys) and now - keys[kept - 1].made_at < OVERLAP_S * 1_000_000_000:
        kept += 1
    return keys[:kept]


def _parse(path: Path) -> SigningKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(_read_private(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise ConfigError(f"{path} is not an ES256 private key in PEM.", "Move it out of the key folder.")
    jwk = _public_jwk(private)
    return SigningKey(jwk["kid"], path.stat().st_mtime_ns, private, jwk)


def _public_jwk(private: EllipticCurvePrivateKey) -> dict[str, Any]:
    """The public half; its kid is the RFC 7638 thumbprint."""
    point = private.public_key().public_numbers()
    x, y = (base64url(number.to_bytes(32, "big")) for number in (point.x, point.y))
    canonical = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
    kid = base64url(sha256(canonical.encode()).digest())
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig", "alg": "ES256"}


_URLSAFE: Final = bytes.maketrans(b"+/", b"-_")


def base64url(data: bytes) -> str:
    """Base64url without padding, as JOSE writes it (RFC 7515)."""
    return b2a_base64(data, newline=False).translate(_URLSAFE, b"=").decode()


def _read_private(path: Path) -> bytes:
    """The content of a file that only its owner may read; a symlink is refused by O_NOFOLLOW."""
    if path.is_symlink():
        raise ConfigError(f"{path} is a symlink; a secret has to be a file of its own.", "Put the file itself there.")
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as file:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise ConfigError(f"{path} is not a regular file.", "Move it out of the key folder.")
        _refuse_if_shared(path, mode, "600")
        return file.read(65_536)


def _refuse_if_shared(path: Path, mode: int, wanted: str) -> None:
    if os.name == "posix" and mode & 0o077:
        raise ConfigError(f"{path} can be read or changed by other users.", f"chmod {wanted} {path}")


@contextlib.contextmanager
def _as_config_error(folder: Path) -> Iterator[None]:
    """What the file system says becomes a ConfigError."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"The keys in {folder} cannot be used: {error.strerror or error}.",
            "Check the folder's owner and its free space.",
        ) from error
