"""`init`: what a new folder gets."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from hms_orch_cli.config import load
from hms_orch_cli.config.settings import SETTINGS
from hms_orch_cli.ports.services import Service
from hms_orch_cli.sagafile.schema import SAGAS, TESTS, schema_text
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]


WRITTEN = [
    "hms-orch.toml",
    "sagas/saga.schema.json",
    "sagas/saga-test.schema.json",
    "sagas/benefit-increase.yaml",
    "sagas/benefit-increase.test.yaml",
]


def test_it_writes_a_configuration_and_the_example_and_says_what_is_next(orch: Run, shop: Path) -> None:
    ended = orch("init")
    assert (ended.code, ended.out) == (0, "".join(f"wrote {name}\n" for name in WRITTEN))
    assert ended.err.startswith("next: hms-orch validate sagas/")
    assert {str(path.relative_to(shop)) for path in shop.rglob("*") if path.is_file()} == set(WRITTEN)


@pytest.mark.parametrize(("name", "of"), [("benefit-increase.yaml", SAGAS), ("benefit-increase.test.yaml", TESTS)])
def test_its_files_begin_with_the_line_that_leads_editors_to_the_schema(
    orch: Run, shop: Path, name: str, of: str
) -> None:
    """The line that the YAML language server reads; the path in it is relative to the file, and what lies there is the
    schema that the file fulfils."""
    orch("init")
    saga = shop / "sagas" / name
    first, rest = saga.read_text().split("\n", 1)
    found = re.fullmatch(r"#\s+yaml-language-server\s*:\s*\$schema=(\S+)", first)
    assert found is not None
    schema = json.loads((saga.parent / found[1]).read_text())
    assert schema == json.loads(schema_text(of))
    Draft202012Validator(schema).validate(yaml.safe_load(saga.read_text()))
    assert rest == (ROOT / "sagas" / name).read_text()


@pytest.mark.parametrize("name", ["benefit-increase.yaml", "benefit-increase.test.yaml"])
def test_an_example_in_the_package_is_the_one_of_the_repository(name: str) -> None:
    packaged = files("hms_orch_cli.cli") / "templates" / name
    assert packaged.read_bytes() == (ROOT / "sagas" / name).read_bytes()


def test_what_it_writes_passes_strictly_and_so_do_its_tests(orch: Run) -> None:
    orch("init")
    assert orch("validate", "--strict", "sagas/") == (0, "", "2 files, 1 valid saga: nothing to say\n")
    ended = orch("test")
    assert ended.code == 0
    assert "all passed" in ended.err


def test_the_configuration_holds_the_defaults(orch: Run, shop: Path) -> None:
    before = load(shop, {})
    orch("init")
    after = load(shop, {})
    assert (after.store_path, after.port, after.calls) == (before.store_path, before.port, before.calls)
    assert after.services["payment-svc"] == Service("http://127.0.0.1:9001")


def test_every_commented_key_of_it_exists(orch: Run, shop: Path) -> None:
    """With the comment signs taken away the file still loads, so none of its keys is made up."""
    orch("init")
    signs = ("# [", *(f"# {key.partition('.')[2]} =" for key in SETTINGS))
    lines = (shop / "hms-orch.toml").read_text().splitlines()[2:]
    uncommented = [line.removeprefix("# ") if line.startswith(signs) else line for line in lines]
    assert len([line for line in lines if line.startswith(signs)]) == 14
    (shop / "hms-orch.toml").write_text("\n".join(uncommented))
    found = load(shop, {})
    assert (found.tokens, found.keys_folder, found.secrets_folder) == (
        ("…",),
        shop / ".hms" / "keys",
        Path("/run/secrets"),
    )


@pytest.mark.parametrize("there", WRITTEN)
def test_it_overwrites_nothing(orch: Run, shop: Path, there: str) -> None:
    (shop / there).parent.mkdir(exist_ok=True)
    (shop / there).write_text("mine")
    ended = orch("init")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: {there} is there already; nothing was written\n")
    assert [path.read_text() for path in shop.rglob("*") if path.is_file()] == ["mine"]


def test_what_cannot_be_written_leaves_nothing_half_done(orch: Run, shop: Path) -> None:
    (shop / "sagas").write_text("a file in the way")
    ended = orch("init")
    assert ended.code == 1
    assert ended.err.startswith("error: ")
    assert [path.name for path in shop.iterdir()] == ["sagas"]
