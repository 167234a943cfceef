"""A running `up` and the tokens of its file: what `hms-orch token` does holds for the next request."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.house import House

pytestmark = pytest.mark.process


def add(house: House, name: str, role: str) -> dict[str, str]:
    """A new token, as a request carries it."""
    return {"authorization": f"Bearer {house.ok('hms-orch', 'token', 'add', name, '--role', role).strip()}"}


def until(lines: Iterator[str], start: str) -> None:
    """Reads a stream to a line that begins so."""
    assert any(line.startswith(start) for line in lines)


def test_a_token_that_is_taken_away_opens_nothing_any_more(house: House) -> None:
    ann, vi = add(house, "ann", "operator"), add(house, "vi", "viewer")
    with house.up("--host", "0.0.0.0") as up, httpx.Client(base_url=up.url, timeout=20) as client:

        def status(headers: dict[str, str]) -> int:
            return client.get("/v1/sagas", headers=headers).status_code

        assert [status(each) for each in (ann, vi, {})] == [200, 200, 401]
        house.publish("nothing.happens")
        with client.stream("GET", "/v1/events", headers={**ann, "accept": "text/event-stream"}) as stream:
            lines = stream.iter_lines()
            until(lines, "id:")
            done = house.orch("token", "rm", "ann")
            assert (done.code, "refuses it at once" in done.err) == (0, True)
            assert [status(each) for each in (ann, vi)] == [401, 200]
            house.publish("nothing.happens")
            assert not [line for line in lines if line.startswith("id:")]
        eve = add(house, "eve", "viewer")
        assert status(eve) == 200
        for name in ("vi", "eve"):
            done = house.orch("token", "rm", name)
        assert "That was the last: a running up refuses everybody" in done.err
        assert [status(each) for each in (ann, vi, eve, {})] == [401] * 4
        assert house.ok("hms-orch", "status", "-o", "json") == "[]\n", "beside the store no token is needed"
        house.publish("nothing.happens")
        assert len(house.log()) == 3


def test_a_file_that_is_broken_meanwhile_changes_nothing_and_is_told(house: House) -> None:
    ann = add(house, "ann", "viewer")
    file = house.folder / "hms-orch.toml"
    before = file.read_text()
    with house.up() as up, httpx.Client(base_url=up.url, timeout=20) as client:

        def stale() -> bool:
            return "\nsaga_tokens_stale 1.0\n" in client.get("/metrics", headers=ann).text

        assert not stale()
        file.write_text("[tokens\n")
        assert stale() and stale()
        assert client.get("/v1/sagas").status_code == 401
        file.write_text(before)
        assert not stale()
    (line,) = [line for line in up.err.splitlines() if "hms-orch.toml" in line]
    assert "the tokens of before hold on" in line
