"""`hms-orch completion`: the completion script of a shell; also what `completions/` holds."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from hms_orch_cli.cli.program import answer_shells, complete_variable, examples, new_app

app = new_app()


class Shell(StrEnum):
    """The shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class Program(StrEnum):
    """The programs that can be completed."""

    ORCH = "hms-orch"
    BUS = "hms-bus"


@app.command(
    epilog=examples(
        "hms-orch completion bash > ~/.local/share/bash-completion/completions/hms-orch",
        "hms-orch completion zsh > ~/.zfunc/_hms-orch        # with fpath+=~/.zfunc before compinit",
        "hms-orch completion fish > ~/.config/fish/completions/hms-orch.fish",
        "hms-orch completion bash --for hms-bus > ~/.local/share/bash-completion/completions/hms-bus",
    )
)
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)],
    program: Annotated[Program, typer.Option("--for", help="The command to complete.")] = Program.ORCH,
) -> None:
    """Print the completion script of a shell."""
    from hms_orch_cli.cli import output

    output.text(script(program.value, shell.value))


def script(program: str, shell: str) -> str:
    """The script that completes `program` in `shell`."""
    from contextlib import redirect_stdout
    from io import StringIO

    from typer.completion import shell_complete

    answer_shells()
    written = StringIO()
    with redirect_stdout(written):
        shell_complete(typer.main.get_command(app), {}, program, complete_variable(program), f"source_{shell}")
    text = written.getvalue().strip("\n") + "\n"
    return _autoloaded(text, program) if shell == "zsh" else text


def _autoloaded(written: str, program: str) -> str:
    """A zsh script that also works as a file of $fpath: there #compdef is its first line, and since the file is the
    function that zsh calls, its end has to complete instead of registering."""
    function = f"_{program.replace('-', '_')}_completion"
    register = f"compdef {function} {program}"
    body = written.rstrip("\n").removesuffix(register).rstrip("\n")
    return f'{body}\n\nif [[ "$funcstack[1]" == "_{program}" ]]; then\n  {function} "$@"\nelse\n  {register}\nfi\n'
