"""The key ring: files that only their owner can read, rotation without a moment of refused tokens."""

import os
import stat
from pathlib import Path

import pytest

from hms_orch_cli.errors import ConfigError
from hms_orch_cli.signing.keys import OVERLAP_S, KeyRing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".hms" / "keys"


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_made_on_first_use_and_stays(folder: Path) -> None:
    [key] = KeyRing(folder).keys()
    assert KeyRing(folder).keys()[0].kid == key.kid
    assert [path.name for path in folder.iterdir()] == [f"{key.kid}.pem"]


def test_files_are_0600_and_the_folder_is_0700(folder: Path) -> None:
    before = os.umask(0o022)
    try:
        ring = KeyRing(folder)
        ring.keys()
        ring.callback_secret()
    finally:
        os.umask(before)
    assert mode_of(folder) == 0o700
    assert {mode_of(path) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(folder: Path, mode: int) -> None:
    [key] = KeyRing(folder).keys()
    path = folder / f"{key.kid}.pem"
    path.chmod(mode)
    with pytest.raises(ConfigError, match="other users") as caught:
        KeyRing(folder).keys()
    assert caught.value.hint == f"chmod 600 {path}"


def test_a_folder_that_others_can_write_is_refused(folder: Path) -> None:
    KeyRing(folder).keys()
    folder.chmod(0o770)
    with pytest.raises(ConfigError, match="other users") as caught:
        KeyRing(folder).keys()
    assert caught.value.hint == f"chmod 700 {folder}"


def test_a_symlink_is_refused(folder: Path, tmp_path: Path) -> None:
    [key] = KeyRing(folder).keys()
    elsewhere = tmp_path / "elsewhere.pem"
    (folder / f"{key.kid}.pem").rename(elsewhere)
    (folder / f"{key.kid}.pem").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="symlink"):
        KeyRing(folder).keys()


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_named(folder: Path, content: bytes) -> None:
    KeyRing(folder).keys()
    other = folder / "other.pem"
    other.touch(mode=0o600)
    other.write_bytes(content)
    with pytest.raises(ConfigError, match=r"other\.pem"):
        KeyRing(folder).keys()


def test_a_folder_that_cannot_be_made_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be used"):
        KeyRing(tmp_path / "file" / "keys").keys()


def test_rotation_puts_a_new_key_in_charge_and_keeps_the_old_one_published(folder: Path) -> None:
    ring = KeyRing(folder)
    [old] = ring.keys()
    new = ring.rotate()
    assert ring.keys()[0].kid == new.kid
    assert [jwk["kid"] for jwk in ring.jwks()["keys"]] == [new.kid, old.kid]


def test_rotation_works_though_the_clock_was_set_back(folder: Path) -> None:
    clock = Hands()
    ring = KeyRing(folder, clock)
    ring.keys()
    clock.now -= 86_400
    assert ring.rotate().kid == ring.keys()[0].kid


def test_old_keys_go_after_an_hour_but_for_the_last_two(folder: Path) -> None:
    clock = Hands()
    ring = KeyRing(folder, clock)
    ring.keys()
    for _ in range(4):
        clock.now += 1
        ring.rotate()
    assert len(ring.jwks()["keys"]) == 5, "all are younger than an hour"
    clock.now += OVERLAP_S + 1
    assert len(ring.jwks()["keys"]) == 3
    ring.rotate()
    # The signing key of a moment ago was replaced just now; so two predecessors, and what came before them is gone.
    assert len(ring.jwks()["keys"]) == 3
    assert len(list(folder.glob("*.pem"))) == 3


def test_the_public_set_holds_no_private_part(folder: Path) -> None:
    [jwk] = KeyRing(folder).jwks()["keys"]
    assert sorted(jwk) == ["alg", "crv", "kid", "kty", "use", "x", "y"]


def test_the_kid_is_the_rfc_7638_thumbprint(folder: Path) -> None:
    from jwt import PyJWK
    from jwt.algorithms import ECAlgorithm

    [jwk] = KeyRing(folder).jwks()["keys"]
    assert PyJWK.from_dict(jwk).key_id == jwk["kid"]
    # Computed another way: the required members in lexical order, without white space.
    import base64
    import hashlib
    import json

    public = json.loads(ECAlgorithm.to_jwk(PyJWK.from_dict(jwk).key))
    members = json.dumps({name: public[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    digest = hashlib.sha256(members.encode()).digest()
    assert jwk["kid"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_the_callback_secret_is_made_once(folder: Path) -> None:
    secret = KeyRing(folder).callback_secret()
    assert len(secret) == 32
    assert KeyRing(folder).callback_secret() == secret


def test_a_damaged_callback_secret_is_named(folder: Path) -> None:
    KeyRing(folder).callback_secret()
    (folder / "callback.key").write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"5 bytes instead of 32"):
        KeyRing(folder).callback_secret()


def test_a_draft_left_by_a_crash_is_no_key(folder: Path) -> None:
    ring = KeyRing(folder)
    [key] = ring.keys()
    (folder / ".half.new").write_bytes(b"-----BEGIN")
    assert len(ring.keys()) == 1 and ring.keys()[0].kid == key.kid
