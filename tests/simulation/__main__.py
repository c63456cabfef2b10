"""python -m tests.simulation: an installation's days in minutes."""

import argparse
import json
import sys
from dataclasses import replace

from rich.progress import Progress

from .checks import Violation
from .world import Plot, Report, World

_EXAMPLE = "example: python -m tests.simulation --seed 7 --hours 24"


def main() -> int:
    """0 when everything held, 1 when something did not."""
    parser = argparse.ArgumentParser("python -m tests.simulation", description=__doc__, epilog=_EXAMPLE)
    parser.add_argument("--seed", type=int, default=1, help="which run (1)")
    parser.add_argument("--seeds", metavar="A-B", help="all of these, one after the other")
    parser.add_argument("--hours", type=float, default=24, help="simulated (24)")
    parser.add_argument("--rate", type=float, default=8, help="onsets a second of who plays (8)")
    parser.add_argument("--presence", type=float, default=0.25, help="part of the time in which somebody plays (0.25)")
    parser.add_argument("--faults", type=float, default=6, help="an hour (6)")
    parser.add_argument("--role", default="", help="instead of the seed's")
    parser.add_argument("--clock", default="", help="player, internal or midi, instead of the seed's")
    either = argparse.BooleanOptionalAction
    parser.add_argument(
        "--installation", action=either, help="with hours and limits, and alone it plays; else by the seed"
    )
    parser.add_argument("--no-switches", action="store_true", help="nobody chooses another role or model")
    parser.add_argument("--json", action="store_true", help="figures as JSON, a line a run")
    asked = parser.parse_args()
    first, _, last = (asked.seeds or str(asked.seed)).partition("-")
    switches = False if asked.no_switches else None
    figures = (asked.hours, asked.rate, asked.presence, asked.faults)
    plot = Plot(
        int(first),
        *figures,
        role=asked.role,
        clock=asked.clock,
        switches=switches,
        installation=asked.installation,
    )
    failed = 0
    for seed in range(int(first), int(last or first) + 1):
        failed += not _run(replace(plot, seed=seed), is_json=asked.json)
    return min(failed, 1)


def _run(plot: Plot, *, is_json: bool) -> bool:
    with Progress(transient=True, disable=is_json or not sys.stderr.isatty()) as progress:
        task = progress.add_task(f"seed {plot.seed}", total=1.0)
        try:
            report = World(plot).run(lambda done: progress.update(task, completed=done))
        except Violation as violation:
            print(violation, file=sys.stderr, flush=True)  # noqa: T201 (a program's output)
            return False
    print(json.dumps(report.as_dict()) if is_json else _line(report), flush=True)  # noqa: T201
    return True


def _line(report: Report) -> str:
    return (
        f"seed {report.seed}: {report.hours:g} h in {report.wall_s:.1f} s ({report.cpu_s:.1f} s of a core), "
        f"somebody there for {report.present_h:g} h, {report.onsets_in} onsets in, "
        f"{report.onsets_out} out, {sum(report.faults.values())} faults, "
        f"{report.engine_starts} engines, {report.port_starts} starts, {report.sha256[:16]}"
    )


if __name__ == "__main__":
    sys.exit(main())
