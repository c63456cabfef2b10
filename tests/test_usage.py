"""A command that was written wrongly says how it is written."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from livegen.cli import app
from livegen.usage import explain


def commands(group: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below a group, with its words."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, *words, name)
        else:
            yield (*words, name), command


EVERY = list(commands(typer.main.get_command(app)))


def said(*words: str) -> str:
    with pytest.raises(typer.TyperException) as caught:
        app(words, standalone_mode=False, prog_name="livegen")
    return explain(caught.value)


@pytest.mark.parametrize(("words", "command"), EVERY, ids=[" ".join(words) for words, _ in EVERY])
def test_every_command_says_what_it_needs_with_an_example_and_where_there_is_more(
    words: tuple[str, ...], command: Any
) -> None:
    name = " ".join(words)
    example = command.epilog.removeprefix("Example: ")
    needed = [each for each in command.params if each.required]
    mistake = [] if needed else [*("one" for each in command.params if not each.opts[0].startswith("-")), "too many"]

    found = said(*words, *mistake)

    assert f"livegen {name}" in example
    assert found.startswith(
        f"{name} needs {needed[0].metavar}" if needed else "got unexpected extra argument(s) (too many"
    )
    assert found.endswith(f"; for example: {example}; more: livegen {name} --help")


def test_the_list_of_commands_says_what_each_does_in_whole_sentences() -> None:
    shown = [command.get_short_help_str(62) for _, command in EVERY]  # the room that 80 columns leave

    assert [line for line in shown if line.endswith("...")] == []


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        (
            "jam --tempo",
            "--tempo needs a value (Beats a minute; 0: found in the phrase); for example: livegen jam --sound",
        ),
        ("jam --key", "--key needs a value ('G', 'F# minor', ...; default: found in what you play); for example: "),
        ("jam --sound=3", "--sound takes no value; for example: livegen jam --sound"),
        ("session show --json=3 x", "--json takes no value; for example: livegen session show"),
        ("session", "session needs a command: list, show, export, picture, save; more: livegen session --help"),
        ("bench step --steps 1", "--steps 1: write a whole number, at least 250; for example: livegen bench step"),
        ("status --jsonn", "unknown option '--jsonn'; did you mean '--json'?"),
    ],
)
def test_a_mistake_is_told_with_what_is_right(words: str, begins: str) -> None:
    assert said(*words.split()).startswith(begins)
