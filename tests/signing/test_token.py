"""The token of an attempt, verified by PyJWT against the published keys, as a participant would."""

from pathlib import Path
from typing import Any

import jwt
import pytest

from hms_orch_cli.errors import ConfigError
from hms_orch_cli.ports.participants import Claims
from hms_orch_cli.signing.keys import KeyRing
from hms_orch_cli.signing.token import LOOK_AGAIN_S, Es256Signer

CLAIMS = Claims("payment-svc", "0190c9c2-1111-7222-8333-444455556666", "recalc", "call", 2)


def verified(token: str, jwks: dict[str, Any], audience: str = "payment-svc") -> dict[str, Any]:
    header = jwt.get_unverified_header(token)
    key = jwt.PyJWKSet.from_dict(jwks)[header["kid"]]
    required = ["exp", "iat", "sub", "jti", "aud", "iss"]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["ES256"], audience=audience, issuer="hms-orch", options={"require": required}
    )
    return claims


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


def test_a_participant_can_verify_it(ring: KeyRing) -> None:
    signer = Es256Signer(ring)
    claims = verified(signer.token(CLAIMS), signer.jwks())
    assert (claims["sub"], claims["step"], claims["op"], claims["attempt"]) == (CLAIMS.saga_id, "recalc", "call", 2)
    assert claims["exp"] - claims["iat"] == 60


def test_every_signature_and_id_is_new(ring: KeyRing) -> None:
    signer = Es256Signer(ring)
    tokens = [signer.token(CLAIMS) for _ in range(600)]
    assert len({verified(token, signer.jwks())["jti"] for token in tokens}) == 600


def test_another_audience_or_a_changed_claim_is_refused(ring: KeyRing) -> None:
    signer = Es256Signer(ring)
    token = signer.token(CLAIMS)
    with pytest.raises(jwt.InvalidAudienceError):
        verified(token, signer.jwks(), audience="notice-svc")
    head, _, signature = token.split(".")
    _, other, _ = signer.token(CLAIMS._replace(attempt=3)).split(".")
    with pytest.raises(jwt.InvalidSignatureError):
        verified(f"{head}.{other}.{signature}", signer.jwks())


def test_an_old_token_has_expired(ring: KeyRing) -> None:
    import time

    signer = Es256Signer(ring, now=lambda: time.time() - 61)
    with pytest.raises(jwt.ExpiredSignatureError):
        verified(signer.token(CLAIMS), signer.jwks())


def test_a_rotation_elsewhere_is_noticed_and_the_old_token_still_verifies(tmp_path: Path) -> None:
    import time

    ahead = 0.0
    signer = Es256Signer(KeyRing(tmp_path / "keys"), now=lambda: time.time() + ahead)
    old = signer.token(CLAIMS)
    new_kid = KeyRing(tmp_path / "keys").rotate().kid
    assert jwt.get_unverified_header(signer.token(CLAIMS))["kid"] != new_kid
    ahead = LOOK_AGAIN_S + 1
    new = signer.token(CLAIMS)
    assert jwt.get_unverified_header(new)["kid"] == new_kid
    ahead = 0
    for token in (old, signer.token(CLAIMS)):
        verified(token, signer.jwks())


def test_keys_that_cannot_be_used_are_a_config_error(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    KeyRing(folder).keys()
    folder.chmod(0o755)
    with pytest.raises(ConfigError):
        Es256Signer(KeyRing(folder)).token(CLAIMS)
