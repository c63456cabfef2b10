"""What the command line prints: texts, tables, figures, progress. No unprintable character gets through.

Lines of the log that go to the journal carry their level, as in sd-daemon(3).
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TextIO

import typer

from livegen.log_line import ErrorLine, level, visible
from livegen.printable import printable

Report = Callable[[int, int], None]  # called with the amount done and the total
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show(text: str, *, ends: bool = True) -> None:
    """Print a text of one or more lines; it ``ends`` with a line break."""
    typer.echo(printable(text, kept="\n"), nl=ends)


def show_json(value: Any) -> None:
    """Print a value as JSON, which has no unprintable characters."""
    typer.echo(json.dumps(value).replace("\x7f", "\\u007f"))


def log(line: str) -> None:
    """Print a line of the log on stdout."""
    _log(line, sys.stdout)


def complain(line: str) -> None:
    """Print the line that says why livegen ends, on stderr."""
    _log(ErrorLine(line), sys.stderr)


def _log(line: str, stream: TextIO) -> None:
    prefix = f"<{level(line)}>" if _is_journal(stream) else ""
    typer.echo(f"{prefix}{visible(line)}", file=stream)


def _is_journal(stream: TextIO) -> bool:
    """Whether a stream goes to systemd's journal: ``JOURNAL_STREAM`` has its device and inode (systemd.exec(5))."""
    expected = os.environ.get("JOURNAL_STREAM")
    if not expected:
        return False
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file
        return False
    return expected == f"{found.st_dev}:{found.st_ino}"


def table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """Format rows under the names of their columns."""
    cells = [columns, *(tuple(printable(str(row[column])) for column in columns) for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)


def print_figures(figures: dict[str, Any], *, as_json: bool) -> None:
    """Print figures, one in each line, or as JSON."""
    if as_json:
        show_json(figures)
    else:
        show("\n".join(_lines(figures)))


def print_table(rows: list[dict[str, Any]], columns: Mapping[str, str], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON. ``columns``: each heading, and the key of what stands under it."""
    if as_json:
        show_json(rows)
    else:
        shown = [{heading: row[key] for heading, key in columns.items()} for row in rows]
        show(table(shown, tuple(columns)))


def _lines(figures: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for name, value in figures.items():
        label = f"{indent}{name.replace('_', ' ')}"
        lines += (
            [label, *_lines(value, indent + "  ")] if isinstance(value, dict) else [f"{label}: {printable(str(value))}"]
        )
    return lines


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where stderr is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what)
        yield lambda done, total: bar.update(task, completed=done, total=total)
