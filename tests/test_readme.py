"""What the README says is so: its commands, options, routes, keys and paths, each held against the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from hms_orch_cli.cli import bus, ending, main
from hms_orch_cli.config.settings import SETTINGS
from hms_orch_cli.dashboard.openapi import document as openapi
from tests.documents import DOCS, README, ROOT, rows, section, slug, words

PROGRAMS = {"hms-orch": main, "hms-bus": bus}
COMMANDS = [f"{program} {verb}" for program, module in PROGRAMS.items() for verb in module.VERBS]
SHOWN = re.compile(r"\b(hms-orch|hms-bus) ([a-z][a-z-]*)")


def command(name: str) -> Any:
    """The command behind `hms-orch status`, as typer knows it."""
    program, verb = name.split()
    return PROGRAMS[program].group().load(verb)


def leaves(found: Any) -> list[Any]:
    """A command, or those of a noun."""
    return list(getattr(found, "commands", {}).values()) or [found]


def options(found: Any) -> set[str]:
    """Every option that a command takes, in all its spellings."""
    return {name for leaf in leaves(found) for option in leaf.params for name in (*option.opts, *option.secondary_opts)}


def table_of_commands() -> list[tuple[list[str], str]]:
    """(commands, whole row) of each row."""
    told = [(words(row[0]), " ".join(row)) for row in rows(section(README, "## Commands")) if "hms-" in row[0]]
    return [
        (["hms-" + " ".join(word.split()[:2])[4:] for word in named if word.startswith("hms-")], row)
        for named, row in told
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert any(name in named for named, _ in table_of_commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples(name: str) -> None:
    """`--help` of a verb, and of each verb of a noun."""
    for leaf in leaves(command(name)):
        assert "Examples:" in (leaf.epilog or ""), leaf.name


@pytest.mark.parametrize(
    "text",
    [README, *(path.read_text(encoding="utf-8") for path in DOCS)],
    ids=["README", *(path.name for path in DOCS)],
)
def test_no_command_is_told_of_that_does_not_exist(text: str) -> None:
    """In code only: in prose `hms-orch is up` names no command."""
    code = "\n".join(
        [*re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE), *re.findall(r"`([^`\n]+)`", text)]
    )
    assert {f"{program} {verb}" for program, verb in SHOWN.findall(code)} <= set(COMMANDS)


@pytest.mark.parametrize(
    ("named", "row"), table_of_commands(), ids=lambda value: value[0] if isinstance(value, list) else ""
)
def test_every_option_of_the_table_exists(named: list[str], row: str) -> None:
    for name in named:
        assert set(re.findall(r"--[a-z][a-z-]+", row)) <= options(command(name)), name


def test_the_configuration_table_is_the_configuration() -> None:
    """Keys, twins, and every default that is a value."""
    table = {words(row[0])[0]: (words(row[1])[0], row[2]) for row in rows(section(README, "## Configuration"))}
    for of_names in ("services.NAME", "tokens.NAME"):
        table.pop(of_names)
    assert {key: twin for key, (twin, _) in table.items()} == {key: setting.twin for key, setting in SETTINGS.items()}
    for key, setting in SETTINGS.items():
        if setting.default:
            assert f"`{setting.default}`" in table[key][1]


def test_the_routes_are_those_of_the_api() -> None:
    told = {word for row in rows(section(README, "## HTTP")) for word in words(row[0])}
    known = {f"{verb.upper()} {path}" for path, verbs in openapi()["paths"].items() for verb in verbs}
    assert told == known


def test_the_exit_codes_are_told() -> None:
    """Those of the error tree, of `up`, and of the last net."""
    from hms_orch_cli import errors

    told = {int(row[0]) for row in rows(section(README, "## Commands")) if row[0].isdigit()}
    tree = {
        kind.exit_code for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.HmsError)
    }
    from hms_orch_cli.cli import deploy, waiting

    rest = {0, ending.BUG, ending.INTERRUPTED, deploy.WOULD_CHANGE, waiting.STUCK_CODE, waiting.OTHER_END_CODE}
    assert told == tree | rest


WORDS = rows(section(README, "## Where each word lives"))


@pytest.mark.parametrize("row", WORDS, ids=lambda row: row[0])
def test_each_word_has_its_file(row: list[str]) -> None:
    found = re.fullmatch(r"\[([^\]]+)\]\(([^)]+)\)", row[1])
    assert found and found[1] == found[2]
    assert (ROOT / found[1]).is_file()


def test_the_words_of_the_field_are_in_the_table() -> None:
    told = {word.strip() for row in WORDS for word in row[0].split(",")}
    assert told >= {
        *("event store", "saga", "step", "compensation", "participant", "orchestrator", "run", "revision", "trigger"),
        *("filter", "retry", "outcome table", "idempotency key", "JWT", "JWKS", "callback", "address book", "bus"),
        *("metrics", "dashboard", "replay", "hash chain", "lock file", "CEL", "schema", "undo", "secret", "backup"),
        *("lock", "fencing token", "await", "approval", "HITL", "decision", "pause", "redrive", "explain", "plan"),
        *("cancel", "abandon"),
    }


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Files and headings within the repository."""
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, target
