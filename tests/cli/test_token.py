"""`token add`, `list`, `rm`: a token is shown once, the file keeps what it hashes to."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from hms_orch_cli.config import load
from hms_orch_cli.config.tokens import Token, hash_of, token_from
from hms_orch_cli.errors import ConfigError
from tests.cli.conftest import Run

FILE = Path("hms-orch.toml")
HASH = hash_of("secret")


def test_a_token_is_shown_once_and_kept_as_its_hash(orch: Run) -> None:
    FILE.write_text("# mine\n[server]\nport = 7601  # here\n")
    done = orch("token", "add", "ann", "--role", "operator", "--saga", "dol.*", "--saga", "x.v1")
    secret = done.out.strip()
    assert (done.code, secret.startswith("hms_"), len(secret)) == (0, True, 47)
    assert secret not in done.err and secret not in FILE.read_text()
    assert FILE.read_text().startswith("# mine\n[server]\nport = 7601  # here\n")
    assert load().named_tokens == {"ann": Token("ann", "operator", hash_of(secret), ("dol.*", "x.v1"))}
    assert secret not in orch("token", "list", "-o", "json").out


def test_two_tokens_are_never_the_same(orch: Run) -> None:
    assert len({orch("token", "add", name, "--role", "viewer").out for name in ("a", "b", "c")}) == 3


def test_the_list_tells_what_each_opens(orch: Run) -> None:
    orch("token", "add", "billing", "--role", "publisher", "--type", "invoice.*")
    orch("token", "add", "ann", "--role", "viewer")
    assert json.loads(orch("token", "list", "-o", "json").out) == [
        {"name": "ann", "role": "viewer", "sagas": [], "types": []},
        {"name": "billing", "role": "publisher", "sagas": [], "types": ["invoice.*"]},
    ]
    lines = orch("token", "list").out.splitlines()
    assert lines[0].split() == ["NAME", "ROLE", "SAGAS", "TYPES"]
    assert lines[2].split() == ["billing", "publisher", "all", "invoice.*"]


def test_one_that_is_taken_away_leaves_the_rest_of_the_file(orch: Run) -> None:
    before = "[services]\na = 'http://a'\n\n[tokens]  # who\n"
    FILE.write_text(before)
    orch("token", "add", "ann", "--role", "viewer")
    assert orch("token", "rm", "ann").code == 0
    assert FILE.read_text() == before


def test_it_says_what_becomes_of_a_running_up(orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "It is the first" in orch("token", "add", "ann", "--role", "viewer").err
    assert "A running up knows it at once." in orch("token", "add", "eve", "--role", "viewer").err
    assert "A running up refuses it at once." in orch("token", "rm", "ann").err
    assert "refuses everybody now" in orch("token", "rm", "eve").err
    orch("token", "add", "ann", "--role", "viewer")
    monkeypatch.setenv("HMS_TOKENS", json.dumps({"ann": {"role": "viewer", "hash": HASH}}))
    done = orch("token", "rm", "ann")
    assert (done.code, "HMS_TOKENS names ann too" in done.err) == (0, True)


def test_a_name_is_given_once(orch: Run) -> None:
    orch("token", "add", "ann", "--role", "viewer")
    text = FILE.read_text()
    done = orch("token", "add", "ann", "--role", "operator")
    assert (done.code, FILE.read_text()) == (2, text)
    assert "there is a token ann already" in done.err


def test_what_is_not_there_cannot_be_taken_away(orch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    orch("token", "add", "anna", "--role", "viewer")
    done = orch("token", "rm", "ann")
    assert (done.code, "did you mean anna?" in done.err) == (1, True)
    monkeypatch.setenv("HMS_TOKENS", json.dumps({"eve": {"role": "viewer", "hash": HASH}}))
    assert "it comes from HMS_TOKENS" in orch("token", "rm", "eve").err


@pytest.mark.parametrize("name", ["", "a b", "-a", "a\n", "é", "x" * 65, "a/b"])
def test_a_name_that_no_token_can_have(orch: Run, name: str) -> None:
    assert orch("token", "add", "--role", "viewer", "--", name).code == 1
    assert not FILE.exists()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("text", "must be a table"),
        ({}, "has no role"),
        ({"role": "admin", "hash": HASH}, "has no role"),
        ({"role": 5, "hash": HASH}, "has no role"),
        ({"role": "viewer"}, "has no hash"),
        ({"role": "viewer", "hash": "secret"}, "has no hash"),
        ({"role": "viewer", "hash": HASH.upper()}, "has no hash"),
        ({"role": "viewer", "hash": HASH, "saga": []}, "is no key of a token"),
        ({"role": "viewer", "hash": HASH, "sagas": ["a"]}, "a viewer does nothing"),
        ({"role": "operator", "hash": HASH, "sagas": "a"}, "sagas must be a list"),
        ({"role": "operator", "hash": HASH, "types": ["a*b"]}, "types must be a list"),
        ({"role": "operator", "hash": HASH, "types": [1]}, "types must be a list"),
    ],
)
def test_a_wrong_table_is_told_without_the_hash(value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        token_from("ann", value, "HERE")
    assert caught.value.message.startswith("HERE")
    assert HASH not in caught.value.message + caught.value.hint


def test_one_token_under_two_names_is_refused(monkeypatch: pytest.MonkeyPatch, orch: Run) -> None:
    FILE.write_text(f'[tokens]\nann = {{ role = "viewer", hash = "{HASH}" }}\n')
    assert list(load().named_tokens) == ["ann"]
    monkeypatch.setenv("HMS_TOKENS", json.dumps({"eve": {"role": "viewer", "hash": HASH}}))
    with pytest.raises(ConfigError, match="one token"):
        load()


def test_the_place_of_a_wrong_token_is_named(orch: Run) -> None:
    FILE.write_text('[server]\nport = 1\n[tokens]\nann = { role = "viewr" }\n')
    with pytest.raises(ConfigError, match=r"hms-orch.toml:4: tokens.ann") as caught:
        load()
    assert caught.value.hint == "did you mean viewer?"


def test_the_file_is_toml_still(orch: Run) -> None:
    orch("token", "add", "a.b@c", "--role", "publisher", "--type", "x.*", "--type", "urn:y/z")
    assert tomllib.loads(FILE.read_text())["tokens"]["a.b@c"]["types"] == ["x.*", "urn:y/z"]
