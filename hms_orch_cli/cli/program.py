"""What `hms-orch` and `hms-bus` have in common: a program of verbs, each imported only when it is called.

A verb is a module of this folder whose `app` is a Typer app made by `new_app`; with several commands it is a noun
(`service set`, `service list`). To add one, write the file and add its line to VERBS in main.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup

from hms_orch_cli import __version__


class Verb(NamedTuple):
    """A verb's one line in --help, its module in this folder, and the Typer app in it."""

    about: str
    module: str
    app: str = "app"


def new_app(about: str | None = None, *, noun: bool = False) -> typer.Typer:
    """A Typer app as every verb has it: -h as well as --help, no Rich. `noun`: it has commands of its own."""
    return typer.Typer(
        help=about,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=noun,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def examples(*lines: str) -> str:
    """The end of a command's help: its examples, as they are typed."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


class Verbs(TyperGroup):
    """A group that lists its verbs by name and line of help, and imports the one that is called."""

    verbs: Mapping[str, Verb] = {}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """As the base class, with the stand-in replaced by the command itself."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name else command, rest

    def load(self, name: str) -> Any:
        """The command behind a name."""
        verb = self.verbs[name]
        return typer.main.get_command(getattr(import_module(f"hms_orch_cli.cli.{verb.module}"), verb.app))


def _show_version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        typer.echo(f"{context.find_root().info_name} {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """The options of the program itself."""


def complete_variable(program: str) -> str:
    """The variable by which a shell asks `program` for completions."""
    return f"_{program.replace('-', '_').upper()}_COMPLETE"


def answer_shells() -> None:
    """Teaches typer its completion scripts; it does so by itself only for apps with --install-completion."""
    from typer.completion import get_completion_inspect_parameters

    get_completion_inspect_parameters()


def program(name: str, about: str, verbs: Mapping[str, Verb], epilog: str) -> Verbs:
    """The group of a program's verbs."""
    app = new_app(about, noun=True)
    app.callback(cls=Verbs, epilog=epilog)(_options)
    answer_shells()
    group = cast(Verbs, typer.main.get_command(app))
    group.verbs = verbs
    for verb, about_verb in verbs.items():
        group.add_command(TyperCommand(verb, help=about_verb.about, rich_markup_mode=None))
    return group
