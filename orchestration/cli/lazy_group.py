"""Groups of commands that are imported when they are called: help stays quick."""

import importlib
from collections.abc import Mapping

import click


class LazyGroup(click.Group):
    """A group that lists its commands without importing them.

    Args:
        sentences: What each command does, by its name.
        module: Where a command is, with ``{}`` for its name.
    """

    def __init__(self, *, sentences: Mapping[str, str], module: str, **options: object) -> None:
        super().__init__(**options)  # pyright: ignore[reportArgumentType]  click's own
        self._sentences = sentences
        self._module = module

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Their names, in the order in which a person meets them."""
        return list(self._sentences)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now."""
        if cmd_name not in self._sentences:
            return None
        return importlib.import_module(self._module.format(cmd_name)).command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Names and sentences, of which nothing has to be imported."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._sentences.items()))
