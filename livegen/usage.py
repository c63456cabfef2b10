"""Commands and options that do not exist, each with the one that was meant."""

from typing import Any

import typer
from typer.core import TyperGroup

from livegen.errors import CommandError, did_you_mean


class Commands(TyperGroup):
    """A group of commands."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command; CommandError with the one that was meant."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            raise CommandError(f"unknown command '{name}'{did_you_mean(name, self.commands)}")
        return super().resolve_command(ctx, args)


def explain(error: typer.TyperException) -> str:
    """What is wrong with the words of a command, in a line."""
    context, option = getattr(error, "ctx", None), getattr(error, "option_name", None)
    if context and option and hasattr(error, "possibilities"):
        known = [name for param in context.command.params for name in param.opts if name.startswith("--")]
        return f"unknown option '{option}'{did_you_mean(option, [*known, '--help'])}"
    return " ".join(error.format_message().split())
