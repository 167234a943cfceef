"""The API against its own description: schemathesis makes requests of it, good and bad, and checks every answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from hms_orch_cli.config.tokens import hash_of
from tests.acceptance.house import House

pytestmark = pytest.mark.process
pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install 'hms-orch[test]'")

TOKEN = "of-the-tests"
NAMED = {"HMS_TOKENS": json.dumps({"ann": {"role": "operator", "hash": hash_of(TOKEN)}})}

SAGA = """
id: shop.approval.v1
trigger: order.placed
steps:
  - name: agree
    approval: {prompt: "Ship it?"}
  - name: wait
    await: {event: order.paid, match: event.data.n == data.n}
"""

CONFIG = """
seed = 20261128

[checks]
enabled = true
# Too large is a refusal as good as any, and what a saga file may hold is more than a schema can say.
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 422, 429]

[generation]
max-examples = {examples}
{operations}"""

OPERATION = """
[[operations]]
include-path-regex = "^{path}"
parameters = {{ "path.id" = "{about}" }}
"""


def settings(about: Mapping[str, str], examples: int) -> str:
    """schemathesis.toml: under these paths requests are about what there is."""
    operations = "".join(OPERATION.format(path=path, about=each) for path, each in about.items())
    return CONFIG.format(examples=examples, operations=operations)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("token", [None, TOKEN], ids=["no token is needed", "with a token"])
def test_every_answer_is_as_described(house: House, token: str | None) -> None:
    house.deploy(SAGA)
    house.publish("order.placed", "--data", '{"n": 1}')
    house.until_idle()
    (item,) = json.loads(house.ok("hms-orch", "hitl", "list", "-o", "json"))
    about = {"/v1/sagas/": item["sagaId"], "/v1/hitl/": item["id"], "/v1/definitions/": "shop.approval.v1"}
    house.write("schemathesis.toml", settings(about, 12))
    with house.up(env=NAMED if token else None) as up:
        head = ["--header", f"Authorization: Bearer {token}"] if token else []
        done = house.command("st", "run", f"{up.url}/openapi.json", *head, "--no-color", "--continue-on-failure")
        assert done.code == 0, done.out[-20_000:]
    assert house.orch("replay", "--verify").code == 0


def test_the_settings_are_written_as_they_should(tmp_path: Path) -> None:
    import tomllib

    read = tomllib.loads(settings({"/v1/hitl/": "x.1"}, 3))
    assert read["operations"][0]["parameters"] == {"path.id": "x.1"}
