"""What the command line prints: tables, figures, progress."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

Report = Callable[[int, int], None]  # called with the amount done and the total
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """Format rows under the names of their columns."""
    cells = [columns, *(tuple(str(row[column]) for column in columns) for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)


def print_figures(figures: dict[str, Any], *, as_json: bool) -> None:
    """Print figures, one in each line, or as JSON."""
    typer.echo(json.dumps(figures) if as_json else "\n".join(_lines(figures)))


def _lines(figures: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for name, value in figures.items():
        label = f"{indent}{name.replace('_', ' ')}"
        lines += [label, *_lines(value, indent + "  ")] if isinstance(value, dict) else [f"{label}: {value}"]
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
