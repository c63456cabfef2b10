"""The commands of ``livegen bench``; each imports what it needs when it runs."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from livegen.terminal import AsJson, Report, print_figures, progress
from livegen.usage import Commands

Load = Annotated[bool, typer.Option("--load", help="Keep every core busy with stress-ng.")]
Stall = Annotated[bool, typer.Option("--stall", help="In every other block, stop the engine for 200 ms repeatedly.")]

bench = typer.Typer(
    cls=Commands, help="Measure speed; the conditions are printed with the figures.", rich_markup_mode=None
)


@bench.command("step", epilog="Example: livegen bench step --json")
def bench_step(
    model: Annotated[str, typer.Option(help="A shipped model's name, or the path of an .onnx file.")] = "bach",
    steps: Annotated[int, typer.Option(min=250, help="Steps of each kind.")] = 5000,
    as_json: AsJson = False,  # noqa: FBT002 (typer makes it a flag)
) -> None:
    """Measure how long a network thinks about one token.

    The control: the bare matrix-vector products of the same weights, in the same run.
    """
    import os

    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported: both sides use one thread
    from livegen.bench.step import measure_step

    _print("steps", lambda report: measure_step(model, steps, report), as_json=as_json)


@bench.command("delivery", epilog="Example: livegen bench delivery --events 20000 --load --stall --json")
def bench_delivery(
    events: Annotated[int, typer.Option(min=100, help="How many events to send.")] = 20_000,
    load: Load = False,  # noqa: FBT002 (typer makes it a flag)
    stall: Stall = False,  # noqa: FBT002 (typer makes it a flag)
    pedals: Annotated[  # noqa: FBT002 (typer makes it a flag)
        bool, typer.Option("--pedals", help="Thirty notes a second with the pedal, as a pianist plays.")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002 (typer makes it a flag)
) -> None:
    """Measure how late notes leave while a network thinks.

    The control: cyclictest, at the same priority.
    """
    from livegen.bench.delivery import measure_delivery, pianist, steady

    def measure(report: Report) -> dict[str, Any]:
        return measure_delivery(events, report, of=pianist if pedals else steady, is_loaded=load, is_stalled=stall)

    _print("events", measure, as_json=as_json)


@bench.command("reaction", epilog="Example: livegen bench reaction --notes 1000 --json")
def bench_reaction(
    notes: Annotated[int, typer.Option(min=10, help="How many notes to play, 0.12 to 0.4 s apart.")] = 1000,
    together: Annotated[
        str,
        typer.Option(metavar="MODEL", help="Accompanied by this model: how soon it gives way to the player's keys."),
    ] = "",
    as_json: AsJson = False,  # noqa: FBT002 (typer makes it a flag)
) -> None:
    """Measure how soon a note gets its harmony, on real ports."""
    from livegen.bench.reaction import measure_giving_way, measure_reaction

    if together:
        _print("notes", lambda report: measure_giving_way(notes, together, report), as_json=as_json)
    else:
        _print("notes", lambda report: measure_reaction(notes, report), as_json=as_json)


@bench.command("clock", epilog="Example: livegen bench clock --json")
def bench_clock(
    simulated: Annotated[bool, typer.Option(help="Also follow simulated pulses: many more scenarios.")] = True,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002 (typer makes it a flag)
) -> None:
    """Measure how near to the beat of a MIDI clock the notes are.

    The clock is generated; the ports are real.
    """
    from livegen.bench.clock import measure_following
    from livegen.bench.phase import measure_phase

    def measure(report: Report) -> dict[str, Any]:
        more = {"simulated": measure_following(report)["scenarios"]} if simulated else {}
        return {**measure_phase(report), **more}

    _print("scenarios", measure, as_json=as_json)


@bench.command("clock-out", epilog="Example: livegen bench clock-out --minutes 10 --json")
def bench_clock_out(
    minutes: Annotated[float, typer.Option(min=0.05, help="Minutes of our clock, and of the bare loop's.")] = 10,
    as_json: AsJson = False,  # noqa: FBT002 (typer makes it a flag)
) -> None:
    """Measure how even livegen's own MIDI clock arrives.

    The control: a loop that only waits and sends.
    """
    from livegen.bench.clock_out import measure_clock_out

    _print("turns", lambda report: measure_clock_out(minutes, report), as_json=as_json)


@bench.command("idle", epilog="Example: livegen bench idle --seconds 60 --json")
def bench_idle(
    seconds: Annotated[int, typer.Option(min=5, help="How long to measure.")] = 30,
    as_json: AsJson = False,  # noqa: FBT002 (typer makes it a flag)
) -> None:
    """Measure the CPU time of both processes while nobody plays."""
    from livegen.bench.idle import measure_idle

    _print("seconds", lambda report: measure_idle(seconds, report), as_json=as_json)


def _print(what: str, measure: Callable[[Report], dict[str, Any]], *, as_json: bool) -> None:
    """Measure with a progress bar, and print the figures."""
    with progress(what) as report:
        figures = measure(report)
    print_figures(figures, as_json=as_json)
