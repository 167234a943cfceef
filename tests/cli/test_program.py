"""The programs as a whole: help, version, slips, completions, and what a start imports."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from hms_orch_cli import __version__
from hms_orch_cli.cli import bus, main
from hms_orch_cli.cli.completion import script
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
PROGRAMS = {"hms-orch": main, "hms-bus": bus}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_verb_has_its_file(program: str) -> None:
    missing = [v.module for v in PROGRAMS[program].VERBS.values() if not find_spec(f"hms_orch_cli.cli.{v.module}")]
    assert missing == []


def commands() -> list[tuple[str, ...]]:
    """Every command of both programs, as it is typed."""
    found: list[tuple[str, ...]] = []
    for program, module in PROGRAMS.items():
        group = module.group()
        for name, verb in module.VERBS.items():
            if find_spec(f"hms_orch_cli.cli.{verb.module}") is None:
                continue  # test_every_verb_has_its_file tells
            command = group.load(name)
            below = getattr(command, "commands", {})
            found += [(program, name, each) for each in below] or [(program, name)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_shows_examples_of_itself(run: Run, words: tuple[str, ...]) -> None:
    ended = run(*words, "--help")
    assert (ended.code, ended.err) == (0, "")
    before, _, examples = ended.out.partition("Examples:\n")
    assert " ".join(words) in examples or words[0] == "hms-bus" or "hms-bus" in examples
    assert before.startswith(f"Usage: {' '.join(words)}")


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_lists_every_verb_with_the_line_it_has(run: Run, program: str) -> None:
    ended = run(program, "-h")
    assert ended == run(program, "--help")
    for name, verb in PROGRAMS[program].VERBS.items():
        assert any(line.split() == [name, *verb.about.split()] for line in ended.out.splitlines())


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(run: Run, program: str, option: str) -> None:
    assert run(program, option) == (0, f"{program} {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Usage: hms-orch"),
        (("validte",), "No such command 'validte'. Did you mean 'validate'?"),
        (("service", "sett"), "No such command 'sett'. Did you mean 'set'?"),
        (("validate",), "Missing argument 'PATH...'"),
        (("schema", "--nope"), "No such option"),
        (("validate", "x", "--format", "sariv"), "Invalid value for '--format'"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why_on_stderr(orch: Run, words: tuple[str, ...], said: str) -> None:
    ended = orch(*words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_version_loads_nothing_heavy() -> None:
    heavy = [
        "httpx",
        "jsonschema",
        "starlette",
        "uvicorn",
        "pydantic",
        "rich",
        "asyncio",
        "yaml",
        "http.client",
        "apsw",
    ]
    code = (
        "import sys\nfrom hms_orch_cli.cli.main import run\nsys.argv = ['hms-orch', {option!r}]\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        f"found = [name for name in {heavy} + ['hms_orch_cli.config'] if name in sys.modules]\n"
        "assert not found, found\n"
    )
    for option in ("--version", "--help"):
        subprocess.run([sys.executable, "-c", code.format(option=option)], check=True, capture_output=True, text=True)


def test_the_package_runs_as_a_module() -> None:
    ended = subprocess.run([sys.executable, "-m", "hms_orch_cli", "-V"], check=True, capture_output=True, text=True)
    assert ended.stdout == f"hms-orch {__version__}\n"


class TestCompletion:
    FILES = {  # noqa: RUF012
        ("hms-orch", "bash"): "hms-orch.bash",
        ("hms-orch", "zsh"): "_hms-orch",
        ("hms-orch", "fish"): "hms-orch.fish",
        ("hms-bus", "bash"): "hms-bus.bash",
        ("hms-bus", "zsh"): "_hms-bus",
        ("hms-bus", "fish"): "hms-bus.fish",
    }

    @pytest.mark.parametrize(("program", "shell"), FILES)
    def test_the_files_in_completions_are_what_the_command_prints(self, orch: Run, program: str, shell: str) -> None:
        printed = orch("completion", shell, "--for", program)
        assert printed.out == (ROOT / "completions" / self.FILES[program, shell]).read_text()
        assert printed.out == script(program, shell)

    def test_nothing_else_is_in_completions(self) -> None:
        assert {file.name for file in (ROOT / "completions").iterdir()} == set(self.FILES.values())

    @pytest.mark.parametrize("program", PROGRAMS)
    def test_a_zsh_file_begins_with_compdef_and_completes_when_it_is_autoloaded(self, program: str) -> None:
        text = script(program, "zsh")
        assert text.startswith(f"#compdef {program}\n")
        assert f'if [[ "$funcstack[1]" == "_{program}" ]]; then\n' in text

    @pytest.mark.parametrize("program", PROGRAMS)
    def test_bash_reads_its_script(self, program: str) -> None:
        subprocess.run(["bash", "-n", ROOT / "completions" / f"{program}.bash"], check=True)

    @pytest.mark.parametrize(
        ("words", "at", "wanted"),
        [
            ("hms-orch va", 1, "validate"),
            ("hms-orch service s", 2, "set"),
            ("hms-orch completion --f", 2, "--for"),
            ("hms-orch keys ", 2, "list\nrotate"),
        ],
    )
    def test_bash_is_answered(
        self, orch: Run, monkeypatch: pytest.MonkeyPatch, words: str, at: int, wanted: str
    ) -> None:
        monkeypatch.setenv("_HMS_ORCH_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(at))
        ended = orch()
        assert sorted(ended.out.split()) == wanted.split()
