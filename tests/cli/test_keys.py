"""`keys list` and `keys rotate`."""

import json
import stat
from pathlib import Path

from tests.cli.conftest import Run


def test_looking_makes_no_key(orch: Run, shop: Path) -> None:
    ended = orch("keys", "list")
    assert (ended.code, ended.out) == (0, "")
    assert orch("keys", "list", "-o", "json").out == "[]\n"
    assert list(shop.iterdir()) == []


def test_a_rotation_puts_a_new_key_in_charge(orch: Run, shop: Path) -> None:
    first, second = orch("keys", "rotate"), orch("keys", "rotate")
    kids = [ended.out.split()[2] for ended in (first, second)]
    assert first.out == f"signing with {kids[0]} in {shop}/.hms/keys\n"
    listed = json.loads(orch("keys", "list", "-o", "json").out)
    assert [(key["kid"], key["alg"], key["signs"]) for key in listed] == [
        (kids[1], "ES256", True),
        (kids[0], "ES256", False),
    ]
    assert orch("keys", "list").out.splitlines()[1].split()[0] == kids[1]


def test_keys_that_others_can_read_are_refused(orch: Run, shop: Path) -> None:
    orch("keys", "rotate")
    [key] = (shop / ".hms/keys").glob("*.pem")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)
    ended = orch("keys", "list")
    assert (ended.code, ended.out) == (1, "")
    assert f"chmod 600 {key}" in ended.err


def test_every_folder_that_they_make_is_private(orch: Run, shop: Path) -> None:
    orch("keys", "rotate")
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (shop / ".hms", shop / ".hms/keys")] == [0o700, 0o700]
