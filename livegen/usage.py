"""Mistakes in a command line: what is wrong with its words, and how the command is used."""

from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from livegen.errors import CommandError, did_you_mean
from livegen.wrong_value import remedy


class Commands(TyperGroup):
    """A group of commands."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command; CommandError with the one that was meant."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            raise CommandError(f"unknown command '{name}'{did_you_mean(name, self.commands)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a mistake in its words is raised with the command's context."""
        try:
            return super().invoke(ctx)
        except typer.TyperException as error:
            name = ctx.invoked_subcommand
            if name in self.commands and getattr(error, "ctx", ctx) is None:
                error.ctx = typer.Context(self.commands[name], parent=ctx, info_name=name)  # type: ignore[attr-defined]
            raise


def explain(error: typer.TyperException) -> str:
    """What is wrong with the words of a command, an example, and where there is more, in a line."""
    context = getattr(error, "ctx", None)
    said = _mistake(error, context)
    return f"{said}; {_usage(context)}" if context and not said.endswith("?") else said


def _mistake(error: Any, context: Any) -> str:
    option, refused = getattr(error, "option_name", None), error.__cause__
    if isinstance(refused, ValidationError):
        first = refused.errors()[0]
        return f"{_name(error.param)} {first['input']}: {remedy(first)}"
    if hasattr(error, "param_type"):  # something is missing
        needed = [_name(each) for each in context.command.params if each.required]
        return f"{_command(context)} needs {' and '.join(needed)}"
    if context and option and hasattr(error, "possibilities"):  # no such option
        known = [name for each in context.command.params for name in each.opts if name.startswith("--")]
        takes = next((each for each in context.command.params if option.removeprefix("--") in _values(each)), None)
        meant = f"; did you mean '{takes.opts[0]} {option[2:]}'?" if takes else did_you_mean(option, [*known, "--help"])
        return f"unknown option '{option}'{meant}"
    if context and option:
        param = next((each for each in context.command.params if option in each.opts), None)
        if getattr(param, "is_flag", False):
            return f"{option} takes no value"
        about = getattr(param, "help", None)
        return f"{option} needs a value" + (f" ({about.rstrip('.')})" if about else "")
    if isinstance(getattr(context, "command", None), TyperGroup):
        return f"{_command(context)} needs a command: {', '.join(context.command.commands)}"
    message = " ".join(error.format_message().split()).rstrip(".")
    return message[:1].lower() + message[1:]


def _command(context: Any) -> str:
    """The command's words, without the program's."""
    return str(context.command_path.partition(" ")[2])


def _name(param: Any) -> str:
    """An option's name, or an argument's as the help has it."""
    return str(param.opts[0] if param.opts[0].startswith("-") else param.metavar or param.name)


def _values(param: Any) -> list[str]:
    """What an option may be, where its help lists that after a colon."""
    return [value.strip(" .") for value in (getattr(param, "help", None) or "").partition(":")[2].split(",")]


def _usage(context: Any) -> str:
    example = (context.command.epilog or "").removeprefix("Example: ")
    return f"{f'for example: {example}; ' if example else ''}more: {context.command_path} --help"
