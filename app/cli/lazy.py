"""Commands whose modules are imported when they are called: help and the others don't wait for AWS's and the web's libraries."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

ELSEWHERE: dict[str, tuple[str, str]] = {
    "remote": (
        "app.cli.remote:remote",
        "Annotate files on another GAS. Exit codes: 0 done, 3 not yet, 1 failed, 2 the command itself was wrong.",
    ),
    "account": ("app.cli.account:account", "Look at accounts, grant and revoke premium, and make accounts for load tests."),
    "drain": (
        "app.cli.drain:drain",
        "Wait until this EC2 instance is taken away, stop the daemons, and let the autoscaling group go on.",
    ),
}
"""Of each command: where it is, and the line that the list of commands has."""


class LazyGroup(TyperGroup):
    """A group that also has the commands of ELSEWHERE."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns all names, as the help lists them."""
        return [*super().list_commands(ctx), *ELSEWHERE]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns a command, or what stands for it in lists."""
        if cmd_name in ELSEWHERE:
            return TyperCommand(cmd_name, help=ELSEWHERE[cmd_name][1])
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Returns the command itself that the arguments name, imported now."""
        name = args[0]
        return (name, loaded(name), args[1:]) if name in ELSEWHERE else super().resolve_command(ctx, args)


def loaded(name: str) -> Any:
    """Imports a command of ELSEWHERE. Returns it."""
    module, _, attribute = ELSEWHERE[name][0].partition(":")
    found: Any = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)
