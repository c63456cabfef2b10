"""What it holds on to, the longer it plays: memory, open files and threads.

    python -m tests.soak --minutes 120 --folder /tmp/soak     a solo in real time, with visitors now and then
    python -m tests.soak --steps 1000000 [--model bach]       each shipped model, step after step

Exits with 0 if memory grows by no more than 2 MiB an hour after the warm-up (a quarter of the time, 20 minutes at the
most) while files and threads stay as many as they were, and by no more than 5 MiB in all the steps after a hundredth.
"""

import argparse
import os
import random
import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from livegen.model.bundle import load_bundle
from livegen.shipped import shipped_models
from tests.conftest import start_jack, stop_jack, tidy_jack
from tests.support.jack_stage import hanging, melody, stage

MOST_MIB_AN_HOUR = 2.0
MOST_MIB_OF_STEPS = 5.0
_WARM_UP_S = 1_200
_SAMPLE_S = 5.0
_FEW = 60  # samples
_PLACES = ("port", "engine")


@dataclass(frozen=True, slots=True)
class Sample:
    """A process at a moment."""

    at_s: float
    resident_mib: float
    files: int
    threads: int


def sample(pid: int, at_s: float) -> Sample:
    """As Linux sees it."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return Sample(
        at_s, int(lines["VmRSS"].split()[0]) / 1024, len(os.listdir(f"/proc/{pid}/fd")), int(lines["Threads"])
    )


def growth_mib(samples: list[Sample]) -> float:
    """MiB an hour, by the line through them."""
    slope, _ = statistics.linear_regression([s.at_s for s in samples], [s.resident_mib for s in samples])
    return slope * 3_600


def held(counts: list[int]) -> set[int]:
    """The fewest of each few minutes: a file that is just being read is not held."""
    last = max(len(counts) - _FEW, 0)
    return {min(counts[min(begin, last) :][:_FEW]) for begin in range(0, len(counts), _FEW)}


def soak(minutes: float, folder: Path, seed: int = 1) -> bool:
    """A solo with visitors; did it hold on to nothing?"""
    os.environ["JACK_DEFAULT_SERVER"] = f"livegen-soak-{os.getpid()}"
    os.environ["JACK_NO_AUDIO_RESERVATION"] = "1"
    chance, begun = random.Random(seed), time.monotonic()
    server = start_jack(folder / "jackd.log")
    try:
        settings = folder / "soak.toml"
        _set(settings, "solo")
        with stage("soak", folder, "--config", str(settings)) as on:
            pids = dict(zip(_PLACES, (on.daemon.process.pid, on.daemon.engine_pid() or 0), strict=True))
            samples: dict[str, list[Sample]] = {place: [] for place in _PLACES}
            with (folder / "soak.log").open("a", buffering=1, encoding="utf-8") as log:
                visit_s = leave_s = 0.0
                while (at_s := time.monotonic() - begun) < minutes * 60:
                    for place, pid in pids.items():
                        samples[place].append(sample(pid, at_s))
                        log.write(f"{place} {samples[place][-1]}\n")
                    if at_s > visit_s:
                        visit_s, leave_s = at_s + chance.uniform(20, 90), at_s + 15
                        on.player.play(melody([chance.randint(55, 79) for _ in range(chance.randint(1, 8))], 200))
                    if leave_s and at_s > leave_s:  # they have gone: it plays by itself again
                        leave_s = 0.0
                        _set(settings, "accompany")  # as it was touched
                        time.sleep(1)
                        _set(settings, "solo")
                    time.sleep(_SAMPLE_S)
            restarts = [line for line in on.daemon.lines() if "starting it again" in line]
            status = on.daemon.stop()
        left = sum(hanging(on.receiver.events()).values())
    finally:
        stop_jack(server)
        tidy_jack(folder / "jackd.log")
    warm = [_is_steady(place, samples[place], minutes) for place in _PLACES]
    sys.stdout.write(f"exit {status}, restarts {len(restarts)}, notes hanging {left}\n")
    return all(warm) and (status, restarts, left) == (0, [], 0)


def _set(path: Path, role: str) -> None:
    play = f'[play]\nrole = "{role}"\ntouched_role = "accompany"\n'
    path.write_text(f'{play}[daemon]\nrecord = "{path.parent}/sessions"\n')


def _is_steady(place: str, samples: list[Sample], minutes: float) -> bool:
    warm = [s for s in samples if s.at_s > min(minutes * 60 / 4, _WARM_UP_S)]
    growth, files, threads = growth_mib(warm), held([s.files for s in warm]), held([s.threads for s in warm])
    sys.stdout.write(
        f"{place}: {warm[0].resident_mib:.1f} MiB after the warm-up, {warm[-1].resident_mib:.1f} at the end, "
        f"{growth:+.2f} MiB an hour; files {sorted(files)}, threads {sorted(threads)}\n"
    )
    return growth <= MOST_MIB_AN_HOUR and len(files) == len(threads) == 1


def walk(model: str, steps: int) -> float:
    """MiB that this process has grown by in so many steps of a model, after a hundredth of them."""
    bundle, chance = load_bundle(model), np.random.default_rng(1)
    state, before = bundle.stepper.initial(), 0.0
    tokens = chance.integers(0, len(bundle.codec.vocabulary), 4_096)
    for step in range(steps):
        if step == steps // 100:
            before = sample(os.getpid(), 0).resident_mib
        _, state = bundle.stepper.step(tokens[None, step % 4_096, None], state)
    return sample(os.getpid(), 0).resident_mib - before


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--folder", type=Path, help="a new folder for its logs")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--model", choices=shipped_models(), action="append")
    given = parser.parse_args()
    if (given.minutes is None) == (given.steps is None) or (given.minutes and not given.folder):
        parser.error("give --minutes with --folder, or --steps")
    if given.minutes:
        if shutil.which("jackd") is None:
            parser.error("jackd is not installed (Debian: jackd2)")
        given.folder.mkdir(parents=True)
        return 0 if soak(given.minutes, given.folder.resolve()) else 1
    grown = {model: walk(model, given.steps) for model in given.model or shipped_models()}
    sys.stdout.write("".join(f"{model}: {mib:+.2f} MiB in {given.steps} steps\n" for model, mib in grown.items()))
    return 0 if max(grown.values()) <= MOST_MIB_OF_STEPS else 1


if __name__ == "__main__":
    sys.exit(main())
